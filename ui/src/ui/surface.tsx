import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

export function Surface({ className, children }: { className?: string; children: ReactNode }) {
  return (
    <section className={cx("rounded-surface border border-line bg-surface", className)}>{children}</section>
  );
}

export function SurfaceHead({
  title,
  note,
  children,
}: {
  title: string;
  note?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <header className="flex flex-wrap items-center gap-3 border-b border-line px-5 py-3.5">
      <div className="mr-auto min-w-0">
        <h2 className="font-semibold">{title}</h2>
        {note && <p className="mt-0.5 text-[13px] text-muted">{note}</p>}
      </div>
      {children}
    </header>
  );
}

export function Page({
  title,
  note,
  actions,
  children,
}: {
  title: string;
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="mx-auto flex w-full max-w-[1440px] flex-col gap-5 px-4 py-5 md:px-6 md:py-7">
      <header className="flex flex-wrap items-end gap-3">
        <div className="mr-auto min-w-0">
          <h1 className="text-xl leading-tight font-semibold tracking-tight">{title}</h1>
          {note && <p className="mt-1 text-muted">{note}</p>}
        </div>
        {actions}
      </header>
      {children}
    </div>
  );
}
