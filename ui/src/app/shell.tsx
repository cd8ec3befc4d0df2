import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { Boxes, Egg, Gamepad2, LogOut, Moon, Plus, Server, Sun, UserRound, Users } from "lucide-react";
import { useState, type ComponentType } from "react";
import { post } from "@/api/client";
import { sessionQuery } from "@/api/queries";
import { SignIn } from "@/features/sign-in/sign-in";
import { cx } from "@/lib/cx";
import { applyTheme, currentTheme } from "@/lib/theme";
import { Toasts, toastError } from "@/ui/toast";
import { Failed } from "@/ui/views";
import { Logo } from "./logo";
import { Palette } from "./palette";

interface Entry {
  to: string;
  label: string;
  icon: ComponentType<{ className?: string }>;
  admin?: boolean;
}
const ENTRIES: Entry[] = [
  { to: "/", label: "Servers", icon: Gamepad2 },
  { to: "/admin/nodes", label: "Nodes", icon: Server, admin: true },
  { to: "/admin/eggs", label: "Eggs", icon: Egg, admin: true },
  { to: "/admin/servers", label: "All servers", icon: Boxes, admin: true },
  { to: "/admin/users", label: "Users", icon: Users, admin: true },
  { to: "/account", label: "Account", icon: UserRound },
];

export function Shell() {
  const session = useQuery(sessionQuery);
  if (session.isPending) return <div className="min-h-dvh" />;
  if (session.isError)
    return (
      <div className="grid min-h-dvh place-items-center">
        <Failed error={session.error} retry={() => void session.refetch()} />
      </div>
    );
  const user = session.data.user;
  if (!user)
    return (
      <>
        <SignIn />
        <Toasts />
      </>
    );
  const entries = ENTRIES.filter((entry) => !entry.admin || user.root_admin);
  return (
    <div className="flex min-h-dvh">
      <Rail entries={entries} username={user.username} name={session.data.name} />
      <div className="flex min-w-0 flex-1 flex-col max-md:pb-16">
        <Outlet />
      </div>
      <PhoneBar entries={entries} />
      <Palette admin={user.root_admin} />
      <Toasts />
    </div>
  );
}

const look =
  "flex items-center gap-3 rounded-control px-2.5 h-9 text-muted transition-colors duration-120 hover:bg-raised hover:text-text data-[status=active]:bg-raised data-[status=active]:text-text data-[status=active]:font-medium";

function Rail({ entries, username, name }: { entries: Entry[]; username: string; name: string }) {
  const [theme, setTheme] = useState(currentTheme);
  const client = useQueryClient();
  const navigate = useNavigate();
  const signOut = () =>
    post("/auth/logout")
      .then(async () => {
        client.clear();
        await navigate({ to: "/" });
      })
      .catch(toastError);
  const flip = () => {
    const next = theme === "dark" ? "light" : "dark";
    applyTheme(next, true);
    setTheme(next);
  };
  return (
    <aside className="sticky top-0 flex h-dvh w-14 shrink-0 flex-col border-r border-line bg-surface p-2 max-md:hidden lg:w-54">
      <Link to="/" className="mb-4 flex items-center gap-2.5 px-1.5 pt-2">
        <Logo className="size-7 shrink-0" />
        <span className="truncate text-base font-semibold tracking-tight max-lg:hidden">{name}</span>
      </Link>
      <nav aria-label="Main" className="flex flex-col gap-0.5">
        {entries.map((entry, at) => (
          <div
            key={entry.to}
            className={cx(entry.admin && !entries[at - 1]?.admin && "mt-4", !entry.admin && at > 0 && "mt-4")}
          >
            {entry.admin && !entries[at - 1]?.admin && (
              <p className="px-2.5 pb-1.5 text-xs font-medium text-muted/70 max-lg:sr-only">Administration</p>
            )}
            <Link
              to={entry.to}
              activeOptions={{ exact: entry.to === "/" || entry.to === "/admin/servers" }}
              className={look}
              title={entry.label}
            >
              <entry.icon className="size-4.5 shrink-0" />
              <span className="max-lg:sr-only">{entry.label}</span>
            </Link>
          </div>
        ))}
      </nav>
      <div className="mt-auto flex flex-col gap-0.5">
        <kbd className="mb-1 px-2.5 text-xs text-muted/60 max-lg:hidden">Ctrl K to go anywhere</kbd>
        <button type="button" className={look} onClick={flip} title="Change theme">
          {theme === "dark" ? <Sun className="size-4.5" /> : <Moon className="size-4.5" />}
          <span className="max-lg:sr-only">{theme === "dark" ? "Light theme" : "Dark theme"}</span>
        </button>
        <button type="button" className={look} onClick={() => void signOut()} title="Sign out">
          <LogOut className="size-4.5" />
          <span className="truncate max-lg:sr-only">Sign out {username}</span>
        </button>
      </div>
    </aside>
  );
}

function PhoneBar({ entries }: { entries: Entry[] }) {
  const shown = entries.filter((entry) =>
    ["/", "/admin/nodes", "/admin/eggs", "/account"].includes(entry.to),
  );
  return (
    <nav
      aria-label="Main"
      className="fixed inset-x-0 bottom-0 z-30 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {shown.map((entry) => (
        <Link
          key={entry.to}
          to={entry.to}
          activeOptions={{ exact: entry.to === "/" }}
          className="flex h-14 flex-1 flex-col items-center justify-center gap-1 text-[11px] text-muted data-[status=active]:text-accent"
        >
          <entry.icon className="size-5" />
          {entry.label}
        </Link>
      ))}
      {entries.some((entry) => entry.admin) && (
        <Link
          to="/admin/servers/new"
          className="flex h-14 flex-1 flex-col items-center justify-center gap-1 text-[11px] text-muted"
        >
          <Plus className="size-5" />
          New
        </Link>
      )}
    </nav>
  );
}
