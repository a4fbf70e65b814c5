import fc from "fast-check";
import { expect, test } from "vitest";
import { progressForBrief } from "../../src/plan/progress-brief.ts";
import { parseProgress } from "../../src/plan/progress-sections.ts";
import { appendProgress, formatEntry, normalizeAgentProgress } from "../../src/plan/progress.ts";
import { cases } from "../support/cases.ts";

const line = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      "",
      "---",
      "## Codebase Patterns",
      "## codebase patterns (newest first)",
      "## 2026-01-08T10:00:00Z - US-001",
      "## [2026-01-08 09:20] - [US-002]: Title",
      "## Notes",
      "# Ralph Progress Log",
      "```",
      "~~~",
      "- did it",
      "  - nested",
      "- Use X",
      "- **Learnings for future iterations:**",
      "  indented",
      "##",
      "----- ",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 20 }) },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(..."#- `~\t\r[]:0aä".split("")), maxLength: 10 }) },
);
const eol = fc.constantFrom("\n", "\n", "\r\n");
const anyFile = fc.tuple(fc.array(line, { maxLength: 20 }), eol, fc.constantFrom("", "\uFEFF"), fc.boolean()).map(
  ([lines, end, bom, isClosed]) => bom + lines.join(end) + (isClosed ? end : ""),
);
const word = fc.oneof(line, fc.string({ unit: "binary-ascii", maxLength: 12 }));
const anyEntry = fc.record({
  stepId: fc.constantFrom("US-001", "US-002", "A"),
  bullets: fc.array(word, { maxLength: 3 }),
  learnings: fc.array(word, { maxLength: 2 }),
  second: fc.nat(59),
}).map(({ second, ...entry }) => formatEntry({ ...entry, at: new Date(second * 1000).toISOString() }));

const addedTo = fc.record({
  patterns: fc.array(word, { maxLength: 3 }),
  entries: fc.array(anyEntry, { maxLength: 3 }),
});

test("whatever is appended to any file: every old line stays in its order, and every entry is there to read", () => {
  fc.assert(
    fc.property(anyFile, addedTo, (before, added) => {
      const after = appendProgress(before, added);
      if (before.trim() !== "") expect(isKept(before.split("\n"), after.split("\n"))).toBe(true);
      const headings = new Set(parseProgress(after).entries.map(({ heading }) => heading));
      for (const entry of added.entries) expect(headings).toContain(parseProgress(entry).entries[0]!.heading);
      if (added.entries.length === 0 && added.patterns.every((pattern) => pattern.trim() === "")) {
        expect(after.startsWith(before)).toBe(true);
      }
    }),
    cases(4000),
  );
});

/** Whether all old lines are among the new ones in their order; line ends that a last line was given do not count. */
function isKept(old: readonly string[], now: readonly string[]): boolean {
  let next = 0;
  for (const wanted of old) {
    while (next < now.length && now[next]!.replace(/\r+$/, "") !== wanted.replace(/\r+$/, "")) next += 1;
    if (next === now.length) return false;
    next += 1;
  }
  return true;
}

test("an agent that only appends never tampers, whatever the file and what it writes", () => {
  fc.assert(
    fc.property(anyFile, addedTo, (before, added) => {
      const { tampering, benign } = normalizeAgentProgress({ before, after: appendProgress(before, added) });
      expect([...tampering, ...benign]).toEqual([]);
    }),
    cases(3000),
  );
});

test("any two texts are compared without a throw, and what is taken over is bounded", () => {
  const long = fc.tuple(line, fc.integer({ min: 1, max: 8000 })).map(([text, times]) => `${text} `.repeat(times));
  const other = fc.oneof({ weight: 18, arbitrary: anyFile }, long, fc.string({ unit: "binary" }));
  fc.assert(
    fc.property(anyFile, other, fc.option(anyFile), (before, after, more) => {
      const found = normalizeAgentProgress({ before, after: more === null ? after : `${before}\n${after}${more}` });
      const size = [...found.addedEntries, ...found.addedPatterns].reduce((sum, text) => sum + text.length, 0);
      expect(size).toBeLessThan(65_000);
      expect(found.tampering.length + found.benign.length).toBeLessThan(30);
      const landed = appendProgress(before, { patterns: found.addedPatterns, entries: found.addedEntries });
      if (before.trim() !== "") expect(isKept(before.split("\n"), landed.split("\n"))).toBe(true);
    }),
    cases(2000),
  );
});

test("what the brief takes of any file stays within its caps", () => {
  const caps = { patterns: 200, entries: 400 };
  fc.assert(
    fc.property(anyFile, fc.array(anyEntry, { maxLength: 4 }), (text, pending) => {
      const { patterns, entries } = progressForBrief(text, { step: "US-001", needs: ["US-002"], pending, caps });
      expect(Buffer.byteLength(patterns)).toBeLessThanOrEqual(caps.patterns);
      expect(Buffer.byteLength(entries)).toBeLessThanOrEqual(caps.entries);
    }),
    cases(2000),
  );
});
