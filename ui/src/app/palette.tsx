import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { serversQuery } from "@/api/queries";
import { cx } from "@/lib/cx";
import { Dialog } from "@/ui/dialog";

interface Goal {
  label: string;
  note: string;
  to: string;
}
const PAGES: (Goal & { admin?: boolean })[] = [
  { label: "Servers", note: "Page", to: "/" },
  { label: "New server", note: "Action", to: "/admin/servers/new", admin: true },
  { label: "Nodes", note: "Page", to: "/admin/nodes", admin: true },
  { label: "Eggs", note: "Page", to: "/admin/eggs", admin: true },
  { label: "All servers", note: "Page", to: "/admin/servers", admin: true },
  { label: "Users", note: "Page", to: "/admin/users", admin: true },
  { label: "Account", note: "Page", to: "/account" },
];

/** Go anywhere by name: Ctrl K, and Ctrl Shift K from inside the console. */
export function Palette({ admin }: { admin: boolean }) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const servers = useQuery({ ...serversQuery(admin ? "admin-all" : ""), enabled: open });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setOpen((shown) => !shown);
        setText("");
        setAt(0);
      }
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
  const needle = text.trim().toLowerCase();
  const goals: Goal[] = [
    ...(servers.data?.data ?? []).map(({ attributes: server }) => ({
      label: server.name,
      note: `Server on ${server.node}`,
      to: `/server/${server.identifier}`,
    })),
    ...PAGES.filter((page) => admin || !page.admin),
  ].filter((goal) => !needle || goal.label.toLowerCase().includes(needle));
  const go = (goal: Goal | undefined) => {
    if (!goal) return;
    setOpen(false);
    void navigate({ to: goal.to });
  };
  return (
    <Dialog open={open} onClose={() => setOpen(false)} title="Go to">
      <input
        autoFocus
        aria-label="Search servers and pages"
        placeholder="A server or a page"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt((now) => Math.min(now + 1, goals.length - 1));
          else if (event.key === "ArrowUp") setAt((now) => Math.max(now - 1, 0));
          else if (event.key === "Enter") go(goals[at]);
          else return;
          event.preventDefault();
        }}
        className="h-10 w-full border-b border-line bg-transparent text-base outline-none"
      />
      <ul role="listbox" aria-label="Results" className="mt-2 max-h-72 overflow-y-auto">
        {goals.slice(0, 30).map((goal, index) => (
          <li key={goal.to} role="option" aria-selected={index === at}>
            <button
              type="button"
              onClick={() => go(goal)}
              onMouseEnter={() => setAt(index)}
              className={cx(
                "flex w-full items-center gap-3 rounded-control px-2.5 py-2 text-left",
                index === at && "bg-raised",
              )}
            >
              <span className="mr-auto truncate">{goal.label}</span>
              <span className="text-xs text-muted">{goal.note}</span>
            </button>
          </li>
        ))}
        {goals.length === 0 && <li className="px-2.5 py-6 text-center text-muted">Nothing has that name.</li>}
      </ul>
    </Dialog>
  );
}
