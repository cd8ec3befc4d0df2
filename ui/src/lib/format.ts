/** Numbers with the units a person uses. */
const STEPS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

export function bytes(value: number): string {
  let size = value;
  let step = 0;
  while (size >= 1024 && step < STEPS.length - 1) {
    size /= 1024;
    step += 1;
  }
  return `${size >= 100 || step === 0 ? size.toFixed(0) : size.toFixed(1)} ${STEPS[step]}`;
}

export const mebibytes = (value: number): string => (value === 0 ? "unlimited" : bytes(value * 1024 * 1024));

export const percent = (value: number): string => `${value >= 10 ? value.toFixed(0) : value.toFixed(1)} %`;

export function duration(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return `${Math.max(Math.floor(milliseconds / 1000), 0)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

export function ago(iso: string, now = Date.now()): string {
  const seconds = Math.max(Math.round((now - new Date(iso).getTime()) / 1000), 0);
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(Math.round(seconds / 60), 1)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}

export interface Addressed {
  ip: string;
  ip_alias?: string | null;
  alias?: string | null;
  port: number;
}
/** What a player types into the game. An address on all interfaces is reached by the name of its node. */
export function joinAddress(allocation: Addressed, nodeHost: string): string {
  const anywhere = allocation.ip === "0.0.0.0" || allocation.ip === "::";
  const host = allocation.ip_alias || allocation.alias || (anywhere ? nodeHost : allocation.ip);
  return `${host.includes(":") ? `[${host}]` : host}:${allocation.port}`;
}
