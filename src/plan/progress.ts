import { patchOf } from "./patch.ts";
import { parseProgress, patternLines, type Section, sections } from "./progress-sections.ts";

/** The header of a progress file that starts now. */
export function newProgress(startedIso: string): string {
  return `# Ralph Progress Log\nStarted: ${startedIso}\n---\n`;
}

/** An entry in snarktank's format, ending in a line break. Lines of a bullet after its first are indented under it. */
export function formatEntry(
  entry: { at: string; stepId: string; bullets: readonly string[]; learnings: readonly string[] },
): string {
  const lines = [
    `## ${entry.at} - ${entry.stepId}`,
    ...entry.bullets.map((text) => bullet(text, "")),
    ...entry.learnings.length === 0 ? [] : ["- **Learnings for future iterations:**"],
    ...entry.learnings.map((text) => bullet(text, "  ")),
    "---",
  ];
  return `${lines.join("\n")}\n`;
}

function bullet(text: string, indent: string): string {
  const [first = "", ...rest] = text.trimEnd().split(/\r?\n/);
  return [`${indent}- ${first}`, ...rest.map((line) => `${indent}  ${line}`.trimEnd())].join("\n");
}

/**
 * Adds patterns to the section at the top (made when missing) and entries at the end, in the file's own line ends.
 * Patterns that the file has already are skipped. Entries never are, whatever the file says: only one that is given twice,
 * heading and all, goes in once. Every other byte stays. An empty text gets a header.
 */
export function appendProgress(
  text: string,
  added: { patterns: readonly string[]; entries: readonly string[] },
): string {
  const entries = withoutRepeats(added.entries.map((entry) => entry.trimEnd()).filter((entry) => entry !== ""));
  const patterns = added.patterns.filter((pattern) => pattern.trim() !== "");
  if (entries.length === 0 && patterns.length === 0) return text;
  const eol = text.includes("\r\n") ? "\r\n" : "\n";
  let result = withPatterns(text.trim() === "" ? startOf(text, entries) : text, patterns, eol);
  for (const entry of entries) {
    const body = entry.replaceAll(/\r?\n/g, eol);
    result += `${result.endsWith("\n") ? "" : eol}${body}${eol}`;
  }
  return result;
}

/** One record of two ledgers that were joined. Lines without a heading are no record: they may well be written twice. */
function withoutRepeats(entries: readonly string[]): string[] {
  return entries.filter((entry, index) => !entry.startsWith("## ") || entries.indexOf(entry) === index);
}

function startOf(text: string, entries: readonly string[]): string {
  const at = entries.map((entry) => parseProgress(entry).entries[0]?.at ?? null).find((time) => time !== null);
  const bom = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  return bom + (at === undefined || at === null ? "# Ralph Progress Log\n---\n" : newProgress(at));
}

function withPatterns(text: string, patterns: readonly string[], eol: string): string {
  const known = new Set(parseProgress(text).patterns.map(fold));
  const fresh: string[] = [];
  for (const pattern of patterns) {
    if (known.has(fold(pattern))) continue;
    known.add(fold(pattern));
    fresh.push(`- ${pattern.trim().replaceAll(/\r?\n/g, eol)}`);
  }
  if (fresh.length === 0) return text;
  const lines = text.split("\n");
  const parts = sections(lines);
  const existing = parts.find(({ kind }) => kind === "patterns");
  if (existing === undefined) {
    const block = ["## Codebase Patterns", ...fresh, "---", ""].join(eol);
    return insertAtLine(text, parts[0]?.end ?? lines.length, block, eol);
  }
  let last = existing.start;
  for (let index = existing.start + 1; index < existing.end; index += 1) {
    const line = (lines[index] ?? "").trim();
    if (/^-{3,}$/.test(line)) break;
    if (line !== "") last = index;
  }
  return insertAtLine(text, last + 1, fresh.join(eol) + eol, eol);
}

/** Puts `block` before the line of that index, or at the end of the text. */
function insertAtLine(text: string, index: number, block: string, eol: string): string {
  const lines = text.split("\n");
  if (index >= lines.length) return `${text}${text === "" || text.endsWith("\n") ? "" : eol}${block}`;
  const offset = lines.slice(0, index).join("\n").length + (index > 0 ? 1 : 0);
  return text.slice(0, offset) + block + text.slice(offset);
}

/** Two patterns are the same when they differ only in case, spaces and a closing period. */
function fold(pattern: string): string {
  return pattern.toLowerCase().replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
}

/** What an agent did to a progress file that may only grow. */
export interface AgentProgress {
  addedPatterns: string[];
  /** Each ends in a line break. */
  addedEntries: string[];
  /** Sentences about entries that it deleted or rewrote. They stay as they were. */
  tampering: string[];
  /** Sentences about rewritten patterns or header, which stay as they were too; agents tidy up there in good faith. */
  benign: string[];
  /** For people: a unified diff when there was tampering, else "". */
  diff: string;
}

/** The most that one iteration may add, in characters: a log pasted in full is no learning. */
const maxAdded = 64_000;

/**
 * Separates what an agent added to a progress file from what it may not touch. Lines are compared without trailing
 * spaces, and empty lines not at all, so that a reformatted line end is no change.
 */
export function normalizeAgentProgress(texts: { before: string; after: string | null }): AgentProgress {
  const { before, after } = texts;
  if (after === null) {
    return { addedPatterns: [], addedEntries: [], tampering: ["deleted progress.txt"], benign: [], diff: "" };
  }
  if (after === before) return { addedPatterns: [], addedEntries: [], tampering: [], benign: [], diff: "" };
  const old = linesOf(before);
  const now = linesOf(after);
  const { missing, added } = compare(old, now);
  const lost = losses(old, missing);
  const diff = lost.tampering.length === 0 ? "" : patchOf("progress.txt", before, after);
  return { ...additions(now, added, lost.tampering.length === 0), ...lost, diff };
}

function linesOf(text: string): string[] {
  return text.replace(/^\uFEFF/, "").split(/\r?\n/).map((line) => line.trimEnd());
}

/** Matches the old lines in order with the new ones. What is left over was taken away, or came in. */
function compare(old: readonly string[], now: readonly string[]): { missing: Set<number>; added: Set<number> } {
  const places = new Map<string, number[]>();
  now.forEach((line, index) => {
    const known = places.get(line);
    if (known === undefined) places.set(line, [index]);
    else known.push(index);
  });
  const used = new Map<string, number>();
  const missing = new Set<number>();
  const added = new Set(now.keys().filter((index) => now[index] !== ""));
  let next = 0;
  old.forEach((line, index) => {
    if (line === "") return;
    const candidates = places.get(line) ?? [];
    let place = used.get(line) ?? 0;
    while ((candidates[place] ?? next) < next) place += 1;
    used.set(line, place);
    const found = candidates[place];
    if (found === undefined) {
      missing.add(index);
      return;
    }
    added.delete(found);
    next = found + 1;
  });
  return { missing, added };
}

function additions(
  now: readonly string[],
  added: ReadonlySet<number>,
  isAppended: boolean,
): Pick<AgentProgress, "addedPatterns" | "addedEntries"> {
  const addedPatterns: string[] = [];
  const addedEntries: string[] = [];
  let room = maxAdded;
  for (const part of sections(now)) {
    // Lines that came into an entry where others went are its rewritten text, not something new.
    if (part.kind === "header" || (part.kind === "entry" && !isAppended && !added.has(part.start))) continue;
    const text = part.kind === "patterns"
      ? range(part).filter((index) => added.has(index)).map((index) => now[index] ?? "")
      : addedText(now, part, added);
    if (part.kind === "patterns") {
      addedPatterns.push(...patternLines(text).filter((pattern) => (room -= pattern.length) >= 0));
    } else if (text.some((line) => line !== "" && line !== "---")) {
      const entry = text.join("\n").trim();
      addedEntries.push(
        `${entry.length > room ? `${entry.slice(0, Math.max(0, room))}\n(cut off here)\n---` : entry}\n`,
      );
      room -= entry.length;
    }
    if (room <= 0) break;
  }
  return { addedPatterns, addedEntries };
}

/** A new entry as a whole with its empty lines; of one that was there, only the lines that came in. */
function addedText(now: readonly string[], part: Section, added: ReadonlySet<number>): string[] {
  const isNew = added.has(part.start);
  return range(part).filter((index) => added.has(index) || (isNew && now[index] === "")).map((index) =>
    now[index] ?? ""
  );
}

function losses(old: readonly string[], missing: ReadonlySet<number>): Pick<AgentProgress, "tampering" | "benign"> {
  const tampering: string[] = [];
  const benign: string[] = [];
  for (const part of sections(old)) {
    const lost = range(part).filter((index) => missing.has(index));
    if (lost.every((index) => old[index] === "---")) continue;
    if (part.kind === "entry") {
      const heading = (old[part.start] ?? "").replace(/^#+\s*/, "").slice(0, 100);
      tampering.push(`${missing.has(part.start) ? "deleted" : "rewrote"} the entry "${heading}" of progress.txt`);
    } else {benign.push(
        part.kind === "patterns" ? "rewrote patterns of progress.txt" : "rewrote the header of progress.txt",
      );}
  }
  const shown = 10;
  if (tampering.length > shown) {
    tampering.splice(shown, Infinity, `and ${tampering.length - shown} more entries of progress.txt`);
  }
  return { tampering, benign };
}

function range({ start, end }: Section): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
