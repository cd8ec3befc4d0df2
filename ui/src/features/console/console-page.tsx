import { CornerDownLeft, TriangleAlert } from "lucide-react";
import { useRef, useState, type KeyboardEvent } from "react";
import { post } from "@/api/client";
import { bytes, duration, mebibytes, percent } from "@/lib/format";
import { shownState } from "@/lib/state";
import { Surface } from "@/ui/surface";
import { toastError } from "@/ui/toast";
import { useServer } from "@/features/servers/server-context";
import { Chart } from "./chart";
import { emptyHistory, remember, walk } from "./history";
import { ConsoleTerminal, type TerminalHandle } from "./terminal";
import type { LiveConsole } from "./use-console";
import { useConsole } from "./use-console";

const HISTORY_KEY = (uuid: string) => `rookery.commands.${uuid}`;

export function ConsolePage() {
  const { server, allows, live: publish } = useServer();
  const terminal = useRef<TerminalHandle>(null);
  const live = useConsole(server.uuid, terminal);
  publish(live.state);
  const shown = shownState(server, live.state);
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-4 p-4 md:p-5 xl:flex-row">
      <Surface className="flex min-h-[52dvh] min-w-0 flex-1 flex-col overflow-hidden">
        {live.link !== "open" && (
          <p
            className="flex items-center gap-2 border-b border-line bg-caution/10 px-4 py-1.5 text-[13px] text-caution"
            role="status"
          >
            <TriangleAlert className="size-4" />
            {live.link === "connecting"
              ? `Connecting to ${server.node}…`
              : `The connection to ${server.node} was lost. Trying again…`}
          </p>
        )}
        <ConsoleTerminal ref={terminal} />
        {allows("control.console") && (
          <CommandLine server={server.uuid} live={live} offline={shown === "offline"} />
        )}
      </Surface>
      <Figures live={live} />
    </div>
  );
}

function CommandLine({ server, live, offline }: { server: string; live: LiveConsole; offline: boolean }) {
  const [line, setLine] = useState("");
  const [history, setHistory] = useState(() =>
    emptyHistory(JSON.parse(localStorage.getItem(HISTORY_KEY(server)) ?? "[]") as string[]),
  );
  const move = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const step = walk(history, event.key === "ArrowUp" ? -1 : 1, line);
    setHistory(step.history);
    setLine(step.line);
  };
  return (
    <form
      className="flex items-center gap-2 border-t border-line bg-surface px-3"
      onSubmit={(event) => {
        event.preventDefault();
        if (!line.trim()) return;
        const kept = remember(history, line);
        setHistory(kept);
        localStorage.setItem(HISTORY_KEY(server), JSON.stringify(kept.entries));
        if (!live.send("send command", line)) {
          post(`/api/client/servers/${server}/command`, { command: line }).catch(toastError);
        }
        setLine("");
      }}
    >
      <span aria-hidden className="font-mono text-accent">
        ›
      </span>
      <input
        aria-label="Command"
        value={line}
        onChange={(event) => setLine(event.target.value)}
        onKeyDown={move}
        disabled={offline}
        autoComplete="off"
        spellCheck={false}
        placeholder={offline ? "Start the server to send commands" : "Type a command"}
        className="h-11 min-w-0 flex-1 bg-transparent font-mono text-[13px] outline-none placeholder:text-muted/60"
      />
      <button
        type="submit"
        aria-label="Send"
        disabled={!line.trim()}
        className="p-2 text-muted hover:text-text disabled:opacity-30"
      >
        <CornerDownLeft className="size-4" />
      </button>
    </form>
  );
}

function Figures({ live }: { live: LiveConsole }) {
  const { server } = useServer();
  const { stats, samples } = live;
  const times = samples.map((sample) => sample.at);
  const up = stats && stats.state !== "offline";
  const memoryLimit = server.limits.memory * 1024 * 1024;
  return (
    <aside
      className="grid shrink-0 content-start gap-3 sm:grid-cols-2 xl:w-80 xl:grid-cols-1"
      aria-label="Use of resources"
    >
      <Figure
        title="Processor"
        value={up ? percent(stats.cpu_absolute) : "–"}
        note={server.limits.cpu ? `of ${server.limits.cpu} %` : "no limit"}
      >
        <Chart
          times={times}
          limit={server.limits.cpu}
          format={(value) => `${Math.round(value)} %`}
          series={[{ label: "CPU", role: "accent", values: samples.map((s) => s.cpu) }]}
        />
      </Figure>
      <Figure
        title="Memory"
        value={up ? bytes(stats.memory_bytes) : "–"}
        note={server.limits.memory ? `of ${mebibytes(server.limits.memory)}` : "no limit"}
      >
        <Chart
          times={times}
          limit={memoryLimit}
          format={bytes}
          series={[{ label: "Memory", role: "positive", values: samples.map((s) => s.memory) }]}
        />
      </Figure>
      <Figure
        title="Network"
        value={samples.length && up ? `↓ ${bytes(samples.at(-1)!.received)}/s` : "–"}
        note={samples.length && up ? `↑ ${bytes(samples.at(-1)!.sent)}/s` : ""}
      >
        <Chart
          times={times}
          format={bytes}
          series={[
            { label: "Received", role: "info", values: samples.map((s) => s.received) },
            { label: "Sent", role: "caution", values: samples.map((s) => s.sent) },
          ]}
        />
      </Figure>
      <Surface className="grid grid-cols-2 gap-4 px-4 py-3.5">
        <Fact
          label="Disk"
          value={stats ? bytes(stats.disk_bytes) : "–"}
          note={server.limits.disk ? `of ${mebibytes(server.limits.disk)}` : "no limit"}
        />
        <Fact label="Up for" value={up ? duration(stats.uptime) : "–"} />
      </Surface>
    </aside>
  );
}

function Figure({
  title,
  value,
  note,
  children,
}: {
  title: string;
  value: string;
  note: string;
  children: React.ReactNode;
}) {
  return (
    <Surface className="px-4 pt-3 pb-2">
      <div className="flex items-baseline gap-2">
        <h3 className="mr-auto text-[13px] text-muted">{title}</h3>
        <span className="tabular text-base font-semibold">{value}</span>
        <span className="tabular text-xs text-muted">{note}</span>
      </div>
      {children}
    </Surface>
  );
}

function Fact({ label, value, note }: { label: string; value: string; note?: string }) {
  return (
    <div>
      <p className="text-[13px] text-muted">{label}</p>
      <p className="tabular text-base font-semibold">{value}</p>
      {note && <p className="text-xs text-muted">{note}</p>}
    </div>
  );
}
