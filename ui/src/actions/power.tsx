import { Play, RotateCw, Skull, Square } from "lucide-react";
import type { ReactNode } from "react";
import type { ShownState } from "@/lib/state";

/** What a person can do to a server's process, once, as data: buttons, menus and shortcuts are made from it. */
export interface PowerActionInfo {
  signal: "start" | "stop" | "restart" | "kill";
  label: string;
  icon: ReactNode;
  look: "positive" | "plain" | "danger";
  needs: string;
  possible: (state: ShownState) => boolean;
  /** What is lost, where that needs a question first. */
  loss?: string;
}

const up = (state: ShownState) => state === "running" || state === "starting";

export const POWER: PowerActionInfo[] = [
  {
    signal: "start",
    label: "Start",
    icon: <Play className="size-4" />,
    look: "positive",
    needs: "control.start",
    possible: (state) => state === "offline",
  },
  {
    signal: "restart",
    label: "Restart",
    icon: <RotateCw className="size-4" />,
    look: "plain",
    needs: "control.restart",
    possible: up,
    loss: "Players are disconnected while the server restarts.",
  },
  {
    signal: "stop",
    label: "Stop",
    icon: <Square className="size-4" />,
    look: "plain",
    needs: "control.stop",
    possible: up,
    loss: "Players are disconnected. The game saves as it does on an ordinary stop.",
  },
  {
    signal: "kill",
    label: "Kill",
    icon: <Skull className="size-4" />,
    look: "danger",
    needs: "control.stop",
    possible: (state) => up(state) || state === "stopping",
    loss: "The process ends at once. Everything the game has not saved is lost.",
  },
];
