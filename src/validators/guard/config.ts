import { globMatcher } from "../../model/glob.ts";
import { addedLines, type FileChange, type Line, linesOf, removedLines } from "./changes.ts";
import { aboutCoverage, type ConfigKind, configKinds } from "./patterns.ts";
import type { Loosening } from "./tests.ts";

const kinds = configKinds.map((kind) => ({ kind, matches: globMatcher(kind.files) }));

/** Lint and CI configuration that a change loosens, and thresholds of coverage that it lowers or removes. */
export function loosenedConfig(changes: readonly FileChange[]): Loosening[] {
  const replaced = new Set(changes.filter(({ before }) => before === null).map(({ path }) => kindOf(path)));
  // A configuration that comes loosens nothing that was there.
  return changes.filter(({ before }) => before !== null)
    .flatMap((change) =>
      kinds.filter(({ matches }) => matches(change.path) || matches(change.from)).flatMap(({ kind }) => {
        if (change.after !== null) return loosenedIn(kind, change);
        // A configuration in another file of the same kind takes its place.
        if (!kind.whole || replaced.has(kind.allows)) return [];
        return [found(kind, change, "deletes it", "-", { at: 1, text: linesOf(change.before)[0] ?? "" })];
      })
    );
}

/** Whether a path is configuration that the guard looks at: only then its text matters. */
export function isConfig(path: string): boolean {
  return kinds.some(({ matches }) => matches(path));
}

function kindOf(path: string): string | null {
  return kinds.find(({ kind, matches }) => kind.whole && matches(path))?.kind.allows ?? null;
}

function loosenedIn(kind: ConfigKind, change: FileChange): Loosening[] {
  const [added, removed] = [addedLines(change), removedLines(change)];
  return [
    ...added.filter(({ text }) => kind.loose?.test(text) && !isComment(text))
      .map((line) => found(kind, change, "loosens it", "+", line)),
    ...kind.check === undefined ? [] : lostChecks(kind, kind.check, change, added, removed),
    ...kind.setting === undefined ? [] : loweredSettings(kind, kind.setting, change, added, removed),
    ...kind.lists === undefined ? [] : changedLists(kind, kind.lists, change, added, removed),
    ...kind.threshold === undefined ? [] : loweredThresholds(kind, kind.threshold, change, added, removed),
  ];
}

function found(kind: ConfigKind, { path }: FileChange, what: string, sign: "-" | "+", line: Line): Loosening {
  return { allows: kind.allows, path, what, sign, line };
}

function isComment(text: string): boolean {
  return /^\s*(?:#|\/\/|;|<!--)/.test(text);
}

/** A line that ran a check and does not come back: what it ran is told by its words. */
function lostChecks(kind: ConfigKind, check: RegExp, change: FileChange, added: Line[], removed: Line[]): Loosening[] {
  const wordOf = (text: string) => isComment(text) ? null : check.exec(text)?.[1]?.toLowerCase() ?? null;
  const back = new Set(added.map(({ text }) => wordOf(text)));
  return removed.flatMap((line) => {
    const word = wordOf(line.text);
    return word === null || back.has(word) ? [] : [found(kind, change, `removes a check (${word})`, "-", line)];
  });
}

const ranks: Record<string, number> = { off: 0, "0": 0, false: 0, allow: 0, warn: 1, warning: 1, "1": 1 };

function rank(value: string): number {
  return ranks[value.toLowerCase()] ?? 2;
}

function loweredSettings(
  kind: ConfigKind,
  setting: RegExp,
  change: FileChange,
  added: Line[],
  removed: Line[],
): Loosening[] {
  const read = (lines: Line[]) =>
    lines.flatMap((line) => {
      const [, name, value] = isComment(line.text) ? [] : setting.exec(line.text) ?? [];
      return name === undefined || value === undefined ? [] : [{ line, name, rank: rank(value), value }];
    });
  const [now, then] = [read(added), read(removed)];
  const lowered = now.flatMap(({ line, name, rank: level, value }) => {
    const old = then.find((one) => one.name === name);
    // Without an old one only switching off says something; `"x": false` is an ordinary option.
    const isOff = level === 0 && /^(?:off|0|allow)$/i.test(value);
    return (old === undefined ? isOff : level < old.rank) ? [found(kind, change, `lowers ${name}`, "+", line)] : [];
  });
  const gone = then.filter((old) => old.rank > 0 && !now.some(({ name }) => name === old.name))
    .filter(({ value }) => kind.whole ? /^(?:error|warn|warning|deny|forbid|1|2)$/i.test(value) : true)
    .map(({ line, name }) => found(kind, change, `removes ${name}`, "-", line));
  return [...lowered, ...gone];
}

/** Items of `ignore` and of `select`, on one line or on lines of their own below the name. */
function changedLists(
  kind: ConfigKind,
  lists: NonNullable<ConfigKind["lists"]>,
  change: FileChange,
  added: Line[],
  removed: Line[],
): Loosening[] {
  const [before, after] = [linesOf(change.before), linesOf(change.after)];
  const items = (lines: readonly Line[], of: readonly string[], which: RegExp) =>
    lines.filter(({ text }) => !isComment(text)).flatMap((line) => {
      const name = listName(line, of);
      return which.test(name) ? itemsOf(line.text, name).map((item) => ({ item, name, line })) : [];
    });
  const grown = items(added, after, lists.notLonger);
  const old = new Set(items(removed, before, lists.notLonger).map(({ item }) => item));
  const shrunk = items(removed, before, lists.notShorter);
  const kept = new Set(items(added, after, lists.notShorter).map(({ item }) => item));
  return [
    ...grown.filter(({ item }) => !old.has(item))
      .map(({ name, line }) => found(kind, change, `adds to ${name}`, "+", line)),
    ...shrunk.filter(({ item }) => !kept.has(item))
      .map(({ name, line }) => found(kind, change, `takes from ${name}`, "-", line)),
  ].filter(({ line }, index, all) => all.findIndex((other) => other.line === line) === index);
}

const named = /^\s*-?\s*["']?([\w.-]+)["']?\s*[:=](?!.*[=:]\s*(?:true|false)\s*,?\s*$)/;

/** The name of the list that a line belongs to: its own, or that of the nearest less indented line above it. */
function listName({ text, at }: Line, lines: readonly string[]): string {
  const own = named.exec(text)?.[1];
  if (own !== undefined) return own;
  if (!/^\s*(?:-\s|["'][^"']*["']\s*,?\s*$)/.test(text)) return "";
  for (let above = at - 2; above >= 0; above -= 1) {
    const name = named.exec(lines[above]!)?.[1];
    if (name !== undefined) return name;
    if (/^\s*[\]}]/.test(lines[above]!)) return "";
  }
  return "";
}

function itemsOf(text: string, name: string): string[] {
  const rest = text.replace(new RegExp(`^\\s*-?\\s*["']?${name.replaceAll(".", "\\.")}["']?\\s*[:=]`), "");
  return rest.split(/[\s,[\]{}"']+/).filter((item) => /\w/.test(item));
}

function loweredThresholds(
  kind: ConfigKind,
  threshold: RegExp,
  change: FileChange,
  added: Line[],
  removed: Line[],
): Loosening[] {
  if (!aboutCoverage.test(change.before ?? "")) return [];
  const every = new RegExp(threshold, "g");
  const read = (lines: Line[]) =>
    lines.filter(({ text }) => !isComment(text)).flatMap((line) =>
      [...line.text.matchAll(every)].map(([, name = "", value]) => ({ line, name, value: Number(value) }))
    );
  const now = read(added);
  return read(removed).flatMap(({ line, name, value }) => {
    const at = now.findIndex((one) => one.name === name);
    if (at === -1) return [found(kind, change, `removes a coverage threshold (${name} ${value})`, "-", line)];
    const [next] = now.splice(at, 1);
    return next!.value >= value
      ? []
      : [found(kind, change, `lowers a coverage threshold (${name} from ${value} to ${next!.value})`, "+", next!.line)];
  });
}
