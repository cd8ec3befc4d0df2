import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Trash2 } from "lucide-react";
import { useState, type FormEvent } from "react";
import { ApiError, get, post, put, remove } from "@/api/client";
import { apiKeysQuery, sessionQuery, sshKeysQuery } from "@/api/queries";
import type { ApiKey, Item } from "@/api/types";
import { ActivityList } from "@/features/activity/activity-list";
import { ago } from "@/lib/format";
import { Button } from "@/ui/button";
import { CopyText } from "@/ui/copy";
import { Dialog } from "@/ui/dialog";
import { AreaField, TextField } from "@/ui/field";
import { Page, Surface, SurfaceHead } from "@/ui/surface";
import { toast, toastError } from "@/ui/toast";
import { Empty, Failed, SkeletonRows } from "@/ui/views";

const asError = (error: unknown) => (error instanceof ApiError ? error : null);
const formOf = (event: FormEvent<HTMLFormElement>) => {
  event.preventDefault();
  return Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>;
};

export function AccountPage() {
  const user = useQuery(sessionQuery).data?.user;
  return (
    <Page title="Account" note={user && `Signed in as ${user.username}`}>
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Email present={user?.email ?? ""} />
        <Password />
        <TwoFactor enabled={user?.use_totp ?? false} />
        <ApiKeys />
        <SshKeys />
      </div>
      <h2 className="mt-2 text-base font-semibold">Activity</h2>
      <ActivityList path="/api/client/account/activity" />
    </Page>
  );
}

function Email({ present }: { present: string }) {
  const client = useQueryClient();
  const save = useMutation({
    mutationFn: (form: Record<string, string>) => put("/api/client/account/email", form),
    onSuccess: () => {
      toast("The e-mail address was changed.");
      void client.invalidateQueries({ queryKey: ["session"] });
    },
  });
  const error = asError(save.error);
  return (
    <Surface>
      <SurfaceHead title="E-mail" note={present} />
      <form className="flex flex-col gap-4 p-5" onSubmit={(event) => save.mutate(formOf(event))}>
        <TextField label="New e-mail" name="email" type="email" required error={error?.about("email")} />
        <TextField
          label="Password"
          name="password"
          type="password"
          required
          autoComplete="current-password"
          error={error?.fields.length ? undefined : error?.message}
        />
        <Button type="submit" className="self-start" busy={save.isPending}>
          Change e-mail
        </Button>
      </form>
    </Surface>
  );
}

function Password() {
  const save = useMutation({
    mutationFn: (form: Record<string, string>) => put("/api/client/account/password", form),
    onSuccess: () => toast("The password was changed. Everybody else was signed out."),
  });
  const error = asError(save.error);
  return (
    <Surface>
      <SurfaceHead title="Password" note="All your other sessions end when it changes." />
      <form
        className="flex flex-col gap-4 p-5"
        onSubmit={(event) => {
          const form = event.currentTarget;
          save.mutate(formOf(event), { onSuccess: () => form.reset() });
        }}
      >
        <TextField
          label="Present password"
          name="current_password"
          type="password"
          required
          autoComplete="current-password"
          error={error?.fields.length ? undefined : error?.message}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            label="New password"
            name="password"
            type="password"
            required
            minLength={8}
            autoComplete="new-password"
            error={error?.about("password")}
          />
          <TextField
            label="Once more"
            name="password_confirmation"
            type="password"
            required
            autoComplete="new-password"
          />
        </div>
        <Button type="submit" className="self-start" busy={save.isPending}>
          Change password
        </Button>
      </form>
    </Surface>
  );
}

function TwoFactor({ enabled }: { enabled: boolean }) {
  const client = useQueryClient();
  const [secret, setSecret] = useState<{ secret: string; image_url_data: string } | null>(null);
  const [codes, setCodes] = useState<string[] | null>(null);
  const [turningOff, setTurningOff] = useState(false);
  const refresh = () => client.invalidateQueries({ queryKey: ["session"] });
  const begin = useMutation({
    mutationFn: () =>
      get<{ data: { secret: string; image_url_data: string } }>("/api/client/account/two-factor"),
    onSuccess: (answer) => setSecret(answer.data),
    onError: toastError,
  });
  const enable = useMutation({
    mutationFn: (form: Record<string, string>) =>
      post<Item<{ tokens: string[] }>>("/api/client/account/two-factor", form),
    onSuccess: (answer) => {
      setSecret(null);
      setCodes(answer.attributes.tokens);
      void refresh();
    },
  });
  const disable = useMutation({
    mutationFn: (form: Record<string, string>) => post("/api/client/account/two-factor/disable", form),
    onSuccess: () => {
      setTurningOff(false);
      toast("Two-factor authentication is off.");
      void refresh();
    },
  });
  return (
    <Surface>
      <SurfaceHead
        title="Two-factor authentication"
        note={
          enabled
            ? "On: signing in asks for a code."
            : "Off. A code from your phone keeps others out even with your password."
        }
      >
        {enabled ? (
          <Button onClick={() => setTurningOff(true)}>Turn off</Button>
        ) : (
          <Button look="primary" busy={begin.isPending} onClick={() => begin.mutate()}>
            Turn on
          </Button>
        )}
      </SurfaceHead>
      <Dialog open={!!secret} onClose={() => setSecret(null)} title="Add Rookery to your authenticator">
        {secret && (
          <form className="flex flex-col gap-4" onSubmit={(event) => enable.mutate(formOf(event))}>
            <p className="text-muted">Enter this key in your authenticator, then type the code it shows.</p>
            <CopyText text={secret.secret} label="Copy the key" />
            <a href={secret.image_url_data} className="text-[13px] text-accent underline">
              Open in an authenticator on this device
            </a>
            <TextField label="Code" name="code" inputMode="numeric" autoComplete="one-time-code" required />
            <TextField
              label="Password"
              name="password"
              type="password"
              required
              error={asError(enable.error)?.message}
            />
            <Button type="submit" look="primary" busy={enable.isPending}>
              Turn on
            </Button>
          </form>
        )}
      </Dialog>
      <Dialog
        open={!!codes}
        onClose={() => setCodes(null)}
        title="Keep these recovery codes"
        note="Each works once, when your phone is gone. They are not shown again."
      >
        <pre className="grid grid-cols-2 gap-1 rounded-control bg-console p-4 font-mono text-[#d9dbe8]">
          {codes?.join("\n")}
        </pre>
      </Dialog>
      <Dialog
        open={turningOff}
        onClose={() => setTurningOff(false)}
        title="Turn off two-factor authentication"
      >
        <form className="flex flex-col gap-4" onSubmit={(event) => disable.mutate(formOf(event))}>
          <TextField
            label="Password"
            name="password"
            type="password"
            required
            error={asError(disable.error)?.message}
          />
          <Button type="submit" look="danger" busy={disable.isPending}>
            Turn off
          </Button>
        </form>
      </Dialog>
    </Surface>
  );
}

function ApiKeys() {
  const client = useQueryClient();
  const query = useQuery(apiKeysQuery);
  const [fresh, setFresh] = useState<string | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["api-keys"] });
  const add = useMutation({
    mutationFn: (form: Record<string, string>) =>
      post<Item<ApiKey> & { meta: { secret_token: string } }>("/api/client/account/api-keys", {
        description: form.description,
        allowed_ips: (form.allowed_ips ?? "").split(/\s+/).filter(Boolean),
      }),
    onSuccess: (answer) => {
      setFresh(answer.attributes.identifier + answer.meta.secret_token);
      void refresh();
    },
  });
  const drop = useMutation({
    mutationFn: (identifier: string) => remove(`/api/client/account/api-keys/${identifier}`),
    onSuccess: () => void refresh(),
    onError: toastError,
  });
  return (
    <Surface>
      <SurfaceHead title="API keys" note="For scripts and bots; they may do what you may do." />
      <form
        className="grid items-start gap-3 border-b border-line p-5 sm:grid-cols-[1fr_1fr_auto]"
        onSubmit={(event) => {
          const form = event.currentTarget;
          add.mutate(formOf(event), { onSuccess: () => form.reset() });
        }}
      >
        <TextField label="What for" name="description" required error={asError(add.error)?.message} />
        <TextField label="Allowed addresses" name="allowed_ips" placeholder="any" />
        <Button type="submit" className="mt-6" busy={add.isPending}>
          Create
        </Button>
      </form>
      {query.isPending ? (
        <SkeletonRows rows={2} height="h-10" />
      ) : query.isError ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : query.data.data.length === 0 ? (
        <Empty title="No keys" />
      ) : (
        <ul className="divide-y divide-line">
          {query.data.data.map(({ attributes: key }) => (
            <li key={key.identifier} className="flex items-center gap-3 px-5 py-3">
              <KeyRound className="size-4 text-muted" aria-hidden />
              <div className="mr-auto min-w-0">
                <p className="truncate">{key.description}</p>
                <p className="text-xs text-muted">
                  <span className="font-mono">{key.identifier}</span> ·{" "}
                  {key.last_used_at ? `used ${ago(key.last_used_at)}` : "never used"}
                </p>
              </div>
              <Button
                look="quiet"
                compact
                aria-label={`Delete ${key.description}`}
                onClick={() => drop.mutate(key.identifier)}
              >
                <Trash2 className="size-4" />
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Dialog
        open={!!fresh}
        onClose={() => setFresh(null)}
        title="Your new key"
        note="Copy it now; it is not shown again."
      >
        {fresh && <CopyText text={fresh} label="Copy the key" />}
      </Dialog>
    </Surface>
  );
}

function SshKeys() {
  const client = useQueryClient();
  const query = useQuery(sshKeysQuery);
  const refresh = () => client.invalidateQueries({ queryKey: ["ssh-keys"] });
  const add = useMutation({
    mutationFn: (form: Record<string, string>) => post("/api/client/account/ssh-keys", form),
    onSuccess: () => void refresh(),
  });
  const drop = useMutation({
    mutationFn: (fingerprint: string) => post("/api/client/account/ssh-keys/remove", { fingerprint }),
    onSuccess: () => void refresh(),
    onError: toastError,
  });
  const error = asError(add.error);
  return (
    <Surface>
      <SurfaceHead title="SSH keys" note="To sign in to SFTP without a password." />
      <form
        className="flex flex-col gap-3 border-b border-line p-5"
        onSubmit={(event) => {
          const form = event.currentTarget;
          add.mutate(formOf(event), { onSuccess: () => form.reset() });
        }}
      >
        <TextField label="Name" name="name" required error={error?.about("name")} />
        <AreaField
          label="Public key"
          name="public_key"
          rows={3}
          required
          placeholder="ssh-ed25519 AAAA…"
          error={error?.about("public_key")}
        />
        <Button type="submit" className="self-start" busy={add.isPending}>
          Add key
        </Button>
      </form>
      {query.isPending ? (
        <SkeletonRows rows={1} height="h-10" />
      ) : query.isError ? (
        <Failed error={query.error} retry={() => void query.refetch()} />
      ) : (
        <ul className="divide-y divide-line">
          {query.data.data.map(({ attributes: key }) => (
            <li key={key.fingerprint} className="flex items-center gap-3 px-5 py-3">
              <div className="mr-auto min-w-0">
                <p className="truncate">{key.name}</p>
                <p className="truncate font-mono text-xs text-muted">SHA256:{key.fingerprint}</p>
              </div>
              <Button
                look="quiet"
                compact
                aria-label={`Remove ${key.name}`}
                onClick={() => drop.mutate(key.fingerprint)}
              >
                <Trash2 className="size-4" />
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Surface>
  );
}
