/**
 * The console of one server: connects, signs in, renews its token, comes back after a cut, and tells a listener what
 * happens. It holds no view state.
 */
import { get } from "@/api/client";
import type { PowerState, Stats } from "@/api/types";

export type Link = "connecting" | "open" | "waiting";
export interface ConsoleEvents {
  link: (link: Link) => void;
  line: (line: string, kind: "output" | "install" | "daemon" | "error") => void;
  status: (state: PowerState) => void;
  stats: (stats: Stats) => void;
  /** The server itself changed (installation, restore, transfer): look at it again. */
  changed: (what: string) => void;
  /** A new connection shows the log from its beginning. */
  reset: () => void;
}

interface Ticket {
  data: { token: string; socket: string };
}
const PAUSES = [1000, 2000, 4000, 8000, 15_000];
const RENEWABLE = ["jwt: exp claim is invalid", "jwt: created too far in past (denylist)"];

export class ConsoleSocket {
  private socket: WebSocket | null = null;
  private tries = 0;
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly server: string,
    private readonly on: ConsoleEvents,
  ) {}

  open(): void {
    this.closed = false;
    void this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  send(event: string, arg?: string): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ event, args: [arg ?? null] }));
    return true;
  }

  private async connect(): Promise<void> {
    this.on.link("connecting");
    let ticket: Ticket;
    try {
      ticket = await this.ticket();
    } catch {
      this.again();
      return;
    }
    if (this.closed) return;
    const socket = new WebSocket(ticket.data.socket);
    this.socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ event: "auth", args: [ticket.data.token] }));
    socket.onmessage = (message) => this.take(String(message.data));
    socket.onclose = () => {
      if (this.socket === socket) this.again();
    };
  }

  private ticket(): Promise<Ticket> {
    return get<Ticket>(`/api/client/servers/${this.server}/websocket`);
  }

  private again(): void {
    if (this.closed) return;
    this.on.link("waiting");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.connect(), PAUSES[Math.min(this.tries, PAUSES.length - 1)]);
    this.tries += 1;
  }

  private async renew(): Promise<void> {
    try {
      const ticket = await this.ticket();
      this.socket?.send(JSON.stringify({ event: "auth", args: [ticket.data.token] }));
    } catch {
      this.socket?.close();
    }
  }

  private take(text: string): void {
    const { event, args } = JSON.parse(text) as { event: string; args?: string[] };
    const arg = args?.[0] ?? "";
    switch (event) {
      case "auth success":
        this.on.link("open");
        if (this.tries >= 0) this.on.reset();
        this.tries = 0;
        this.send("send logs");
        this.send("send stats");
        return;
      case "status":
        return this.on.status(arg as PowerState);
      case "stats":
        return this.on.stats(JSON.parse(arg) as Stats);
      case "console output":
        return this.on.line(arg, "output");
      case "install output":
        return this.on.line(arg, "install");
      case "daemon message":
        return this.on.line(arg, "daemon");
      case "daemon error":
        return this.on.line(arg.replace(/^Error Event \[[^\]]*\]: /, ""), "error");
      case "token expiring":
      case "token expired":
        return void this.renew();
      case "jwt error":
        if (RENEWABLE.some((known) => arg.toLowerCase().includes(known))) return void this.renew();
        return this.on.line(arg, "error");
      case "install started":
      case "install completed":
      case "backup restore completed":
      case "transfer status":
      case "deleted":
        return this.on.changed(event);
    }
  }
}
