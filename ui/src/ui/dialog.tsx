import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Button } from "./button";
import { inputLook } from "./field";

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  note?: ReactNode;
  children: ReactNode;
  wide?: boolean;
}

export function Dialog({ open, onClose, title, note, children, wide }: DialogProps) {
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-black/55 backdrop-blur-[2px]" />
        <Radix.Content
          aria-describedby={undefined}
          className={`fixed top-1/2 left-1/2 z-50 max-h-[88dvh] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-surface border border-line bg-surface p-5 shadow-2xl ${wide ? "max-w-2xl" : "max-w-md"}`}
        >
          <Radix.Title className="pr-8 text-base font-semibold">{title}</Radix.Title>
          {note && <p className="mt-1 text-muted">{note}</p>}
          <Radix.Close
            className="absolute top-4 right-4 rounded-control p-1 text-muted hover:text-text"
            aria-label="Close"
          >
            <X className="size-4" />
          </Radix.Close>
          <div className="mt-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** What is lost, in one sentence. */
  loss: ReactNode;
  verb: string;
  /** Where a name must be typed before the button works. */
  typed?: string;
  busy?: boolean;
  error?: string;
  onConfirm: () => void;
}

export function Confirm({ open, onClose, title, loss, verb, typed, busy, error, onConfirm }: ConfirmProps) {
  const [text, setText] = useState("");
  const ready = !typed || text === typed;
  return (
    <Dialog open={open} onClose={onClose} title={title} note={loss}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) onConfirm();
        }}
      >
        {typed && (
          <label className="flex flex-col gap-1.5 text-[13px]">
            <span>
              Type <strong className="font-mono">{typed}</strong> to confirm
            </span>
            <input
              className={inputLook}
              value={text}
              onChange={(event) => setText(event.target.value)}
              autoFocus
            />
          </label>
        )}
        {error && (
          <p role="alert" className="text-[13px] text-negative">
            {error}
          </p>
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" disabled={!ready} busy={busy}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
