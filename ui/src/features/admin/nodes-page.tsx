import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Plus, Server } from "lucide-react";
import { useState } from "react";
import { ApiError, post } from "@/api/client";
import { locationsQuery, nodeHealthQuery, nodesQuery } from "@/api/queries";
import type { Item, Node } from "@/api/types";
import { mebibytes } from "@/lib/format";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { SelectField, TextField } from "@/ui/field";
import { Meter } from "@/ui/spark";
import { Page, Surface } from "@/ui/surface";
import { toast } from "@/ui/toast";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

export function NodesPage() {
  const query = useQuery(nodesQuery);
  const [adding, setAdding] = useState(false);
  return (
    <Page
      title="Nodes"
      note="Machines that run servers."
      actions={
        <Button look="primary" onClick={() => setAdding(true)}>
          <Plus className="size-4" /> New node
        </Button>
      }
    >
      {query.isPending ? (
        <Surface>
          <SkeletonRows rows={3} height="h-28" />
        </Surface>
      ) : query.isError ? (
        <Surface>
          <Failed error={query.error} retry={() => void query.refetch()} />
        </Surface>
      ) : query.data.data.length === 0 ? (
        <Surface>
          <Empty title="No nodes yet">
            A node is a machine with the Rookery daemon on it. Add one, then paste its command there.
          </Empty>
        </Surface>
      ) : (
        <ul className="grid gap-4 md:grid-cols-2 2xl:grid-cols-3">
          {query.data.data.map(({ attributes }) => (
            <li key={attributes.id}>
              <NodeCard node={attributes} />
            </li>
          ))}
        </ul>
      )}
      <NewNode open={adding} onClose={() => setAdding(false)} />
    </Page>
  );
}

export function NodeHealthMark({ id }: { id: number }) {
  const health = useQuery(nodeHealthQuery(id));
  if (health.isPending) return <span className="text-muted">asking…</span>;
  if (!health.data?.online)
    return (
      <span className="inline-flex items-center gap-2 font-medium text-negative" title={health.data?.reason}>
        <span className="text-[10px]">▲</span> Not reachable
      </span>
    );
  return (
    <span className="inline-flex items-center gap-2 font-medium text-positive">
      <span className="size-2.5 rounded-full bg-positive" /> Online
    </span>
  );
}

function NodeCard({ node }: { node: Node }) {
  const system = useQuery(nodeHealthQuery(node.id)).data?.system;
  const used = node.allocated_resources;
  return (
    <Surface className="relative p-5 transition-colors duration-120 hover:border-muted">
      <div className="flex items-center gap-3">
        <Server className="size-5 text-muted" aria-hidden />
        <Link
          to="/admin/nodes/$id"
          params={{ id: String(node.id) }}
          className="mr-auto truncate text-base font-semibold after:absolute after:inset-0"
        >
          {node.name}
        </Link>
        <NodeHealthMark id={node.id} />
      </div>
      <p className="mt-1 truncate font-mono text-[13px] text-muted">
        {node.scheme}://{node.fqdn}:{node.daemon_listen}
      </p>
      <dl className="mt-4 grid gap-3">
        {(["memory", "disk"] as const).map((kind) => (
          <div key={kind}>
            <div className="mb-1.5 flex justify-between text-[13px]">
              <dt className="text-muted">{kind === "memory" ? "Memory promised" : "Disk promised"}</dt>
              <dd className="tabular">
                {used[kind] ? mebibytes(used[kind]) : "0 MiB"}{" "}
                <span className="text-muted">of {mebibytes(node[kind])}</span>
              </dd>
            </div>
            <Meter share={node[kind] ? used[kind] / node[kind] : 0} label={kind} />
          </div>
        ))}
      </dl>
      <p className="mt-4 text-[13px] text-muted">
        {system
          ? `${system.docker.containers.running} containers · ${system.system.cpu_threads} cores · ${system.system.os} · v${system.version}`
          : "\u00a0"}
      </p>
    </Surface>
  );
}

function NewNode({ open, onClose }: { open: boolean; onClose: () => void }) {
  const client = useQueryClient();
  const locations = useQuery({ ...locationsQuery, enabled: open });
  const save = useMutation({
    mutationFn: async (form: Record<string, string>) => {
      let location = locations.data?.data[0]?.attributes.id;
      if (form.location_id) location = Number(form.location_id);
      if (!location)
        location = (await post<Item<{ id: number }>>("/api/application/locations", { short: "here" }))
          .attributes.id;
      return post("/api/application/nodes", {
        name: form.name,
        location_id: location,
        fqdn: form.fqdn,
        scheme: form.scheme,
        memory: form.memory,
        memory_overallocate: 0,
        disk: form.disk,
        disk_overallocate: 0,
        daemon_listen: form.daemon_listen,
        daemon_sftp: form.daemon_sftp,
      });
    },
    onSuccess: () => {
      onClose();
      toast("The node was added. Open it for the command to run there.");
      void client.invalidateQueries({ queryKey: ["admin"] });
    },
  });
  const error = save.error instanceof ApiError ? save.error : null;
  return (
    <Dialog open={open} onClose={onClose} title="New node" wide>
      <form
        className="grid gap-4 sm:grid-cols-2"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate(Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>);
        }}
      >
        <TextField label="Name" name="name" required error={error?.about("name")} />
        <SelectField label="Location" name="location_id">
          {locations.data?.data.map(({ attributes }) => (
            <option key={attributes.id} value={attributes.id}>
              {attributes.long ?? attributes.short}
            </option>
          ))}
        </SelectField>
        <TextField
          label="Host name"
          name="fqdn"
          required
          placeholder="node1.example.org"
          error={error?.about("fqdn")}
          hint="Browsers connect here."
        />
        <SelectField label="Connection" name="scheme" defaultValue="https">
          <option value="https">https</option>
          <option value="http">http</option>
        </SelectField>
        <TextField
          label="Memory in MiB"
          name="memory"
          type="number"
          min={1}
          required
          error={error?.about("memory")}
        />
        <TextField
          label="Disk in MiB"
          name="disk"
          type="number"
          min={1}
          required
          error={error?.about("disk")}
        />
        <TextField
          label="Daemon port"
          name="daemon_listen"
          type="number"
          defaultValue={8080}
          required
          error={error?.about("daemon_listen")}
        />
        <TextField
          label="SFTP port"
          name="daemon_sftp"
          type="number"
          defaultValue={2022}
          required
          error={error?.about("daemon_sftp")}
        />
        {error && !error.fields.length && (
          <p role="alert" className="text-negative sm:col-span-2">
            {error.message}
          </p>
        )}
        <div className="flex justify-end gap-2 sm:col-span-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={save.isPending}>
            Add node
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
