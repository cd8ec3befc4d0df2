/** Talk to the Panel: JSON in, JSON out, errors as one class that names the field. */
export interface FieldError {
  field: string;
  rule: string;
  detail: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly fields: FieldError[] = [],
  ) {
    super(message);
  }
  /** The sentence about one input, if it is the culprit. */
  about(field: string): string | undefined {
    return this.fields.find((entry) => entry.field === field)?.detail;
  }
}

interface WireError {
  code: string;
  status: string;
  detail: string;
  meta?: { source_field?: string; rule?: string };
}

function cookie(name: string): string {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: {
        Accept: "application/json",
        "X-Requested-With": "XMLHttpRequest",
        ...(method === "GET" ? {} : { "X-XSRF-TOKEN": cookie("XSRF-TOKEN") }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "Unreachable", "The Panel cannot be reached. Check your connection and try again.");
  }
  const text = await response.text();
  const parsed: unknown =
    text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : undefined;
  if (!response.ok) throw errorOf(response.status, parsed);
  return parsed as T;
}

export function errorOf(status: number, body: unknown): ApiError {
  const errors = (body as { errors?: WireError[] } | undefined)?.errors ?? [];
  const first = errors[0];
  const fields = errors.flatMap((entry) =>
    entry.meta?.source_field
      ? [{ field: entry.meta.source_field, rule: entry.meta.rule ?? "", detail: entry.detail }]
      : [],
  );
  const fallback =
    status >= 500 ? "The Panel made a mistake. Try again in a moment." : "The request was refused.";
  return new ApiError(status, first?.code ?? "Error", first?.detail ?? fallback, fields);
}

export const get = <T>(path: string) => request<T>("GET", path);
export const post = <T = void>(path: string, body?: unknown) => request<T>("POST", path, body);
export const put = <T = void>(path: string, body?: unknown) => request<T>("PUT", path, body);
export const patch = <T = void>(path: string, body?: unknown) => request<T>("PATCH", path, body);
export const remove = (path: string) => request<void>("DELETE", path);
