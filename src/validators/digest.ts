import { createHash } from "node:crypto";
import { stripVTControlCharacters } from "node:util";
import { masked } from "../model/mask.ts";

/** Collects one validator's output line by line, in bounded memory. */
export interface OutputDigest {
  line: (text: string) => void;
  /** The failing lines and the useful end, at most `digestBytes`. Short output is given whole. */
  text: () => string;
}

/** What a digest may take, in bytes: with a line about the exit it stays under the 4 KB of a verdict's digest. */
export const digestBytes = 3800;

/** Of these, how much the failing lines may take when the output doesn't fit as a whole; the end has the rest. */
const failingBytes = 2400;
const longestLine = 400;
const linesBefore = 1;
const linesAfter = 3;
/** More failing lines than this are not looked at: the first failures are the ones that cause the others. */
const mostKept = 200;
const tailLines = 60;

const failing = [
  /\b(?:errors?|fail(?:s|ed|ure|ures|ing)?|fatal|panic(?:ked)?|exceptions?|assert\w*|traceback|mismatch|denied)\b/i,
  /\b\w+(?:Error|Exception)\b/,
  /\bnot (?:ok|found)\b|\bundefined (?:reference|symbol)\b|\bcannot\b|\bsegmentation fault\b|\bexpected\b/i,
  /^\s*(?:✗|✘|×|✖|❌|FAIL\b|E\s{2,})/,
  /^\s*\S+\.\w+(?::\d+){1,2}:?\s|^\s*\S+\.\w+\(\d+,\d+\):/,
];
const harmless = [
  /^\s*(?:ok\b|PASS(?:ED)?\b|✓|✔|√|--- PASS)/,
  /\b(?:ok|passed)\s*$/i,
  /\b(?:0|no) (?:errors?|fail\w*|problems?|warnings?)\b(?!.*[1-9]\d* (?:errors?|fail|problem))/i,
  /\b(?:errors?|fail\w*):? 0\b/i,
];

interface Line {
  at: number;
  text: string;
}

/** Makes a digest of output that is fed to it. The same lines give the same text. */
export function createDigest(): OutputDigest {
  let count = 0;
  let bytes = 0;
  let wanted = 0;
  let whole: string[] = [];
  let tail: Line[] = [];
  const kept: Line[] = [];
  const seen = new Set<string>();
  let lastRaw: string | null = null;

  return {
    line: (raw) => {
      if (raw === lastRaw) {
        // A flood mostly repeats itself: the tail shows the line once.
        count++;
        bytes += raw.length + 1;
        if (bytes > digestBytes) whole = [];
        else whole.push(clean(raw));
        return;
      }
      lastRaw = raw;
      const line = { at: count++, text: clean(raw) };
      bytes += Buffer.byteLength(line.text) + 1;
      if (bytes <= digestBytes) whole.push(line.text);
      else whole = [];

      const key = isFailing(line.text) ? masked(line.text) : null;
      const isRepeated = key !== null && seen.has(key);
      if (key !== null && !isRepeated && seen.size < mostKept) {
        seen.add(key);
        for (const before of tail.slice(-linesBefore)) if (before.at > (kept.at(-1)?.at ?? -1)) kept.push(before);
        wanted = linesAfter + 1;
      }
      if (wanted > 0 && !isRepeated) {
        kept.push(line);
        wanted--;
      }
      tail.push(line);
      if (tail.length > 4 * tailLines) tail = tail.slice(-tailLines);
    },
    text: () => {
      if (bytes <= digestBytes) return trimBlank(whole).join("\n");
      const head = fitting(kept, failingBytes);
      const from = (head.at(-1)?.at ?? -1) + 1;
      const end = fitting(tail.filter(({ at }) => at >= from).toReversed(), digestBytes - sizeOf(head) - 200);
      return render([...head, ...end.toReversed()], count);
    },
  };
}

/**
 * A short hash that is equal for equal failures: what differs from one run to the next (numbers, times, temporary
 * paths, hashes, the order of lines) does not count. "" for no parts.
 */
export function fingerprint(failures: readonly { id: string; digest: string }[]): string {
  if (failures.length === 0) return "";
  const parts = failures
    .map(({ id, digest }) => {
      const lines = digest.split("\n").map(masked).filter((line) => line !== "");
      return [id, ...new Set(lines.toSorted())].join("\n");
    })
    .toSorted();
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);
}

/** What a terminal would have shown in the end: no control sequences, the last state of a progress line. */
function clean(raw: string): string {
  // Stripping costs more than looking, and floods rarely have colors.
  const line = (raw.includes("\u001b") || raw.includes("\u009b") ? stripVTControlCharacters(raw) : raw).trimEnd();
  const shown = line.slice(line.lastIndexOf("\r") + 1).replaceAll(/[^\P{Cc}\t]/gu, "");
  return shown.length <= longestLine ? shown : `${shown.slice(0, longestLine - 1)}…`;
}

function isFailing(line: string): boolean {
  return failing.some((pattern) => pattern.test(line)) && !harmless.some((pattern) => pattern.test(line));
}

function fitting(lines: readonly Line[], most: number): Line[] {
  let size = 0;
  const end = lines.findIndex((line) => (size += sizeOf([line])) > most);
  return end === -1 ? [...lines] : lines.slice(0, end);
}

/** Every line may need its newline and a mark for a gap before it. */
function sizeOf(lines: readonly Line[]): number {
  return lines.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1 + Buffer.byteLength("…\n"), 0);
}

function render(lines: readonly Line[], count: number): string {
  const shown = [`[${lines.length} of ${count} lines: the failing ones and the end]`];
  let last = -1;
  for (const { at, text } of lines) {
    if (at !== last + 1) shown.push("…");
    shown.push(text);
    last = at;
  }
  return trimBlank(shown).join("\n");
}

function trimBlank(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return first === -1 ? [] : lines.slice(first, last + 1);
}
