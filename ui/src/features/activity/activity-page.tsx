import { useServer } from "@/features/servers/server-context";
import { Page } from "@/ui/surface";
import { ActivityList } from "./activity-list";

export function ActivityPage() {
  const { server } = useServer();
  return (
    <Page title="Activity" note="What was done on this server, by whom.">
      <ActivityList path={`/api/client/servers/${server.uuid}/activity`} />
    </Page>
  );
}
