import type { ShownState } from "@/lib/state";
import { cx } from "@/lib/cx";

/** Colour, shape and word, always together. */
const MARKS: Record<ShownState, { word: string; tone: string; shape: string; busy?: boolean }> = {
  running: { word: "Running", tone: "text-positive", shape: "disc" },
  starting: { word: "Starting", tone: "text-caution", shape: "half", busy: true },
  stopping: { word: "Stopping", tone: "text-caution", shape: "half", busy: true },
  offline: { word: "Offline", tone: "text-muted", shape: "ring" },
  installing: { word: "Installing", tone: "text-info", shape: "half", busy: true },
  install_failed: { word: "Installation failed", tone: "text-negative", shape: "triangle" },
  restoring: { word: "Restoring", tone: "text-info", shape: "half", busy: true },
  transferring: { word: "Moving", tone: "text-info", shape: "half", busy: true },
  suspended: { word: "Suspended", tone: "text-caution", shape: "bar" },
  maintenance: { word: "Maintenance", tone: "text-caution", shape: "bar" },
  unknown: { word: "Unknown", tone: "text-muted", shape: "ring" },
};

export function StateMark({ state, className }: { state: ShownState; className?: string }) {
  const mark = MARKS[state];
  return (
    <span
      className={cx("inline-flex items-center gap-2 font-medium", mark.tone, className)}
      data-state={state}
    >
      <svg viewBox="0 0 12 12" className={cx("size-3 shrink-0", mark.busy && "pulse-slow")} aria-hidden>
        {mark.shape === "disc" && <circle cx="6" cy="6" r="5" fill="currentColor" />}
        {mark.shape === "ring" && (
          <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.6" />
        )}
        {mark.shape === "half" && (
          <>
            <circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" strokeWidth="1.6" />
            <path d="M6 1.8a4.2 4.2 0 0 1 0 8.4z" fill="currentColor" />
          </>
        )}
        {mark.shape === "triangle" && <path d="M6 1 11.5 11h-11z" fill="currentColor" />}
        {mark.shape === "bar" && <rect x="3.5" y="1" width="5" height="10" rx="1" fill="currentColor" />}
      </svg>
      {mark.word}
    </span>
  );
}
