import * as Radix from "@radix-ui/react-dropdown-menu";
import { EllipsisVertical } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "@/lib/cx";

export interface MenuEntry {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  run: () => void;
}

export function Menu({
  label,
  entries,
  trigger,
}: {
  label: string;
  entries: MenuEntry[];
  trigger?: ReactNode;
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>
        {trigger ?? (
          <button
            type="button"
            aria-label={label}
            className="grid size-9 place-items-center rounded-control border border-line bg-raised text-muted hover:text-text"
          >
            <EllipsisVertical className="size-4" />
          </button>
        )}
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align="end"
          sideOffset={6}
          className="z-50 min-w-44 rounded-surface border border-line bg-raised p-1 shadow-xl"
        >
          {entries.map((entry) => (
            <Radix.Item
              key={entry.label}
              disabled={entry.disabled}
              onSelect={entry.run}
              className={cx(
                "flex items-center gap-2.5 rounded-control px-2.5 py-1.5 outline-none data-[disabled]:opacity-40 data-[highlighted]:bg-line",
                entry.danger && "text-negative",
              )}
            >
              {entry.icon}
              {entry.label}
            </Radix.Item>
          ))}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
