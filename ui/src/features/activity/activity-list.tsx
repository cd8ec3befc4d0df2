import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { activityQuery } from "@/api/queries";
import type { ActivityEntry } from "@/api/types";
import { ago } from "@/lib/format";
import { Button } from "@/ui/button";
import { Surface } from "@/ui/surface";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

/** Events as sentences; `{x}` are the event's own properties. */
const SENTENCES: Record<string, string> = {
  "auth:success": "signed in",
  "auth:fail": "failed to sign in",
  "auth:checkpoint": "was asked for a second factor",
  "auth:token": "signed in with a code",
  "auth:recovery-token": "signed in with a recovery code",
  "auth:reset-password": "asked for a new password",
  "auth:ip-blocked": "was refused: API key {identifier} may not be used from there",
  "user:account.email-changed": "changed the e-mail address from {old} to {new}",
  "user:account.password-changed": "changed the password",
  "user:api-key.create": "made the API key {identifier}",
  "user:api-key.delete": "deleted the API key {identifier}",
  "user:ssh-key.create": "added an SSH key",
  "user:ssh-key.delete": "removed an SSH key",
  "user:two-factor.create": "switched two-factor authentication on",
  "user:two-factor.delete": "switched two-factor authentication off",
  "server:power.start": "started the server",
  "server:power.stop": "stopped the server",
  "server:power.restart": "restarted the server",
  "server:power.kill": "killed the process",
  "server:console.command": "sent the command “{command}”",
  "server:reinstall": "had the server installed anew",
  "server:settings.rename": "renamed the server from {old} to {new}",
  "server:settings.description": "changed the description",
  "server:startup.edit": "changed {variable} from “{old}” to “{new}”",
  "server:startup.image": "changed the image from {old} to {new}",
};

export const sentence = (entry: Pick<ActivityEntry, "event" | "properties">): string =>
  (SENTENCES[entry.event] ?? entry.event).replace(/\{(\w+)\}/g, (_, key: string) =>
    String(entry.properties[key] ?? ""),
  );

export function ActivityList({ path }: { path: string }) {
  const [page, setPage] = useState(1);
  const query = useQuery({ ...activityQuery(path, page), placeholderData: keepPreviousData });
  if (query.isPending)
    return (
      <Surface>
        <SkeletonRows rows={6} height="h-11" />
      </Surface>
    );
  if (query.isError)
    return (
      <Surface>
        <Failed error={query.error} retry={() => void query.refetch()} />
      </Surface>
    );
  const pages = query.data.meta?.pagination?.total_pages ?? 1;
  if (query.data.data.length === 0)
    return (
      <Surface>
        <Empty title="Nothing has happened yet">Starts, stops, commands and changes are kept here.</Empty>
      </Surface>
    );
  return (
    <Surface>
      <ol className="divide-y divide-line">
        {query.data.data.map(({ attributes: entry }) => (
          <li key={entry.id} className="flex flex-wrap items-baseline gap-x-2 px-5 py-3">
            <span className="font-medium">{entry.relationships?.actor.attributes?.username ?? "System"}</span>
            <span className="mr-auto min-w-0 break-words">{sentence(entry)}</span>
            {entry.is_api && <span className="rounded bg-raised px-1.5 text-xs text-muted">API</span>}
            {entry.ip && <span className="tabular font-mono text-xs text-muted">{entry.ip}</span>}
            <time
              className="tabular w-24 text-right text-[13px] text-muted"
              dateTime={entry.timestamp}
              title={new Date(entry.timestamp).toLocaleString()}
            >
              {ago(entry.timestamp)}
            </time>
          </li>
        ))}
      </ol>
      {pages > 1 && (
        <div className="flex items-center justify-end gap-3 border-t border-line px-5 py-3">
          <Button compact disabled={page <= 1} onClick={() => setPage(page - 1)}>
            Newer
          </Button>
          <span className="tabular text-[13px] text-muted">
            {page} of {pages}
          </span>
          <Button compact disabled={page >= pages} onClick={() => setPage(page + 1)}>
            Older
          </Button>
        </div>
      )}
    </Surface>
  );
}
