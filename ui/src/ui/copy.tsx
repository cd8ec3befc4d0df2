import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { cx } from "@/lib/cx";

async function write(text: string): Promise<void> {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.style.position = "fixed";
  area.style.opacity = "0";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Text that is one click from the clipboard. */
export function CopyText({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false);
  const Icon = copied ? Check : Copy;
  return (
    <button
      type="button"
      title={copied ? "Copied" : label}
      aria-label={copied ? "Copied" : `${label}: ${text}`}
      onClick={(event) => {
        event.preventDefault();
        event.stopPropagation();
        void write(text).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1500);
        });
      }}
      className={cx(
        "group inline-flex max-w-full items-center gap-1.5 rounded-control px-1.5 py-0.5 -mx-1.5 font-mono text-[13px] text-muted transition-colors duration-120 hover:bg-raised hover:text-text",
        className,
      )}
    >
      <span className="truncate">{text}</span>
      <Icon
        className={cx("size-3.5 shrink-0", copied ? "text-positive" : "opacity-60 group-hover:opacity-100")}
        aria-hidden
      />
    </button>
  );
}
