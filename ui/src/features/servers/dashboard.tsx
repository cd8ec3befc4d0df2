import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { LayoutGrid, List as Rows, Plus, Search } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { resourcesQuery, serversQuery, sessionQuery } from "@/api/queries";
import type { ClientServer } from "@/api/types";
import { cx } from "@/lib/cx";
import { bytes, joinAddress, mebibytes, percent } from "@/lib/format";
import { shownState } from "@/lib/state";
import { CopyText } from "@/ui/copy";
import { inputLook } from "@/ui/field";
import { Meter, Spark } from "@/ui/spark";
import { StateMark } from "@/ui/state-mark";
import { Page, Surface } from "@/ui/surface";
import { Empty, Failed, SkeletonRows } from "@/ui/views";
import { PowerButtons } from "./power-buttons";

type Layout = "rows" | "grid";
const LAYOUT_KEY = "rookery.dashboard";

export function Dashboard() {
  const admin = useQuery(sessionQuery).data?.user?.root_admin ?? false;
  const [everybody, setEverybody] = useState(false);
  const query = useQuery(serversQuery(admin && everybody ? "admin-all" : ""));
  const [filter, setFilter] = useState("");
  const [layout, setLayout] = useState<Layout>(
    () => (localStorage.getItem(LAYOUT_KEY) as Layout | null) ?? "rows",
  );
  const needle = filter.trim().toLowerCase();
  const all = query.data?.data.map((entry) => entry.attributes) ?? [];
  const shown = all.filter((server) => !needle || haystack(server).includes(needle));
  const choose = (next: Layout) => {
    setLayout(next);
    localStorage.setItem(LAYOUT_KEY, next);
  };
  return (
    <Page
      title="Servers"
      actions={
        <>
          {admin && (
            <label className="flex h-9 items-center gap-2 text-[13px] text-muted">
              <input
                type="checkbox"
                className="size-4 accent-accent"
                checked={everybody}
                onChange={(event) => setEverybody(event.target.checked)}
              />
              Everybody's
            </label>
          )}
          <div className="relative">
            <Search className="pointer-events-none absolute top-2.5 left-3 size-4 text-muted" aria-hidden />
            <input
              aria-label="Filter servers"
              placeholder="Filter"
              value={filter}
              onChange={(event) => setFilter(event.target.value)}
              className={cx(inputLook, "w-44 pl-9 md:w-56")}
            />
          </div>
          <div
            role="group"
            aria-label="Layout"
            className="flex rounded-control border border-line p-0.5 max-sm:hidden"
          >
            {(
              [
                ["rows", Rows, "Rows"],
                ["grid", LayoutGrid, "Cards"],
              ] as const
            ).map(([name, Icon, label]) => (
              <button
                key={name}
                type="button"
                aria-label={label}
                aria-pressed={layout === name}
                onClick={() => choose(name)}
                className="grid size-7.5 place-items-center rounded text-muted aria-pressed:bg-raised aria-pressed:text-text"
              >
                <Icon className="size-4" />
              </button>
            ))}
          </div>
          {admin && (
            <Link
              to="/admin/servers/new"
              className="inline-flex h-9 items-center gap-2 rounded-control bg-accent-fill px-3.5 font-medium text-on-accent hover:brightness-110"
            >
              <Plus className="size-4" /> New server
            </Link>
          )}
        </>
      }
    >
      {query.isPending ? (
        <Surface>
          <SkeletonRows height="h-16" />
        </Surface>
      ) : query.isError ? (
        <Surface>
          <Failed error={query.error} retry={() => void query.refetch()} />
        </Surface>
      ) : all.length === 0 ? (
        <Surface>
          <Empty
            title="No servers yet"
            action={
              admin && (
                <Link
                  to="/admin/servers/new"
                  className="inline-flex h-9 items-center gap-2 rounded-control bg-accent-fill px-3.5 font-medium text-on-accent"
                >
                  <Plus className="size-4" /> Create the first one
                </Link>
              )
            }
          >
            {admin
              ? "A server is one game, in its own container, on one of your nodes."
              : "Servers you own or are invited to appear here."}
          </Empty>
        </Surface>
      ) : shown.length === 0 ? (
        <Surface>
          <Empty title={`Nothing matches “${filter}”`}>Names, addresses and games are searched.</Empty>
        </Surface>
      ) : layout === "grid" ? (
        <ul className="grid gap-4 sm:grid-cols-2 xl:grid-cols-3">
          {shown.map((server) => (
            <li key={server.uuid}>
              <ServerEntry server={server} card />
            </li>
          ))}
        </ul>
      ) : (
        <Surface className="overflow-hidden">
          <ul className="divide-y divide-line">
            {shown.map((server) => (
              <li key={server.uuid}>
                <ServerEntry server={server} />
              </li>
            ))}
          </ul>
        </Surface>
      )}
    </Page>
  );
}

const mainAddress = (server: ClientServer) => {
  const main = server.relationships.allocations.data.find((entry) => entry.attributes.is_default)?.attributes;
  return main ? joinAddress(main, server.sftp_details.ip) : "";
};
const haystack = (server: ClientServer) =>
  [
    server.name,
    server.description,
    server.identifier,
    server.node,
    mainAddress(server),
    server.relationships.egg?.attributes.name,
  ]
    .join(" ")
    .toLowerCase();

/** The last figures of a server, kept while the page is open, for the small lines. */
function useTrail(value: number | undefined, at: number): number[] {
  const trail = useRef<{ at: number; values: number[] }>({ at: 0, values: [] });
  const [, redraw] = useState(0);
  useEffect(() => {
    if (value === undefined || trail.current.at === at) return;
    trail.current = { at, values: [...trail.current.values.slice(-23), value] };
    redraw(at);
  }, [value, at]);
  return trail.current.values;
}

function ServerEntry({ server, card }: { server: ClientServer; card?: boolean }) {
  const usable = !server.is_suspended && !server.is_installing && !server.is_node_under_maintenance;
  const query = useQuery(resourcesQuery(server.uuid, usable));
  const use = query.data?.attributes;
  const state = shownState(server, use?.current_state);
  const up = state === "running" || state === "starting" || state === "stopping";
  const trail = useTrail(use?.resources.cpu_absolute, query.dataUpdatedAt);
  const disk = server.limits.disk ? (use?.resources.disk_bytes ?? 0) / (server.limits.disk * 1024 * 1024) : 0;
  const address = mainAddress(server);
  const figures = (
    <div
      className={cx(
        "tabular flex items-center gap-4 text-[13px] text-muted",
        card ? "mt-4" : "max-lg:hidden",
      )}
    >
      <span className="flex w-32 items-center gap-2">
        <Spark
          values={trail}
          max={server.limits.cpu || 100}
          className={up ? "h-5 text-accent" : "h-5 text-line"}
        />
        <span className="w-12 shrink-0 text-right whitespace-nowrap">
          {up && use ? percent(use.resources.cpu_absolute) : "–"}
        </span>
      </span>
      <span className="w-24 text-right" title={`Memory, of ${mebibytes(server.limits.memory)}`}>
        {up && use ? bytes(use.resources.memory_bytes) : "–"}
      </span>
      <span className="flex w-28 items-center gap-2" title={`Disk, of ${mebibytes(server.limits.disk)}`}>
        <Meter share={disk} label="Disk" className="w-12" />
        <span className="flex-1 text-right">{use ? bytes(use.resources.disk_bytes) : "–"}</span>
      </span>
    </div>
  );
  return (
    <div
      className={cx(
        "group relative transition-colors duration-120 hover:bg-raised/60 focus-within:bg-raised/60",
        card
          ? "rounded-surface border border-line bg-surface p-4"
          : "flex items-center gap-5 px-4 py-3 md:px-5",
      )}
    >
      <div className="min-w-0 flex-1">
        <div className="flex items-center gap-3">
          <StateMark state={state} className={cx("text-[13px]", !card && "w-28 shrink-0 max-sm:w-auto")} />
          <div className="min-w-0">
            <Link
              to="/server/$id"
              params={{ id: server.identifier }}
              className="block truncate font-semibold after:absolute after:inset-0"
            >
              {server.name}
            </Link>
            <p className="truncate text-xs text-muted">
              {server.relationships.egg?.attributes.name} · {server.node}
            </p>
          </div>
        </div>
        {card && figures}
      </div>
      {!card && figures}
      <div className={cx("relative z-10 flex items-center gap-3", card && "mt-4 justify-between")}>
        {address && (
          <CopyText text={address} label="Copy the address" className={cx(!card && "max-md:hidden")} />
        )}
        <PowerButtons server={server.uuid} name={server.name} state={state} allows={() => usable} compact />
      </div>
    </div>
  );
}
