/** Commands typed before, newest last; arrows walk through them, and what begins like the input comes first. */
const MOST = 100;

export interface History {
  entries: string[];
  /** Where the walk stands; the length means "the line being typed". */
  at: number;
  draft: string;
}

export const emptyHistory = (entries: string[] = []): History => ({ entries, at: entries.length, draft: "" });

export function remember(history: History, line: string): History {
  const text = line.trim();
  if (!text) return emptyHistory(history.entries);
  return emptyHistory([...history.entries.filter((entry) => entry !== text), text].slice(-MOST));
}

export function walk(history: History, step: -1 | 1, current: string): { history: History; line: string } {
  const draft = history.at === history.entries.length ? current : history.draft;
  let at = history.at;
  do at += step;
  while (at >= 0 && at < history.entries.length && !history.entries[at]!.startsWith(draft));
  if (at < 0) return { history: { ...history, draft }, line: current };
  at = Math.min(at, history.entries.length);
  return {
    history: { ...history, at, draft },
    line: at === history.entries.length ? draft : history.entries[at]!,
  };
}
