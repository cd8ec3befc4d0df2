import { QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, get } from "./client";
import type {
  AdminServer,
  AdminUser,
  Allocation,
  ActivityEntry,
  ApiKey,
  ClientServer,
  ClientVariable,
  Item,
  List,
  Location,
  Nest,
  Node,
  NodeHealth,
  Resources,
  Session,
  SshKey,
} from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      refetchOnWindowFocus: true,
      retry: (count, error) =>
        !(error instanceof ApiError && error.status >= 400 && error.status < 500) && count < 2,
    },
  },
});

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: () => get<Session>("/api/rookery/session"),
  staleTime: 60_000,
});

export const serversQuery = (type: "" | "admin-all") =>
  queryOptions({
    queryKey: ["servers", type],
    queryFn: () =>
      get<List<ClientServer>>(`/api/client?per_page=100&include=egg${type ? `&type=${type}` : ""}`),
    refetchInterval: 20_000,
  });

export const serverQuery = (id: string) =>
  queryOptions({
    queryKey: ["server", id],
    queryFn: () =>
      get<Item<ClientServer> & { meta: { is_server_owner: boolean; user_permissions: string[] } }>(
        `/api/client/servers/${id}?include=egg`,
      ),
    refetchInterval: (query) => (query.state.data?.attributes.is_installing ? 3_000 : false),
  });

export const resourcesQuery = (id: string, enabled: boolean) =>
  queryOptions({
    queryKey: ["resources", id],
    queryFn: () => get<Item<Resources>>(`/api/client/servers/${id}/resources`),
    refetchInterval: 20_000,
    retry: false,
    enabled,
  });

export interface StartupList extends List<ClientVariable> {
  meta: { startup_command: string; raw_startup_command: string; docker_images: Record<string, string> };
}
export const startupQuery = (id: string) =>
  queryOptions({
    queryKey: ["startup", id],
    queryFn: () => get<StartupList>(`/api/client/servers/${id}/startup`),
  });

export const activityQuery = (path: string, page: number) =>
  queryOptions({
    queryKey: ["activity", path, page],
    queryFn: () => get<List<ActivityEntry>>(`${path}?include=actor&sort=-timestamp&page=${page}`),
  });

export const apiKeysQuery = queryOptions({
  queryKey: ["api-keys"],
  queryFn: () => get<List<ApiKey>>("/api/client/account/api-keys"),
});
export const sshKeysQuery = queryOptions({
  queryKey: ["ssh-keys"],
  queryFn: () => get<List<SshKey>>("/api/client/account/ssh-keys"),
});

const application = "/api/application";
export const nodesQuery = queryOptions({
  queryKey: ["admin", "nodes"],
  queryFn: () => get<List<Node>>(`${application}/nodes?per_page=200`),
});
export const locationsQuery = queryOptions({
  queryKey: ["admin", "locations"],
  queryFn: () => get<List<Location>>(`${application}/locations?per_page=200`),
});
export const nodeHealthQuery = (id: number) =>
  queryOptions({
    queryKey: ["admin", "node-health", id],
    queryFn: () => get<NodeHealth>(`/api/rookery/admin/nodes/${id}/health`),
    refetchInterval: 15_000,
    retry: false,
  });
export const allocationsQuery = (node: number) =>
  queryOptions({
    queryKey: ["admin", "allocations", node],
    queryFn: () => get<List<Allocation>>(`${application}/nodes/${node}/allocations?per_page=2000`),
  });
export const nestsQuery = queryOptions({
  queryKey: ["admin", "nests"],
  queryFn: () => get<List<Nest>>(`${application}/nests?per_page=200&include=eggs.variables`),
});
export const usersQuery = queryOptions({
  queryKey: ["admin", "users"],
  queryFn: () => get<List<AdminUser>>(`${application}/users?per_page=500`),
});
export const adminServersQuery = queryOptions({
  queryKey: ["admin", "servers"],
  queryFn: () => get<List<AdminServer>>(`${application}/servers?per_page=500`),
});
