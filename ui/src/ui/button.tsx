import type { ButtonHTMLAttributes } from "react";
import { cx } from "@/lib/cx";

const LOOKS = {
  primary: "bg-accent-fill text-on-accent border-transparent hover:brightness-110",
  plain: "bg-raised text-text border-line hover:border-muted",
  quiet: "bg-transparent text-muted border-transparent hover:bg-raised hover:text-text",
  danger: "bg-negative/15 text-negative border-negative/40 hover:bg-negative/25",
  positive: "bg-positive/15 text-positive border-positive/40 hover:bg-positive/25",
} as const;

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
  busy?: boolean;
  compact?: boolean;
}

export function Button({
  look = "plain",
  busy,
  compact,
  className,
  children,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cx(
        "inline-flex items-center justify-center gap-2 rounded-control border font-medium whitespace-nowrap transition-[background,border-color,filter,opacity] duration-120 select-none disabled:opacity-45",
        compact ? "h-8 px-2.5 text-[13px]" : "h-9 px-3.5",
        LOOKS[look],
        className,
      )}
    >
      {busy && (
        <span
          className="size-3 animate-spin rounded-full border-2 border-current border-r-transparent"
          aria-hidden
        />
      )}
      {children}
    </button>
  );
}
