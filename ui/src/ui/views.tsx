import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/cx";
import { Button } from "./button";

/** The states of a view that are not "full": loading, empty, failed. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cx("shimmer rounded-control", className)} />;
}

export function SkeletonRows({ rows = 4, height = "h-14" }: { rows?: number; height?: string }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-2 p-4">
      {Array.from({ length: rows }, (_, at) => (
        <Skeleton key={at} className={height} />
      ))}
    </div>
  );
}

export function Empty({
  title,
  children,
  action,
}: {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-14 text-center">
      <svg viewBox="0 0 64 40" className="mb-2 h-12 text-line" aria-hidden>
        <path
          d="M4 34c8-14 20-22 28-22s20 8 28 22"
          fill="none"
          stroke="currentColor"
          strokeWidth="3"
          strokeLinecap="round"
        />
        <path d="M12 34h40" stroke="currentColor" strokeWidth="3" strokeLinecap="round" />
        <ellipse cx="32" cy="26" rx="6" ry="8" fill="currentColor" />
      </svg>
      <p className="text-base font-semibold">{title}</p>
      {children && <p className="max-w-md text-muted">{children}</p>}
      {action && <div className="mt-3">{action}</div>}
    </div>
  );
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <div role="alert" className="flex flex-col items-center gap-2 px-6 py-12 text-center">
      <CircleAlert className="size-7 text-negative" aria-hidden />
      <p className="font-semibold">This could not be loaded</p>
      <p className="max-w-md text-muted">
        {error instanceof Error ? error.message : "Something went wrong."}
      </p>
      {retry && (
        <Button className="mt-3" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}
