import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { Activity, Settings2, SlidersHorizontal, SquareTerminal } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { resourcesQuery, serverQuery } from "@/api/queries";
import type { PowerState } from "@/api/types";
import { joinAddress } from "@/lib/format";
import { shownState } from "@/lib/state";
import { CopyText } from "@/ui/copy";
import { StateMark } from "@/ui/state-mark";
import { Failed, Skeleton, SkeletonRows } from "@/ui/views";
import { PowerButtons } from "./power-buttons";
import { ServerContextProvider } from "./server-context";

const SECTIONS = [
  { to: "/server/$id", label: "Console", icon: SquareTerminal, needs: "websocket.connect" },
  { to: "/server/$id/startup", label: "Startup", icon: SlidersHorizontal, needs: "startup.read" },
  { to: "/server/$id/activity", label: "Activity", icon: Activity, needs: "activity.read" },
  { to: "/server/$id/settings", label: "Settings", icon: Settings2, needs: "settings.rename" },
] as const;

export function ServerFrame() {
  const { id } = useParams({ strict: false }) as { id: string };
  const query = useQuery(serverQuery(id));
  const [live, setLive] = useState<PowerState>();
  const publish = useCallback((state: PowerState | undefined) => queueMicrotask(() => setLive(state)), []);
  const server = query.data?.attributes;
  const usable = !!server && !server.is_installing && !server.is_suspended;
  const polled = useQuery(resourcesQuery(server?.uuid ?? id, usable && live === undefined));
  const permissions = query.data?.meta.user_permissions;
  const context = useMemo(
    () =>
      server && {
        server,
        allows: (permission: string) =>
          !!permissions && (permissions.includes("*") || permissions.includes(permission)),
        live: publish,
      },
    [server, permissions, publish],
  );
  if (query.isPending)
    return (
      <div className="flex flex-col gap-4 p-5">
        <Skeleton className="h-14 w-80 max-w-full" />
        <SkeletonRows rows={3} height="h-32" />
      </div>
    );
  if (query.isError || !context || !server)
    return <Failed error={query.error} retry={() => void query.refetch()} />;
  const state = shownState(server, live ?? polled.data?.attributes.current_state);
  const main = server.relationships.allocations.data.find((entry) => entry.attributes.is_default)?.attributes;
  return (
    <ServerContextProvider value={context}>
      <div className="flex min-h-dvh min-w-0 flex-1 flex-col pb-16 md:h-dvh md:pb-0">
        <header className="flex flex-wrap items-center gap-x-6 gap-y-3 border-b border-line bg-surface px-4 py-3 md:px-5">
          <div className="mr-auto min-w-0">
            <div className="flex flex-wrap items-center gap-x-3">
              <h1 className="max-w-[60vw] truncate text-lg font-semibold tracking-tight">{server.name}</h1>
              <StateMark state={state} />
            </div>
            <div className="mt-0.5 flex flex-wrap items-center gap-x-4 text-[13px] text-muted">
              {main && (
                <CopyText
                  text={joinAddress(main, server.sftp_details.ip)}
                  label="Copy the address players join"
                />
              )}
              <span className="max-sm:hidden">
                {server.relationships.egg?.attributes.name} on {server.node}
              </span>
            </div>
          </div>
          <PowerButtons server={server.uuid} name={server.name} state={state} allows={context.allows} />
        </header>
        <nav
          aria-label="Server"
          className="flex gap-1 overflow-x-auto border-b border-line bg-surface px-3 md:px-4"
        >
          {SECTIONS.filter((section) => context.allows(section.needs)).map((section) => (
            <Link
              key={section.to}
              to={section.to}
              params={{ id }}
              activeOptions={{ exact: true }}
              className="inline-flex items-center gap-2 border-b-2 border-transparent px-2.5 py-2.5 font-medium text-muted hover:text-text data-[status=active]:border-accent data-[status=active]:text-text"
            >
              <section.icon className="size-4" aria-hidden />
              {section.label}
            </Link>
          ))}
        </nav>
        <div className="flex min-h-0 flex-1 flex-col md:overflow-y-auto">
          <Outlet />
        </div>
      </div>
    </ServerContextProvider>
  );
}
