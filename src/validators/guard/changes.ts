import type { Collected } from "../../loop/ports.ts";

/** One file of the change with its text before and after it; `null` where there is none, or no text. */
export interface FileChange {
  path: string;
  /** Another name than `path` when the file was moved. */
  from: string;
  before: string | null;
  after: string | null;
}

/** A line of a file, counted from 1. */
export interface Line {
  text: string;
  at: number;
}

/** How much of a file must be the same for it to be the same file under another name. */
const sameFile = 0.5;

/**
 * The change as files, moved ones as one: a file that went and one that came are the same when half of their lines are.
 * The order of the rest stays.
 */
export function pairMoved(changed: Collected["changed"], textOf: TextOf): FileChange[] {
  const gone = changed.filter(({ status }) => status === "deleted");
  const came = changed.filter(({ status }) => status === "added");
  const movedFrom = new Map<string, string>();
  for (const { path: from } of gone) {
    const before = textOf(from, "before");
    const taken = new Set(movedFrom.keys());
    const best = before === null ? undefined : came
      .filter(({ path }) => !taken.has(path))
      .map(({ path }) => ({ path, same: likeness(before, textOf(path, "after") ?? "") }))
      .toSorted((a, b) => b.same - a.same)[0];
    if (best !== undefined && best.same >= sameFile) movedFrom.set(best.path, from);
  }
  const moved = new Set(movedFrom.values());
  return changed.filter(({ path }) => !moved.has(path)).map(({ path }) => {
    const from = movedFrom.get(path) ?? path;
    return { path, from, before: textOf(from, "before"), after: textOf(path, "after") };
  });
}

export type TextOf = (path: string, when: "before" | "after") => string | null;

/** The lines that only `after` has; equal lines are told apart by how many there are. */
export function addedLines({ before, after }: Pick<FileChange, "before" | "after">): Line[] {
  const left = new Map<string, number>();
  for (const text of linesOf(before)) left.set(text.trim(), (left.get(text.trim()) ?? 0) + 1);
  return linesOf(after).flatMap((text, index) => {
    const count = left.get(text.trim()) ?? 0;
    if (count > 0) left.set(text.trim(), count - 1);
    return count > 0 || text.trim() === "" ? [] : [{ text, at: index + 1 }];
  });
}

/** The lines that only `before` has. */
export function removedLines({ before, after }: Pick<FileChange, "before" | "after">): Line[] {
  return addedLines({ before: after, after: before });
}

export function linesOf(text: string | null): string[] {
  return text === null ? [] : text.split(/\r?\n/);
}

/** The share of lines that two texts have in common, from 0 to 1; blank ones and brackets do not count. */
export function likeness(a: string, b: string): number {
  const [left, right] = [tellingLines(a), tellingLines(b)];
  const most = Math.max(left.length, right.length);
  if (most === 0) return a.trim() === b.trim() ? 1 : 0;
  return (left.length - addedLines({ before: right.join("\n"), after: left.join("\n") }).length) / most;
}

function tellingLines(text: string): string[] {
  return linesOf(text).map((line) => line.trim()).filter((line) => /\w/.test(line));
}
