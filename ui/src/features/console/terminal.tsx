import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { Terminal } from "@xterm/xterm";
import "@xterm/xterm/css/xterm.css";
import { ArrowDown, Search, X } from "lucide-react";
import { useEffect, useImperativeHandle, useRef, useState, type Ref } from "react";

export interface TerminalHandle {
  write: (line: string) => void;
  clear: () => void;
}

const COLOURS = {
  background: "#0b0c14",
  foreground: "#d9dbe8",
  cursor: "#0b0c14",
  selectionBackground: "#4f46e566",
  black: "#1d1f2e",
  red: "#f7768e",
  green: "#6ee7a8",
  yellow: "#f0c674",
  blue: "#7aa2f7",
  magenta: "#bb9af7",
  cyan: "#7dcfff",
  white: "#d9dbe8",
  brightBlack: "#6b7089",
  brightRed: "#ff9eb1",
  brightGreen: "#9ff5c6",
  brightYellow: "#ffe0a3",
  brightBlue: "#a8c4ff",
  brightMagenta: "#d6c2ff",
  brightCyan: "#b2e4ff",
  brightWhite: "#ffffff",
};

/** The console's lines: read-only terminal with search and a way back to now. */
export function ConsoleTerminal({ ref }: { ref: Ref<TerminalHandle> }) {
  const box = useRef<HTMLDivElement>(null);
  const terminal = useRef<Terminal>(undefined);
  const search = useRef<SearchAddon>(undefined);
  const [behind, setBehind] = useState(false);
  const [query, setQuery] = useState<string | null>(null);

  useEffect(() => {
    const term = new Terminal({
      fontFamily: '"JetBrains Mono Variable", ui-monospace, monospace',
      fontSize: 12.5,
      lineHeight: 1.35,
      convertEol: true,
      disableStdin: true,
      cursorInactiveStyle: "none",
      scrollback: 5000,
      theme: COLOURS,
      allowProposedApi: true,
    });
    const fit = new FitAddon();
    search.current = new SearchAddon();
    term.loadAddon(fit);
    term.loadAddon(search.current);
    term.open(box.current!);
    terminal.current = term;
    fit.fit();
    const resized = new ResizeObserver(() => fit.fit());
    resized.observe(box.current!);
    const scrolled = term.onScroll(() => setBehind(term.buffer.active.viewportY < term.buffer.active.baseY));
    const wheel = () =>
      requestAnimationFrame(() => setBehind(term.buffer.active.viewportY < term.buffer.active.baseY));
    box.current!.addEventListener("wheel", wheel, { passive: true });
    return () => {
      resized.disconnect();
      scrolled.dispose();
      term.dispose();
    };
  }, []);

  useImperativeHandle(ref, () => ({
    write: (line) => terminal.current?.writeln(line),
    clear: () => terminal.current?.reset(),
  }));

  return (
    <div className="relative min-h-0 flex-1 bg-[#0b0c14]" data-testid="console">
      <div ref={box} className="absolute inset-0 p-3 pr-1" />
      <div className="absolute top-2.5 right-4 flex items-center gap-1">
        {query === null ? (
          <button
            type="button"
            aria-label="Search the console"
            onClick={() => setQuery("")}
            className="grid size-8 place-items-center rounded-control text-[#6b7089] transition-colors hover:bg-white/10 hover:text-white"
          >
            <Search className="size-4" />
          </button>
        ) : (
          <form
            className="flex items-center gap-1 rounded-control border border-white/15 bg-[#14162a] pl-2"
            onSubmit={(event) => {
              event.preventDefault();
              search.current?.findPrevious(query);
            }}
          >
            <input
              autoFocus
              aria-label="Search the console"
              value={query}
              placeholder="Find, Enter for the one before"
              onChange={(event) => {
                setQuery(event.target.value);
                search.current?.findPrevious(event.target.value, { incremental: true });
              }}
              onKeyDown={(event) => event.key === "Escape" && setQuery(null)}
              className="h-8 w-48 bg-transparent text-[13px] text-white outline-none placeholder:text-white/40"
            />
            <button
              type="button"
              aria-label="Close search"
              className="p-1.5 text-white/60 hover:text-white"
              onClick={() => setQuery(null)}
            >
              <X className="size-4" />
            </button>
          </form>
        )}
      </div>
      {behind && (
        <button
          type="button"
          onClick={() => {
            terminal.current?.scrollToBottom();
            setBehind(false);
          }}
          className="absolute bottom-3 left-1/2 inline-flex -translate-x-1/2 items-center gap-1.5 rounded-full bg-accent-fill px-3 py-1.5 text-xs font-medium text-on-accent shadow-lg"
        >
          <ArrowDown className="size-3.5" /> Jump to now
        </button>
      )}
    </div>
  );
}
