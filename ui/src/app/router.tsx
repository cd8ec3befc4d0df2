import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { Dashboard } from "@/features/servers/dashboard";
import { Empty, Failed } from "@/ui/views";
import { Shell } from "./shell";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => <Empty title="There is no such page">The link may be old.</Empty>,
  errorComponent: ({ error, reset }) => <Failed error={error} retry={reset} />,
});
const page = <P extends string>(path: P, load: () => Promise<Record<string, unknown>>, name: string) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load as never, name) });

const server = createRoute({
  getParentRoute: () => root,
  path: "/server/$id",
  component: lazyRouteComponent(() => import("@/features/servers/server-frame"), "ServerFrame"),
});
const inServer = <P extends string>(path: P, load: () => Promise<Record<string, unknown>>, name: string) =>
  createRoute({ getParentRoute: () => server, path, component: lazyRouteComponent(load as never, name) });

const tree = root.addChildren([
  createRoute({ getParentRoute: () => root, path: "/", component: Dashboard }),
  createRoute({ getParentRoute: () => root, path: "/auth/login", component: Dashboard }),
  server.addChildren([
    inServer("/", () => import("@/features/console/console-page"), "ConsolePage"),
    inServer("startup", () => import("@/features/startup/startup-page"), "StartupPage"),
    inServer("activity", () => import("@/features/activity/activity-page"), "ActivityPage"),
    inServer("settings", () => import("@/features/settings/settings-page"), "SettingsPage"),
  ]),
  page("/account", () => import("@/features/account/account-page"), "AccountPage"),
  page("/admin/nodes", () => import("@/features/admin/nodes-page"), "NodesPage"),
  page("/admin/nodes/$id", () => import("@/features/admin/node-page"), "NodePage"),
  page("/admin/eggs", () => import("@/features/admin/eggs-page"), "EggsPage"),
  page("/admin/servers", () => import("@/features/admin/servers-page"), "AdminServersPage"),
  page("/admin/servers/new", () => import("@/features/admin/new-server-page"), "NewServerPage"),
  page("/admin/users", () => import("@/features/admin/users-page"), "UsersPage"),
]);

export const router = createRouter({ routeTree: tree, defaultPreload: "intent", scrollRestoration: true });

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
