import {
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from "react";
import { cx } from "@/lib/cx";

export const inputLook =
  "w-full rounded-control border border-line bg-canvas px-3 h-9 text-text placeholder:text-muted/60 transition-colors duration-120 hover:border-muted focus:border-accent focus:outline-none aria-[invalid=true]:border-negative disabled:opacity-50";

export interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string;
  children: (props: { id: string; "aria-invalid"?: true; "aria-describedby"?: string }) => ReactNode;
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const noteId = `${id}-note`;
  return (
    <div className="flex flex-col gap-1.5">
      <label htmlFor={id} className="text-[13px] font-medium">
        {label}
      </label>
      {children({
        id,
        "aria-invalid": error ? true : undefined,
        "aria-describedby": error || hint ? noteId : undefined,
      })}
      {(error || hint) && (
        <p
          id={noteId}
          role={error ? "alert" : undefined}
          className={cx("text-xs", error ? "text-negative" : "text-muted")}
        >
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

type TextFieldProps = Omit<FieldProps, "children"> & InputHTMLAttributes<HTMLInputElement>;
export function TextField({ label, hint, error, className, ...rest }: TextFieldProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => <input {...rest} {...wiring} className={cx(inputLook, className)} />}
    </Field>
  );
}

type SelectFieldProps = Omit<FieldProps, "children"> & SelectHTMLAttributes<HTMLSelectElement>;
export function SelectField({ label, hint, error, className, children, ...rest }: SelectFieldProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => (
        <select {...rest} {...wiring} className={cx(inputLook, "pr-8", className)}>
          {children}
        </select>
      )}
    </Field>
  );
}

type AreaFieldProps = Omit<FieldProps, "children"> & TextareaHTMLAttributes<HTMLTextAreaElement>;
export function AreaField({ label, hint, error, className, ...rest }: AreaFieldProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(wiring) => (
        <textarea
          {...rest}
          {...wiring}
          className={cx(inputLook, "h-auto py-2 font-mono text-xs", className)}
        />
      )}
    </Field>
  );
}
