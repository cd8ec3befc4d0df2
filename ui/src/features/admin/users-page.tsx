import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, ShieldCheck, Trash2 } from "lucide-react";
import { useState } from "react";
import { ApiError, post, remove } from "@/api/client";
import { usersQuery } from "@/api/queries";
import type { AdminUser } from "@/api/types";
import { ago } from "@/lib/format";
import { Button } from "@/ui/button";
import { Confirm, Dialog } from "@/ui/dialog";
import { TextField } from "@/ui/field";
import { Page, Surface } from "@/ui/surface";
import { toast } from "@/ui/toast";
import { Failed, SkeletonRows } from "@/ui/views";

export function UsersPage() {
  const client = useQueryClient();
  const query = useQuery(usersQuery);
  const [adding, setAdding] = useState(false);
  const [dropping, setDropping] = useState<AdminUser | null>(null);
  const refresh = () => client.invalidateQueries({ queryKey: ["admin", "users"] });
  const add = useMutation({
    mutationFn: (form: Record<string, string>) =>
      post("/api/application/users", { ...form, root_admin: form.root_admin === "on" }),
    onSuccess: () => {
      setAdding(false);
      toast("The user was added.");
      void refresh();
    },
  });
  const drop = useMutation({
    mutationFn: (user: AdminUser) => remove(`/api/application/users/${user.id}`),
    onSuccess: () => {
      setDropping(null);
      void refresh();
    },
  });
  const error = add.error instanceof ApiError ? add.error : null;
  return (
    <Page
      title="Users"
      actions={
        <Button look="primary" onClick={() => setAdding(true)}>
          <Plus className="size-4" /> New user
        </Button>
      }
    >
      <Surface>
        {query.isPending ? (
          <SkeletonRows rows={3} height="h-12" />
        ) : query.isError ? (
          <Failed error={query.error} retry={() => void query.refetch()} />
        ) : (
          <ul className="divide-y divide-line">
            {query.data.data.map(({ attributes: user }) => (
              <li key={user.id} className="flex items-center gap-4 px-5 py-3">
                <span
                  className="grid size-9 shrink-0 place-items-center rounded-full bg-raised font-semibold text-muted uppercase"
                  aria-hidden
                >
                  {user.username.slice(0, 1)}
                </span>
                <div className="mr-auto min-w-0">
                  <p className="flex items-center gap-2 font-medium">
                    {user.username}
                    {user.root_admin && (
                      <span className="rounded bg-accent/15 px-1.5 text-xs text-accent">Administrator</span>
                    )}
                    {user["2fa"] && (
                      <ShieldCheck className="size-4 text-positive" aria-label="Two-factor authentication" />
                    )}
                  </p>
                  <p className="truncate text-[13px] text-muted">{user.email}</p>
                </div>
                <span className="text-xs text-muted max-sm:hidden">since {ago(user.created_at)}</span>
                <Button
                  look="quiet"
                  compact
                  aria-label={`Delete ${user.username}`}
                  onClick={() => setDropping(user)}
                >
                  <Trash2 className="size-4" />
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Surface>
      <Dialog open={adding} onClose={() => setAdding(false)} title="New user">
        <form
          className="grid gap-4 sm:grid-cols-2"
          onSubmit={(event) => {
            event.preventDefault();
            add.mutate(Object.fromEntries(new FormData(event.currentTarget)) as Record<string, string>);
          }}
        >
          <TextField label="Username" name="username" required error={error?.about("username")} />
          <TextField label="E-mail" name="email" type="email" required error={error?.about("email")} />
          <TextField label="First name" name="first_name" required error={error?.about("first_name")} />
          <TextField label="Last name" name="last_name" required error={error?.about("last_name")} />
          <div className="sm:col-span-2">
            <TextField
              label="Password"
              name="password"
              type="password"
              required
              minLength={8}
              autoComplete="new-password"
              error={error?.about("password")}
            />
          </div>
          <label className="flex items-center gap-2 sm:col-span-2">
            <input type="checkbox" name="root_admin" className="size-4 accent-accent" /> Administrator: may do
            everything
          </label>
          <div className="flex justify-end gap-2 sm:col-span-2">
            <Button onClick={() => setAdding(false)}>Cancel</Button>
            <Button type="submit" look="primary" busy={add.isPending}>
              Add user
            </Button>
          </div>
        </form>
      </Dialog>
      {dropping && (
        <Confirm
          open
          onClose={() => setDropping(null)}
          title={`Delete ${dropping.username}?`}
          loss="Their keys and invitations end. Users who own servers cannot be deleted."
          verb="Delete user"
          busy={drop.isPending}
          error={drop.error?.message}
          onConfirm={() => drop.mutate(dropping)}
        />
      )}
    </Page>
  );
}
