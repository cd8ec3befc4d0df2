import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";

interface Toast {
  id: number;
  kind: "done" | "failed";
  text: string;
}
let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();
const set = (changed: Toast[]) => {
  toasts = changed;
  listeners.forEach((listener) => listener());
};

export function toast(text: string, kind: Toast["kind"] = "done"): void {
  const id = next++;
  set([...toasts.slice(-3), { id, kind, text }]);
  setTimeout(() => set(toasts.filter((entry) => entry.id !== id)), kind === "failed" ? 8000 : 4000);
}
export const toastError = (error: unknown) =>
  toast(error instanceof Error ? error.message : "Something went wrong.", "failed");

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    () => toasts,
  );
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-20 z-60 flex w-80 max-w-[calc(100vw-2rem)] flex-col gap-2 md:bottom-4"
    >
      {shown.map((entry) => (
        <div
          key={entry.id}
          className="pointer-events-auto flex items-start gap-2.5 rounded-surface border border-line bg-raised p-3 shadow-xl"
          style={{ animation: "rise 180ms ease-out" }}
        >
          {entry.kind === "done" ? (
            <CircleCheck className="mt-0.5 size-4 shrink-0 text-positive" aria-hidden />
          ) : (
            <CircleAlert className="mt-0.5 size-4 shrink-0 text-negative" aria-hidden />
          )}
          <p className="mr-auto">{entry.text}</p>
          <button
            type="button"
            aria-label="Dismiss"
            className="text-muted hover:text-text"
            onClick={() => set(toasts.filter((t) => t.id !== entry.id))}
          >
            <X className="size-4" />
          </button>
        </div>
      ))}
    </div>
  );
}
