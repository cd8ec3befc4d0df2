import { createContext, useContext } from "react";
import type { ClientServer, PowerState } from "@/api/types";

export interface ServerContext {
  server: ClientServer;
  allows: (permission: string) => boolean;
  /** A page with a live connection tells the frame what it knows. */
  live: (state: PowerState | undefined) => void;
}
export const ServerContextProvider = createContext<ServerContext | null>(null);

export function useServer(): ServerContext {
  const found = useContext(ServerContextProvider);
  if (!found) throw new Error("This view belongs inside a server.");
  return found;
}
