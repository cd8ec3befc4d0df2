export type Theme = "dark" | "light";
const KEY = "rookery.theme";

export function currentTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  if (kept === "dark" || kept === "light") return kept;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}
export function applyTheme(theme: Theme, keep = false): void {
  document.documentElement.dataset.theme = theme;
  if (keep) localStorage.setItem(KEY, theme);
}
