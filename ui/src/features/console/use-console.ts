import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, type RefObject } from "react";
import type { PowerState, Stats } from "@/api/types";
import { ConsoleSocket, type Link } from "@/live/console-socket";
import type { TerminalHandle } from "./terminal";

const KEPT = 120;
export interface Sample {
  at: number;
  cpu: number;
  memory: number;
  received: number;
  sent: number;
}
export interface LiveConsole {
  link: Link;
  state: PowerState | undefined;
  stats: Stats | undefined;
  samples: Sample[];
  send: (event: string, arg?: string) => boolean;
}

const PAINT = {
  output: (line: string) => line,
  install: (line: string) => `\x1b[90m│\x1b[0m ${line}`,
  daemon: (line: string) => `\x1b[36m● ${line}\x1b[0m`,
  error: (line: string) => `\x1b[31m▲ ${line}\x1b[0m`,
};

/** Keep a server's console open while the view is there. */
export function useConsole(server: string, terminal: RefObject<TerminalHandle | null>): LiveConsole {
  const client = useQueryClient();
  const [link, setLink] = useState<Link>("connecting");
  const [state, setState] = useState<PowerState>();
  const [stats, setStats] = useState<Stats>();
  const [samples, setSamples] = useState<Sample[]>([]);
  const socket = useRef<ConsoleSocket>(undefined);

  useEffect(() => {
    let before: { at: number; stats: Stats } | undefined;
    const opened = new ConsoleSocket(server, {
      link: setLink,
      reset: () => terminal.current?.clear(),
      line: (line, kind) => terminal.current?.write(PAINT[kind](line)),
      status: (next) => {
        setState(next);
        void client.invalidateQueries({ queryKey: ["resources", server] });
      },
      stats: (next) => {
        const at = Date.now() / 1000;
        setStats(next);
        setState(next.state);
        const passed = before ? at - before.at : 0;
        const rate = (now: number, then: number) => (passed > 0 ? Math.max((now - then) / passed, 0) : 0);
        const sample: Sample = {
          at,
          cpu: next.cpu_absolute,
          memory: next.memory_bytes,
          received: before ? rate(next.network.rx_bytes, before.stats.network.rx_bytes) : 0,
          sent: before ? rate(next.network.tx_bytes, before.stats.network.tx_bytes) : 0,
        };
        before = { at, stats: next };
        setSamples((kept) => [...kept.slice(1 - KEPT), sample]);
      },
      changed: (what) => {
        void client.invalidateQueries({ queryKey: ["server", server] });
        if (what === "install completed")
          terminal.current?.write(PAINT.daemon("The installation has ended."));
      },
    });
    socket.current = opened;
    opened.open();
    return () => opened.close();
  }, [server, client, terminal]);

  return { link, state, stats, samples, send: (event, arg) => socket.current?.send(event, arg) ?? false };
}
