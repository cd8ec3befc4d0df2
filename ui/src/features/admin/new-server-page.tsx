import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { ApiError, post } from "@/api/client";
import { allocationsQuery, nestsQuery, nodesQuery, sessionQuery, usersQuery } from "@/api/queries";
import type { Egg, EggVariable, Item } from "@/api/types";
import { cx } from "@/lib/cx";
import { mebibytes } from "@/lib/format";
import { Button } from "@/ui/button";
import { SelectField, TextField } from "@/ui/field";
import { Page, Surface, SurfaceHead } from "@/ui/surface";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

interface Draft {
  name: string;
  egg: Egg | null;
  image: string;
  environment: Record<string, string>;
  memory: number;
  disk: number;
  cpu: number;
  node: number | null;
  allocation: number | null;
  owner: number | null;
  start: boolean;
}

/** One page with a summary that grows; picking a game makes everything valid. */
export function NewServerPage() {
  const nests = useQuery(nestsQuery);
  const nodes = useQuery(nodesQuery);
  const users = useQuery(usersQuery);
  const me = useQuery(sessionQuery).data?.user;
  const navigate = useNavigate();
  const client = useQueryClient();
  const [draft, setDraft] = useState<Draft>({
    name: "",
    egg: null,
    image: "",
    environment: {},
    memory: 1024,
    disk: 5120,
    cpu: 100,
    node: null,
    allocation: null,
    owner: null,
    start: true,
  });
  const change = (changes: Partial<Draft>) => setDraft((now) => ({ ...now, ...changes }));
  const nodeId = draft.node ?? nodes.data?.data[0]?.attributes.id ?? null;
  const allocations = useQuery({ ...allocationsQuery(nodeId ?? 0), enabled: nodeId !== null });
  const free =
    allocations.data?.data.map((entry) => entry.attributes).filter((entry) => !entry.assigned) ?? [];
  const allocation = free.find((entry) => entry.id === draft.allocation) ?? free[0];
  const owner =
    draft.owner ??
    users.data?.data.find((entry) => entry.attributes.uuid === me?.uuid)?.attributes.id ??
    null;
  const create = useMutation({
    mutationFn: () =>
      post<Item<{ identifier: string }>>("/api/application/servers", {
        name: draft.name,
        user: owner,
        egg: draft.egg!.id,
        docker_image: draft.image,
        startup: draft.egg!.startup,
        environment: draft.environment,
        limits: { memory: draft.memory, swap: 0, disk: draft.disk, io: 500, cpu: draft.cpu },
        feature_limits: { databases: 0, allocations: 1, backups: 3 },
        allocation: { default: allocation?.id },
        start_on_completion: draft.start,
      }),
    onSuccess: async (answer) => {
      await client.invalidateQueries({ queryKey: ["servers"] });
      await navigate({ to: "/server/$id", params: { id: answer.attributes.identifier } });
    },
  });
  const error = create.error instanceof ApiError ? create.error : null;
  if (nests.isPending || nodes.isPending) return <SkeletonRows rows={5} height="h-24" />;
  if (nests.isError) return <Failed error={nests.error} retry={() => void nests.refetch()} />;
  if (nodes.isError) return <Failed error={nodes.error} retry={() => void nodes.refetch()} />;
  const node = nodes.data.data.find((entry) => entry.attributes.id === nodeId)?.attributes;
  if (!node)
    return <Empty title="There is no node yet">Add the machine that shall run the server first.</Empty>;
  const pick = (egg: Egg) =>
    change({
      egg,
      image: Object.values(egg.docker_images)[0] ?? "",
      environment: Object.fromEntries(
        (egg.relationships?.variables.data ?? []).map(({ attributes: v }) => [
          v.env_variable,
          v.default_value,
        ]),
      ),
      name: draft.name || egg.name,
    });
  const variables = draft.egg?.relationships?.variables.data.map((entry) => entry.attributes) ?? [];
  return (
    <Page title="New server">
      <form
        className="grid items-start gap-5 lg:grid-cols-[1fr_20rem]"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <div className="flex min-w-0 flex-col gap-5">
          <Surface>
            <SurfaceHead title="Game" />
            <div className="flex flex-col gap-5 p-5">
              {nests.data.data.map(({ attributes: nest }) => {
                const eggs = nest.relationships?.eggs.data ?? [];
                return eggs.length === 0 ? null : (
                  <fieldset key={nest.id}>
                    <legend className="mb-2 text-[13px] text-muted">{nest.name}</legend>
                    <div className="grid gap-2 sm:grid-cols-2 xl:grid-cols-3">
                      {eggs.map(({ attributes: egg }) => (
                        <label
                          key={egg.id}
                          className={cx(
                            "flex flex-col gap-0.5 rounded-control border p-3 transition-colors duration-120 has-focus-visible:outline-2 has-focus-visible:outline-accent",
                            draft.egg?.id === egg.id
                              ? "border-accent bg-accent/10"
                              : "border-line hover:border-muted",
                          )}
                        >
                          <input
                            type="radio"
                            name="egg"
                            className="sr-only"
                            checked={draft.egg?.id === egg.id}
                            onChange={() => pick(egg)}
                          />
                          <span className="font-medium">{egg.name}</span>
                          <span className="line-clamp-2 text-xs text-muted">{egg.description}</span>
                        </label>
                      ))}
                    </div>
                  </fieldset>
                );
              })}
              {nests.data.data.every((nest) => !nest.attributes.relationships?.eggs.data.length) && (
                <Empty title="There are no eggs">Import one on the Eggs page first.</Empty>
              )}
            </div>
          </Surface>
          {draft.egg && (
            <>
              <Surface>
                <SurfaceHead title="Server" />
                <div className="grid gap-4 p-5 sm:grid-cols-2">
                  <TextField
                    label="Name"
                    value={draft.name}
                    required
                    maxLength={191}
                    onChange={(event) => change({ name: event.target.value })}
                    error={error?.about("name")}
                  />
                  <SelectField
                    label="Owner"
                    value={owner ?? ""}
                    onChange={(event) => change({ owner: Number(event.target.value) })}
                    error={error?.about("user")}
                  >
                    {users.data?.data.map(({ attributes: user }) => (
                      <option key={user.id} value={user.id}>
                        {user.username} ({user.email})
                      </option>
                    ))}
                  </SelectField>
                  <SelectField
                    label="Image"
                    value={draft.image}
                    onChange={(event) => change({ image: event.target.value })}
                    error={error?.about("docker_image")}
                  >
                    {Object.entries(draft.egg.docker_images).map(([label, image]) => (
                      <option key={image} value={image}>
                        {label}
                      </option>
                    ))}
                  </SelectField>
                </div>
              </Surface>
              {variables.length > 0 && (
                <Surface>
                  <SurfaceHead title="Settings of the game" />
                  <div className="grid gap-4 p-5 sm:grid-cols-2">
                    {variables.map((variable) => (
                      <VariableField
                        key={variable.id}
                        variable={variable}
                        value={draft.environment[variable.env_variable] ?? ""}
                        error={error?.about(`environment.${variable.env_variable}`)}
                        onChange={(value) =>
                          change({ environment: { ...draft.environment, [variable.env_variable]: value } })
                        }
                      />
                    ))}
                  </div>
                </Surface>
              )}
              <Surface>
                <SurfaceHead title="Size" note="0 is no limit." />
                <div className="grid gap-4 p-5 sm:grid-cols-3">
                  <NumberField
                    label="Memory in MiB"
                    value={draft.memory}
                    onChange={(memory) => change({ memory })}
                    error={error?.about("limits.memory")}
                  />
                  <NumberField
                    label="Disk in MiB"
                    value={draft.disk}
                    onChange={(disk) => change({ disk })}
                    error={error?.about("limits.disk")}
                  />
                  <NumberField
                    label="Processor in %"
                    value={draft.cpu}
                    onChange={(cpu) => change({ cpu })}
                    error={error?.about("limits.cpu")}
                    hint="100 is one core."
                  />
                </div>
              </Surface>
              <Surface>
                <SurfaceHead title="Place" />
                <div className="grid gap-4 p-5 sm:grid-cols-2">
                  <SelectField
                    label="Node"
                    value={node.id}
                    onChange={(event) => change({ node: Number(event.target.value), allocation: null })}
                  >
                    {nodes.data.data.map(({ attributes }) => (
                      <option key={attributes.id} value={attributes.id}>
                        {attributes.name}
                      </option>
                    ))}
                  </SelectField>
                  <SelectField
                    label="Address"
                    value={allocation?.id ?? ""}
                    onChange={(event) => change({ allocation: Number(event.target.value) })}
                    error={
                      error?.about("allocation.default") ??
                      (allocations.data && free.length === 0 ? "This node has no free address." : undefined)
                    }
                  >
                    {free.map((entry) => (
                      <option key={entry.id} value={entry.id}>
                        {entry.alias ?? entry.ip}:{entry.port}
                      </option>
                    ))}
                  </SelectField>
                </div>
              </Surface>
            </>
          )}
        </div>
        <Surface className="lg:sticky lg:top-7">
          <SurfaceHead title="Summary" />
          <dl className="grid gap-3 p-5">
            <Line term="Game">{draft.egg?.name ?? <span className="text-muted">Pick one</span>}</Line>
            {draft.egg && (
              <>
                <Line term="Memory">{mebibytes(draft.memory)}</Line>
                <Line term="Disk">{mebibytes(draft.disk)}</Line>
                <Line term="Processor">{draft.cpu ? `${draft.cpu} %` : "unlimited"}</Line>
                <Line term="Address">
                  {node.name}
                  {allocation && `:${allocation.port}`}
                </Line>
              </>
            )}
          </dl>
          <div className="flex flex-col gap-3 border-t border-line p-5">
            <label className="flex items-center gap-2 text-[13px]">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={draft.start}
                onChange={(event) => change({ start: event.target.checked })}
              />
              Start when installed
            </label>
            {error && (
              <p role="alert" className="text-[13px] text-negative">
                {error.message}
              </p>
            )}
            <Button
              type="submit"
              look="primary"
              disabled={!draft.egg || !allocation || !owner}
              busy={create.isPending}
            >
              Create server
            </Button>
          </div>
        </Surface>
      </form>
    </Page>
  );
}

function Line({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="text-muted">{term}</dt>
      <dd className="tabular text-right font-medium">{children}</dd>
    </div>
  );
}

function NumberField({
  label,
  value,
  onChange,
  error,
  hint,
}: {
  label: string;
  value: number;
  onChange: (value: number) => void;
  error?: string;
  hint?: string;
}) {
  return (
    <TextField
      label={label}
      type="number"
      min={0}
      value={value}
      onChange={(event) => onChange(Number(event.target.value))}
      error={error}
      hint={hint}
    />
  );
}

function VariableField({
  variable,
  value,
  error,
  onChange,
}: {
  variable: EggVariable;
  value: string;
  error?: string;
  onChange: (value: string) => void;
}) {
  const rules = variable.rules?.split("|") ?? [];
  const options = rules
    .find((rule) => rule.startsWith("in:"))
    ?.slice(3)
    .split(",");
  const hint = variable.description;
  if (options)
    return (
      <SelectField
        label={variable.name}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        error={error}
        hint={hint}
      >
        {!options.includes(value) && <option value={value}>{value || "–"}</option>}
        {options.map((option) => (
          <option key={option}>{option}</option>
        ))}
      </SelectField>
    );
  return (
    <TextField
      label={variable.name}
      value={value}
      required={rules.includes("required")}
      onChange={(event) => onChange(event.target.value)}
      error={error}
      hint={hint}
    />
  );
}
