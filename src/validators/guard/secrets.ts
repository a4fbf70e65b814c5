import { globMatcher } from "../../model/glob.ts";
import {
  allowComment,
  digestFiles,
  placeholder,
  secretAssignment,
  secretHint,
  secretPatterns,
} from "../../model/secret-patterns.ts";
import type { Redactor } from "../../system/redact.ts";
import { addedLines, type FileChange, type Line, linesOf } from "./changes.ts";

/** Bits per character below which a text is words, not a key. */
const leastEntropy = 3.5;
const longest = 160;

const holdsDigests = globMatcher(digestFiles);

/** A line of the change that holds what looks like a secret. */
export interface Leak {
  path: string;
  line: Line;
  what: string;
  /** Whether it is the value of a variable that was given to agents: no comment makes that harmless. */
  known: boolean;
}

/** What the change adds that looks like a secret, or is one: a value of the environment. */
export function leaksIn(changes: readonly FileChange[], redactor: Pick<Redactor, "knows">): Leak[] {
  return changes.flatMap((change) => {
    const lines = linesOf(change.after);
    return addedLines(change).flatMap((line): Leak[] => {
      if (redactor.knows(line.text)) {
        return [{ path: change.path, line, what: "the value of a secret variable of the environment", known: true }];
      }
      const what = secretIn(line.text) ?? (holdsDigests(change.path) ? null : assignedIn(line.text));
      const isAllowed = [line.text, lines[line.at - 2] ?? ""].some((text) => text.includes(allowComment));
      return what === null || isAllowed ? [] : [{ path: change.path, line, what, known: false }];
    });
  });
}

/** One line each, with the secret hidden. */
export function leakLines(leaks: readonly Leak[], redactor: Pick<Redactor, "text">): string[] {
  return leaks.map(({ path, line, what }) => {
    const shown = redactor.text(line.text.trim()).slice(0, 2000).replaceAll(
      secretAssignment,
      (whole, name: string) => `${whole.slice(0, whole.indexOf(name) + name.length)} …`,
    );
    return `${path}:${line.at}: looks like a secret (${what})\n  + ${shown.slice(0, longest)}`;
  });
}

function secretIn(text: string): string | null {
  if (!secretHint.test(text)) return null;
  const found = secretPatterns.find(({ pattern, stops }) =>
    stops && [...text.matchAll(pattern)].some(([match]) => !/example|x{6,}|\*{4,}/i.test(match))
  );
  return found?.what ?? null;
}

function assignedIn(text: string): string | null {
  for (const [, name = "", , quoted, bare] of text.slice(0, 2000).matchAll(secretAssignment)) {
    const value = quoted ?? bare ?? "";
    if (isRandom(value)) return `high entropy in ${name}`;
  }
  return null;
}

/** Letters and digits, mixed without a pattern; no path, address, version, UUID or name of code. */
function isRandom(value: string): boolean {
  if (placeholder.test(value) || /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value)) return false;
  if (/^[./~]|:\/\/|[()[\]{}<>|]|^\w+(?:\.\w+)+$|^sha\d+-|^\d[\d.:TZ+-]*$/.test(value)) return false;
  return (value.match(/\d/g)?.length ?? 0) >= 2 && /[a-z]/i.test(value) && entropy(value) >= leastEntropy;
}

/** Shannon entropy in bits per character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}
