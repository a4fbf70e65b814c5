/** One appended entry. `at` and `stepId` are `null` where its heading does not tell them. */
export interface ProgressEntry {
  heading: string;
  stepId: string | null;
  at: string | null;
  /** The entry as it stands in the file, heading included. */
  text: string;
}

/** A progress file in its parts. Patterns are the lines of the section at the top, without their bullet. */
export interface Progress {
  header: string;
  patterns: string[];
  entries: ProgressEntry[];
}

export type SectionKind = "header" | "patterns" | "entry";

/** A part of the file: the lines `start` (its heading, except for the header) up to, without, `end`. */
export interface Section {
  kind: SectionKind;
  start: number;
  end: number;
}

/** Splits lines into header, patterns and entries. Headings inside code fences are none. */
export function sections(lines: readonly string[]): Section[] {
  const found: Section[] = [];
  let current: Section = { kind: "header", start: 0, end: 0 };
  let isFenced = false;
  lines.forEach((line, index) => {
    if (/^(?:```|~~~)/.test(line)) isFenced = !isFenced;
    // A dated heading ends a fence that somebody forgot to close, or it would hide every later entry.
    if (isFenced ? !/^## +\[?\d{4}-\d\d-\d\d/.test(line) : !/^## +\S/.test(line)) return;
    isFenced = false;
    found.push({ ...current, end: index });
    current = { kind: /^## +codebase patterns\b/i.test(line) ? "patterns" : "entry", start: index, end: index };
  });
  return [...found, { ...current, end: lines.length }];
}

/** Reads a progress file in snarktank's format and its relatives. Any text is readable: what is no section is header. */
export function parseProgress(text: string): Progress {
  const lines = text.split("\n");
  const parts = sections(lines);
  const textOf = ({ start, end }: Section): string => lines.slice(start, end).join("\n");
  return {
    header: parts.filter(({ kind }) => kind === "header").map(textOf).join("\n"),
    patterns: parts.filter(({ kind }) => kind === "patterns").flatMap(({ start, end }) =>
      patternLines(lines.slice(start + 1, end))
    ),
    entries: parts.filter(({ kind }) => kind === "entry").map((part) => ({
      ...headingOf(lines[part.start] ?? ""),
      text: textOf(part),
    })),
  };
}

/** The patterns in the lines of their section: one per bullet or line, nested lines kept with the one that they belong to. */
export function patternLines(lines: readonly string[]): string[] {
  const patterns: string[] = [];
  for (const raw of lines) {
    const line = raw.trimEnd();
    if (line === "" || /^-{3,}$/.test(line) || line.startsWith("#")) continue;
    const last = patterns.pop();
    if (last !== undefined && /^\s/.test(line)) patterns.push(`${last}\n${line}`);
    else patterns.push(...last === undefined ? [] : [last], line.trim().replace(/^[-*+]\s+/, ""));
  }
  return patterns;
}

/** `## [2026-01-31 10:00] - [US-001]: Title` and its relatives. */
function headingOf(line: string): Pick<ProgressEntry, "heading" | "stepId" | "at"> {
  const heading = line.replace(/^#+\s*/, "").trimEnd();
  const [first = "", ...rest] = heading.split(/\s+[-–—]\s+/);
  const isTime = /^\[?\d{1,2}:\d{2}/.test(rest[0] ?? "");
  const named = (isTime ? rest[1] : rest[0]) ?? (/^\[?[A-Za-z]+-\d/.test(first) ? first : "");
  const stepId = /^\[?([A-Za-z0-9][A-Za-z0-9._-]*)/.exec(named)?.[1]?.replace(/\.+$/, "") ?? null;
  const at = rest.length === 0 ? null : [first, ...isTime ? rest.slice(0, 1) : []].join(" ").replaceAll(/[[\]]/g, "");
  return { heading, stepId, at };
}
