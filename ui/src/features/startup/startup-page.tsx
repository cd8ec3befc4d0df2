import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, put } from "@/api/client";
import { startupQuery } from "@/api/queries";
import type { ClientVariable } from "@/api/types";
import { useServer } from "@/features/servers/server-context";
import { SelectField, TextField } from "@/ui/field";
import { Page, Surface, SurfaceHead } from "@/ui/surface";
import { toast, toastError } from "@/ui/toast";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

export function StartupPage() {
  const { server, allows } = useServer();
  const client = useQueryClient();
  const query = useQuery(startupQuery(server.uuid));
  const image = useMutation({
    mutationFn: (docker_image: string) =>
      put(`/api/client/servers/${server.uuid}/settings/docker-image`, { docker_image }),
    onSuccess: () => {
      toast("The image is used from the next start.");
      void client.invalidateQueries({ queryKey: ["server"] });
    },
    onError: toastError,
  });
  if (query.isPending) return <SkeletonRows rows={5} height="h-20" />;
  if (query.isError) return <Failed error={query.error} retry={() => void query.refetch()} />;
  const { data, meta } = query.data;
  const images = Object.entries(meta.docker_images);
  const known = images.some(([, value]) => value === server.docker_image);
  return (
    <Page title="Startup" note="Changes count from the next start.">
      <Surface>
        <SurfaceHead title="Command" />
        <div className="grid gap-5 p-5 lg:grid-cols-[1fr_20rem]">
          <pre className="overflow-x-auto rounded-control bg-console p-3.5 font-mono text-[13px] whitespace-pre-wrap text-[#d9dbe8]">
            {meta.startup_command}
          </pre>
          <SelectField
            label="Container image"
            value={server.docker_image}
            disabled={!known || images.length < 2 || !allows("startup.docker-image") || image.isPending}
            onChange={(event) => image.mutate(event.target.value)}
            hint={known ? undefined : "An administrator chose this image."}
          >
            {!known && <option value={server.docker_image}>{server.docker_image}</option>}
            {images.map(([label, value]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </SelectField>
        </div>
      </Surface>
      <Surface>
        <SurfaceHead title="Variables" />
        {data.length === 0 ? (
          <Empty title="Nothing to set">This game has no settings of its own.</Empty>
        ) : (
          <div className="grid gap-5 p-5 md:grid-cols-2">
            {data.map(({ attributes }) => (
              <Variable
                key={attributes.env_variable}
                variable={attributes}
                editable={attributes.is_editable && allows("startup.update")}
              />
            ))}
          </div>
        )}
      </Surface>
    </Page>
  );
}

const choices = (rules: string | null) =>
  rules
    ?.split("|")
    .find((rule) => rule.startsWith("in:"))
    ?.slice(3)
    .split(",");

function Variable({ variable, editable }: { variable: ClientVariable; editable: boolean }) {
  const { server } = useServer();
  const client = useQueryClient();
  const present = variable.server_value ?? variable.default_value;
  const [value, setValue] = useState(present);
  const save = useMutation({
    mutationFn: (next: string) =>
      put(`/api/client/servers/${server.uuid}/startup/variable`, { key: variable.env_variable, value: next }),
    onSuccess: () => {
      toast(`${variable.name} was saved.`);
      void client.invalidateQueries({ queryKey: ["startup", server.uuid] });
    },
  });
  const error = save.error instanceof ApiError ? save.error.message : undefined;
  const options = choices(variable.rules);
  const hint = (
    <>
      {variable.description} <span className="font-mono opacity-70">{variable.env_variable}</span>
    </>
  );
  if (options)
    return (
      <SelectField
        label={variable.name}
        hint={hint}
        error={error}
        value={value}
        disabled={!editable}
        onChange={(event) => {
          setValue(event.target.value);
          save.mutate(event.target.value);
        }}
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
      hint={hint}
      error={error}
      value={value}
      disabled={!editable}
      placeholder={variable.default_value}
      onChange={(event) => setValue(event.target.value)}
      onBlur={() => value !== present && save.mutate(value)}
      onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
    />
  );
}
