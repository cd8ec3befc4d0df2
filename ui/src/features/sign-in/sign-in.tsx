import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { ApiError, get, post } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";
import { Logo } from "@/app/logo";

interface LoginAnswer {
  data: { complete: boolean; confirmation_token?: string };
}
type Step = { kind: "password" } | { kind: "code"; token: string } | { kind: "forgotten"; sent?: string };

/** One card on the installation's name, nothing else. */
export function SignIn() {
  const name = useQuery(sessionQuery).data?.name ?? "Rookery";
  const client = useQueryClient();
  const [step, setStep] = useState<Step>({ kind: "password" });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  const send = (run: () => Promise<void>) => (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    run()
      .catch((reason: unknown) =>
        setError(reason instanceof ApiError ? reason : new ApiError(0, "", String(reason))),
      )
      .finally(() => setBusy(false));
  };
  const values = (event: EventTarget) =>
    Object.fromEntries(new FormData(event as HTMLFormElement)) as Record<string, string>;
  const finish = async (answer: LoginAnswer) => {
    if (!answer.data.complete) return setStep({ kind: "code", token: answer.data.confirmation_token! });
    await client.invalidateQueries({ queryKey: ["session"] });
  };

  return (
    <main className="grid min-h-dvh place-items-center px-4 py-10">
      <div className="w-full max-w-sm">
        <div className="mb-7 flex flex-col items-center gap-3">
          <Logo className="size-12" />
          <h1 className="text-xl font-semibold tracking-tight">{name}</h1>
        </div>
        <div className="rounded-surface border border-line bg-surface p-6 shadow-lg">
          {step.kind === "password" && (
            <form
              className="flex flex-col gap-4"
              onSubmit={(event) => {
                const form = values(event.currentTarget);
                send(async () => {
                  await get("/sanctum/csrf-cookie");
                  await finish(await post<LoginAnswer>("/auth/login", form));
                })(event);
              }}
            >
              <TextField label="Username or e-mail" name="user" autoComplete="username" required autoFocus />
              <TextField
                label="Password"
                name="password"
                type="password"
                autoComplete="current-password"
                required
              />
              <Problem error={error} />
              <Button type="submit" look="primary" busy={busy}>
                Sign in
              </Button>
              <button
                type="button"
                className="text-[13px] text-muted hover:text-text"
                onClick={() => setStep({ kind: "forgotten" })}
              >
                Forgot your password?
              </button>
            </form>
          )}
          {step.kind === "code" && (
            <form
              className="flex flex-col gap-4"
              onSubmit={(event) => {
                const code = (values(event.currentTarget).code ?? "").replace(/\s/g, "");
                const way = /^\d{6}$/.test(code) ? { authentication_code: code } : { recovery_token: code };
                send(async () =>
                  finish(
                    await post<LoginAnswer>("/auth/login/checkpoint", {
                      confirmation_token: step.token,
                      ...way,
                    }),
                  ),
                )(event);
              }}
            >
              <TextField
                label="Code"
                name="code"
                autoComplete="one-time-code"
                hint="Six digits from your authenticator, or one of your recovery codes."
                required
                autoFocus
              />
              <Problem error={error} />
              <Button type="submit" look="primary" busy={busy}>
                Continue
              </Button>
            </form>
          )}
          {step.kind === "forgotten" && (
            <form
              className="flex flex-col gap-4"
              onSubmit={(event) => {
                const form = values(event.currentTarget);
                send(async () => {
                  await get("/sanctum/csrf-cookie");
                  const answer = await post<{ status: string }>("/auth/password", form);
                  setStep({ kind: "forgotten", sent: answer.status });
                })(event);
              }}
            >
              {step.sent ? (
                <p>{step.sent}</p>
              ) : (
                <TextField label="E-mail" name="email" type="email" required autoFocus />
              )}
              <Problem error={error} />
              {!step.sent && (
                <Button type="submit" look="primary" busy={busy}>
                  Send a link
                </Button>
              )}
              <button
                type="button"
                className="text-[13px] text-muted hover:text-text"
                onClick={() => setStep({ kind: "password" })}
              >
                Back to sign-in
              </button>
            </form>
          )}
        </div>
      </div>
    </main>
  );
}

function Problem({ error }: { error: ApiError | null }) {
  if (!error) return null;
  return (
    <p
      role="alert"
      className="rounded-control border border-negative/40 bg-negative/10 px-3 py-2 text-[13px] text-negative"
    >
      {error.message}
    </p>
  );
}
