import { parseProgress, type ProgressEntry } from "./progress-sections.ts";

/** The most that the brief takes of each part, in bytes. */
export interface ProgressCaps {
  patterns: number;
  entries: number;
}

const defaultCaps: ProgressCaps = { patterns: 4096, entries: 6144 };

/** The last entries that are shown whatever their step. */
const lastEntries = 3;

/**
 * What of the progress matters for one step: the patterns, and the entries of the step itself, of what it needs, and the
 * last few. `pending` are entries that have not landed yet, oldest first. Newer ones win the room; the order is that of
 * the file. The size does not grow with the history.
 */
export function progressForBrief(
  text: string,
  wanted: { step: string; needs: readonly string[]; pending: readonly string[]; caps?: ProgressCaps },
): { patterns: string; entries: string } {
  const caps = wanted.caps ?? defaultCaps;
  const { patterns, entries } = parseProgress(unixLines(text));
  const all = [...entries, ...wanted.pending.flatMap((entry) => parseProgress(unixLines(entry)).entries)];
  return { patterns: newestPatterns(patterns, caps.patterns), entries: chosenEntries(all, wanted, caps.entries) };
}

function newestPatterns(patterns: readonly string[], cap: number): string {
  const lines = patterns.map((pattern) => `- ${cut(pattern, cap >> 2)}`);
  const noteRoom = 60;
  let room = cap;
  const kept: string[] = [];
  for (const line of lines.toReversed()) {
    room -= byteLength(line) + 1;
    if (room < (kept.length + 1 < lines.length ? noteRoom : 0)) break;
    kept.unshift(line);
  }
  const hidden = lines.length - kept.length;
  return [...hidden === 0 ? [] : [`(${hidden} older ones are in progress.txt)`], ...kept].join("\n");
}

function chosenEntries(
  all: readonly ProgressEntry[],
  wanted: { step: string; needs: readonly string[] },
  cap: number,
): string {
  const newestFirst = [...all.keys()].toReversed();
  const own = newestFirst.filter((index) => all[index]?.stepId === wanted.step);
  const needed = wanted.needs.map((id) => newestFirst.find((index) => all[index]?.stepId === id)).filter((index) =>
    index !== undefined
  );
  const ranked = new Set([...own, ...needed, ...newestFirst.slice(0, lastEntries)]);
  const kept = new Map<number, string>();
  let room = cap;
  for (const index of ranked) {
    const text = cut((all[index]?.text ?? "").replace(/\n-{3,}\s*$/, "").trimEnd(), cap >> 1);
    const bytes = byteLength(text) + 2;
    if (bytes > room) continue;
    room -= bytes;
    kept.set(index, text);
  }
  return [...kept].toSorted(([a], [b]) => a - b).map(([, text]) => text).join("\n\n");
}

/** Cuts at a line where one is near, and says so. */
function cut(text: string, bytes: number): string {
  if (byteLength(text) <= bytes) return text;
  const mark = "\n(cut off, the rest is in progress.txt)";
  let end = Math.max(0, Math.floor(bytes - mark.length));
  while (end > 0 && byteLength(text.slice(0, end)) > bytes - mark.length) end = Math.floor(end * 0.9);
  // Half a surrogate pair is no text.
  const head = text.slice(0, end).replace(/[\uD800-\uDBFF]$/, "");
  const line = head.lastIndexOf("\n");
  return (line > end / 2 ? head.slice(0, line) : head) + mark;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

function unixLines(text: string): string {
  return text.replaceAll("\r\n", "\n");
}
