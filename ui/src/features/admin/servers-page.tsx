import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Pause, Play, Plus, RotateCw, Trash2 } from "lucide-react";
import { useState } from "react";
import { post, remove } from "@/api/client";
import { adminServersQuery, nodesQuery, usersQuery } from "@/api/queries";
import type { AdminServer } from "@/api/types";
import { mebibytes } from "@/lib/format";
import { Confirm } from "@/ui/dialog";
import { Menu } from "@/ui/menu";
import { Page, Surface } from "@/ui/surface";
import { toast, toastError } from "@/ui/toast";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

const WORDS: Record<string, string> = {
  installing: "Installing",
  install_failed: "Installation failed",
  reinstall_failed: "Reinstallation failed",
  suspended: "Suspended",
  restoring_backup: "Restoring",
};

export function AdminServersPage() {
  const client = useQueryClient();
  const query = useQuery({ ...adminServersQuery, refetchInterval: 10_000 });
  const users = useQuery(usersQuery);
  const nodes = useQuery(nodesQuery);
  const [dropping, setDropping] = useState<AdminServer | null>(null);
  const [force, setForce] = useState(false);
  const refresh = () => {
    void client.invalidateQueries({ queryKey: ["admin", "servers"] });
    void client.invalidateQueries({ queryKey: ["servers"] });
  };
  const act = useMutation({
    mutationFn: ({ server, verb }: { server: AdminServer; verb: string }) =>
      post(`/api/application/servers/${server.id}/${verb}`),
    onSuccess: refresh,
    onError: toastError,
  });
  const drop = useMutation({
    mutationFn: (server: AdminServer) =>
      remove(`/api/application/servers/${server.id}${force ? "/force" : ""}`),
    onSuccess: (_, server) => {
      setDropping(null);
      toast(`${server.name} was deleted.`);
      refresh();
    },
  });
  const owner = (id: number) =>
    users.data?.data.find((entry) => entry.attributes.id === id)?.attributes.username ?? "–";
  const node = (id: number) =>
    nodes.data?.data.find((entry) => entry.attributes.id === id)?.attributes.name ?? "–";
  return (
    <Page
      title="All servers"
      actions={
        <Link
          to="/admin/servers/new"
          className="inline-flex h-9 items-center gap-2 rounded-control bg-accent-fill px-3.5 font-medium text-on-accent hover:brightness-110"
        >
          <Plus className="size-4" /> New server
        </Link>
      }
    >
      <Surface className="overflow-x-auto">
        {query.isPending ? (
          <SkeletonRows />
        ) : query.isError ? (
          <Failed error={query.error} retry={() => void query.refetch()} />
        ) : query.data.data.length === 0 ? (
          <Empty title="No servers yet">Create the first one from an egg.</Empty>
        ) : (
          <table className="w-full text-left">
            <thead className="text-[13px] text-muted">
              <tr className="border-b border-line [&>th]:px-5 [&>th]:py-3 [&>th]:font-medium">
                <th>Name</th>
                <th className="max-md:hidden">Owner</th>
                <th className="max-md:hidden">Node</th>
                <th className="text-right max-lg:hidden">Memory</th>
                <th className="text-right max-lg:hidden">Disk</th>
                <th>Status</th>
                <th aria-label="Actions" />
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {query.data.data.map(({ attributes: server }) => (
                <tr key={server.id} className="hover:bg-raised/50 [&>td]:px-5 [&>td]:py-2.5">
                  <td>
                    <Link
                      to="/server/$id"
                      params={{ id: server.identifier }}
                      className="font-medium hover:text-accent"
                    >
                      {server.name}
                    </Link>
                    <p className="font-mono text-xs text-muted">{server.identifier}</p>
                  </td>
                  <td className="max-md:hidden">{owner(server.user)}</td>
                  <td className="max-md:hidden">{node(server.node)}</td>
                  <td className="tabular text-right max-lg:hidden">{mebibytes(server.limits.memory)}</td>
                  <td className="tabular text-right max-lg:hidden">{mebibytes(server.limits.disk)}</td>
                  <td className={server.status ? "text-caution" : "text-muted"}>
                    {server.status ? (WORDS[server.status] ?? server.status) : "Ready"}
                  </td>
                  <td className="w-px">
                    <Menu
                      label={`Actions for ${server.name}`}
                      entries={[
                        server.suspended
                          ? {
                              label: "Unsuspend",
                              icon: <Play className="size-4" />,
                              run: () => act.mutate({ server, verb: "unsuspend" }),
                            }
                          : {
                              label: "Suspend",
                              icon: <Pause className="size-4" />,
                              run: () => act.mutate({ server, verb: "suspend" }),
                            },
                        {
                          label: "Reinstall",
                          icon: <RotateCw className="size-4" />,
                          run: () => act.mutate({ server, verb: "reinstall" }),
                        },
                        {
                          label: "Delete",
                          icon: <Trash2 className="size-4" />,
                          danger: true,
                          run: () => (setForce(false), setDropping(server)),
                        },
                      ]}
                    />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </Surface>
      {dropping && (
        <Confirm
          open
          onClose={() => setDropping(null)}
          title={`Delete ${dropping.name}?`}
          loss="The server, its world and all its files are deleted from the node. This cannot be undone."
          verb={force ? "Delete without the node" : "Delete server"}
          typed={dropping.name}
          busy={drop.isPending}
          error={
            drop.error ? `${drop.error.message} Confirm again to delete it here without its node.` : undefined
          }
          onConfirm={() => drop.mutate(dropping, { onError: () => setForce(true) })}
        />
      )}
    </Page>
  );
}
