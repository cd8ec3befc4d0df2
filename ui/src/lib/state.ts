import type { ClientServer, PowerState } from "@/api/types";

/** What a person sees first: one word, one colour, one shape for everything a server can be. */
export type ShownState =
  | PowerState
  | "installing"
  | "install_failed"
  | "suspended"
  | "restoring"
  | "transferring"
  | "maintenance"
  | "unknown";

export function shownState(server: ClientServer, power: PowerState | undefined): ShownState {
  if (server.is_suspended) return "suspended";
  if (server.status === "install_failed") return "install_failed";
  if (server.is_installing) return "installing";
  if (server.status === "restoring_backup") return "restoring";
  if (server.is_transferring) return "transferring";
  if (server.is_node_under_maintenance) return "maintenance";
  return power ?? "unknown";
}
