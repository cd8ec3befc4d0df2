import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { ApiError, post, remove } from "@/api/client";
import { allocationsQuery, nodeHealthQuery, nodesQuery } from "@/api/queries";
import { bytes, mebibytes } from "@/lib/format";
import { Button } from "@/ui/button";
import { CopyText } from "@/ui/copy";
import { Confirm } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Page, Surface, SurfaceHead } from "@/ui/surface";
import { toast, toastError } from "@/ui/toast";
import { Empty, Failed, SkeletonRows } from "@/ui/views";
import { NodeHealthMark } from "./nodes-page";

export function NodePage() {
  const { id } = useParams({ strict: false }) as { id: string };
  const number = Number(id);
  const query = useQuery(nodesQuery);
  const health = useQuery(nodeHealthQuery(number));
  const navigate = useNavigate();
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const [command, setCommand] = useState<string | null>(null);
  const token = useMutation({
    mutationFn: () => post<{ command: string }>(`/api/rookery/admin/nodes/${id}/token`),
    onSuccess: (answer) => setCommand(answer.command),
    onError: toastError,
  });
  const drop = useMutation({
    mutationFn: () => remove(`/api/application/nodes/${id}`),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ["admin"] });
      await navigate({ to: "/admin/nodes" });
    },
  });
  if (query.isPending) return <SkeletonRows rows={3} height="h-32" />;
  const node = query.data?.data.find((entry) => entry.attributes.id === number)?.attributes;
  if (!node)
    return (
      <Failed error={query.error ?? new Error("There is no such node.")} retry={() => void query.refetch()} />
    );
  const system = health.data?.system;
  return (
    <Page
      title={node.name}
      note={<NodeHealthMark id={node.id} />}
      actions={
        <Button look="danger" onClick={() => setAsking(true)}>
          <Trash2 className="size-4" /> Delete
        </Button>
      }
    >
      {health.data && !health.data.online && (
        <Surface className="border-caution/40 bg-caution/5">
          <SurfaceHead
            title="Waiting for the node"
            note="Run this once on the machine, then start the daemon there. This page notices when it answers."
          >
            <Button look="primary" busy={token.isPending} onClick={() => token.mutate()}>
              Show the command
            </Button>
          </SurfaceHead>
          {command && (
            <div className="p-5">
              <CopyText text={command} label="Copy the command" className="whitespace-normal" />
            </div>
          )}
        </Surface>
      )}
      <div className="grid items-start gap-5 lg:grid-cols-[20rem_1fr]">
        <Surface>
          <SurfaceHead title="Machine" />
          <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2.5 p-5 text-[13px] [&_dd]:text-right [&_dt]:text-muted">
            <dt>Address</dt>
            <dd className="font-mono">
              {node.fqdn}:{node.daemon_listen}
            </dd>
            <dt>SFTP</dt>
            <dd className="font-mono">{node.daemon_sftp}</dd>
            <dt>Memory for servers</dt>
            <dd>{mebibytes(node.memory)}</dd>
            <dt>Disk for servers</dt>
            <dd>{mebibytes(node.disk)}</dd>
            {system && (
              <>
                <dt>System</dt>
                <dd>{system.system.os}</dd>
                <dt>Memory present</dt>
                <dd>{bytes(system.system.memory_bytes)}</dd>
                <dt>Cores</dt>
                <dd>{system.system.cpu_threads}</dd>
                <dt>Docker</dt>
                <dd>{system.docker.version}</dd>
                <dt>Daemon</dt>
                <dd>v{system.version}</dd>
              </>
            )}
          </dl>
        </Surface>
        <Allocations node={node.id} />
      </div>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={`Delete ${node.name}?`}
        loss="Its addresses are forgotten. Nodes with servers cannot be deleted."
        verb="Delete node"
        typed={node.name}
        busy={drop.isPending}
        error={drop.error?.message}
        onConfirm={() => drop.mutate()}
      />
    </Page>
  );
}

function Allocations({ node }: { node: number }) {
  const client = useQueryClient();
  const query = useQuery(allocationsQuery(node));
  const refresh = () => client.invalidateQueries({ queryKey: ["admin", "allocations", node] });
  const add = useMutation({
    mutationFn: (form: Record<string, string>) =>
      post(`/api/application/nodes/${node}/allocations`, {
        ip: form.ip,
        alias: form.alias || null,
        ports: (form.ports ?? "").split(/[\s,]+/).filter(Boolean),
      }),
    onSuccess: () => {
      toast("The addresses were added.");
      void refresh();
    },
  });
  const drop = useMutation({
    mutationFn: (id: number) => remove(`/api/application/nodes/${node}/allocations/${id}`),
    onSuccess: () => void refresh(),
    onError: toastError,
  });
  const error = add.error instanceof ApiError ? add.error : null;
  const free = query.data?.data.filter((entry) => !entry.attributes.assigned).length ?? 0;
  return (
    <Surface>
      <SurfaceHead title="Addresses" note={query.data && `${free} of ${query.data.data.length} are free`} />
      <form
        className="grid items-start gap-3 border-b border-line p-5 md:grid-cols-[1fr_1fr_1.4fr_auto]"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate(Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>);
        }}
      >
        <TextField label="IP" name="ip" required placeholder="203.0.113.4" error={error?.about("ip")} />
        <TextField
          label="Shown as"
          name="alias"
          placeholder="play.example.org"
          error={error?.about("alias")}
        />
        <TextField
          label="Ports"
          name="ports"
          required
          placeholder="25565-25600, 27015"
          error={
            error?.about("ports") ??
            (error && !error.about("ip") && !error.about("alias") ? error.message : undefined)
          }
        />
        <Button type="submit" className="mt-6" busy={add.isPending}>
          Add
        </Button>
      </form>
      {query.isPending ? (
        <SkeletonRows rows={4} height="h-8" />
      ) : query.isError ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : query.data.data.length === 0 ? (
        <Empty title="No addresses">Servers need an address and a port that players join.</Empty>
      ) : (
        <ul className="grid max-h-[60dvh] overflow-y-auto sm:grid-cols-2 xl:grid-cols-3">
          {query.data.data.map(({ attributes: entry }) => (
            <li
              key={entry.id}
              className="group flex h-10 items-center gap-2 border-b border-line px-5 font-mono text-[13px]"
            >
              <span
                className={
                  entry.assigned ? "size-2 rounded-full bg-accent" : "size-2 rounded-full border border-muted"
                }
                title={entry.assigned ? "In use" : "Free"}
              />
              <span
                className="mr-auto truncate"
                title={entry.alias ? `${entry.ip}:${entry.port}` : undefined}
              >
                {entry.alias ?? entry.ip}:{entry.port}
              </span>
              {!entry.assigned && (
                <button
                  type="button"
                  aria-label={`Delete ${entry.ip}:${entry.port}`}
                  className="text-muted opacity-0 group-hover:opacity-100 hover:text-negative focus-visible:opacity-100"
                  onClick={() => drop.mutate(entry.id)}
                >
                  <Trash2 className="size-3.5" />
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Surface>
  );
}
