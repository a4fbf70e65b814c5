import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { progressForBrief } from "../../src/plan/progress-brief.ts";
import { parseProgress } from "../../src/plan/progress-sections.ts";
import { appendProgress, formatEntry, newProgress, normalizeAgentProgress } from "../../src/plan/progress.ts";

const ralphs = `# Ralph Progress Log
Started: Thu Jan  8 09:14:51 2026
---
## Codebase Patterns
- Use \`sql<number>\` for aggregations
- Always run migrations
  with IF NOT EXISTS
---
## [2026-01-08 09:20] - [US-001]
Thread: https://ampcode.com/threads/T-1
- What was implemented
- **Learnings for future iterations:**
  - a gotcha
---
## 2026-01-08T10:00:00Z - US-002: Title - with a dash
- More
---
`;

const entry = (stepId: string, text = "did it", at = "2026-02-01T00:00:00.000Z") =>
  formatEntry({ at, stepId, bullets: [text], learnings: [] });

describe("reading", () => {
  test("header, patterns and entries of snarktank's format", () => {
    const progress = parseProgress(ralphs);
    expect(progress.header).toMatch(/^# Ralph Progress Log\nStarted: Thu/);
    expect(progress.patterns).toEqual([
      "Use `sql<number>` for aggregations",
      "Always run migrations\n  with IF NOT EXISTS",
    ]);
    expect(progress.entries.map(({ stepId, at }) => [stepId, at])).toEqual([
      ["US-001", "2026-01-08 09:20"],
      ["US-002", "2026-01-08T10:00:00Z"],
    ]);
  });

  test.each([
    ["## 2026-01-08 - US-7", "US-7", "2026-01-08"],
    ["## 2026-01-08 – 10:30 – US-7", "US-7", "2026-01-08 10:30"],
    ["## US-7: Title", "US-7", null],
    ["## Notes", null, null],
  ])("the heading %s", (heading, stepId, at) => {
    expect(parseProgress(`${heading}\n- x\n`).entries).toMatchObject([{ stepId, at }]);
  });

  test("a heading in a code fence is none, and a fence left open hides nothing for long", () => {
    const text =
      "## 2026-01-01 - A\n```\n## Example\n```\n---\n## 2026-01-02 - B\n```\n## Example\n## 2026-01-03 - C\n";
    expect(parseProgress(text).entries.map(({ stepId }) => stepId)).toEqual(["A", "B", "C"]);
  });

  test("any text can be read", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("#", " ", "-", "\n", "\r", "a", "`", "[", "]") }), (text) => {
        const { entries, header } = parseProgress(text);
        expect(entries.length + header.length).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe("appending", () => {
  test("an empty file gets a header that starts with its first entry", () => {
    expect(appendProgress("", { patterns: ["Use X"], entries: [entry("US-001")] })).toBe(
      `${newProgress("2026-02-01T00:00:00.000Z")}## Codebase Patterns\n- Use X\n---\n${entry("US-001")}`,
    );
  });

  test("entries go to the end, patterns to their section, and all else stays", () => {
    const appended = appendProgress(ralphs, { patterns: ["New one"], entries: [entry("US-003")] });
    expect(appended).toBe(ralphs.replace("IF NOT EXISTS\n", "IF NOT EXISTS\n- New one\n") + entry("US-003"));
  });

  test("what is written down is never dropped, however much of it the file says already", () => {
    const lines = "- did it\n";
    const said = appendProgress(ralphs, { patterns: [], entries: [entry("US-003"), lines] });
    expect(said).toBe(`${ralphs}${entry("US-003")}${lines}`);
    expect(appendProgress(said, { patterns: [], entries: [lines, entry("US-003"), lines] })).toBe(
      `${said}${lines}${entry("US-003")}${lines}`,
    );
  });

  test("the very same record twice is one", () => {
    const entries = [entry("US-003"), entry("US-004"), entry("US-003"), entry("US-003", "did more")];
    expect(appendProgress(ralphs, { patterns: [], entries })).toBe(
      ralphs + entry("US-003") + entry("US-004") + entry("US-003", "did more"),
    );
  });

  test("patterns that are there in other case or spacing are not repeated", () => {
    const once = appendProgress(ralphs, {
      patterns: ["always  run migrations\n  with IF NOT EXISTS."],
      entries: [entry("US-003")],
    });
    expect(once).toBe(ralphs + entry("US-003"));
  });

  test("a file without patterns gets the section behind its header, in its own line ends", () => {
    const text = "# Log\r\n---\r\n## 2026 - US-001\r\n- x";
    expect(appendProgress(text, { patterns: ["P\nq"], entries: [entry("US-002")] })).toBe(
      `# Log\r\n---\r\n## Codebase Patterns\r\n- P\r\nq\r\n---\r\n## 2026 - US-001\r\n- x\r\n${
        entry("US-002").replaceAll("\n", "\r\n")
      }`,
    );
  });

  test("nothing to add changes nothing", () => {
    expect(appendProgress("", { patterns: [], entries: [""] })).toBe("");
  });

  test("text in bullets can not pass for a heading or the end of an entry", () => {
    const text = formatEntry({
      at: "2026-01-01",
      stepId: "A",
      bullets: ["one\n---\n## 2026-01-02 - B"],
      learnings: ["---\n## C"],
    });
    expect(parseProgress(text).entries.map(({ stepId }) => stepId)).toEqual(["A"]);
  });
});

describe("what an agent did", () => {
  const normalize = (after: string | null) => normalizeAgentProgress({ before: ralphs, after });

  test("Ralph's habits: an entry at the end, patterns at the top", () => {
    const after = `${
      ralphs.replace("- Always", "- Prefer Z\n- Always")
    }\n## 2026-01-09 - US-003\n- Done\n\n- **Learnings:**\n  - x\n---\n`;
    expect(normalize(after)).toEqual({
      addedPatterns: ["Prefer Z"],
      addedEntries: ["## 2026-01-09 - US-003\n- Done\n\n- **Learnings:**\n  - x\n---\n"],
      tampering: [],
      benign: [],
      diff: "",
    });
  });

  test("other line ends and trailing spaces are no change", () => {
    expect(normalize(ralphs.replaceAll("\n", "  \r\n"))).toMatchObject({
      addedEntries: [],
      addedPatterns: [],
      tampering: [],
    });
  });

  test("a deleted file, a deleted entry, a rewritten entry", () => {
    expect(normalize(null).tampering).toEqual(["deleted progress.txt"]);
    expect(normalize(ralphs.slice(0, ralphs.indexOf("## 2026-01-08T"))).tampering).toEqual([
      'deleted the entry "2026-01-08T10:00:00Z - US-002: Title - with a dash" of progress.txt',
    ]);
    expect(normalize(ralphs.replace("a gotcha", "all is fine"))).toEqual({
      addedPatterns: [],
      addedEntries: [],
      tampering: ['rewrote the entry "[2026-01-08 09:20] - [US-001]" of progress.txt'],
      benign: [],
      diff: expect.stringContaining("-  - a gotcha\n+  - all is fine\n"),
    });
  });

  test("tidying the patterns is dropped, not punished", () => {
    expect(normalize(ralphs.replace("Always run", "Never skip"))).toMatchObject({
      tampering: [],
      benign: ["rewrote patterns of progress.txt"],
    });
  });

  test("a first entry in an empty file counts", () => {
    expect(normalizeAgentProgress({ before: "", after: `# Log\n${entry("A")}` })).toMatchObject({
      addedEntries: [entry("A")],
      tampering: [],
    });
  });

  test("a log pasted in full is cut", () => {
    const [added] = normalize(`${ralphs}## 2026-01-09 - X\n${"y".repeat(1_000_000)}\n`).addedEntries;
    expect(added?.length).toBeLessThan(65_000);
  });

  test("whatever is appended comes back, and landing it gives the agent's file", () => {
    const word = fc.stringMatching(/^[a-z]{1,12}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.stringMatching(/^[A-Z]{2}-\d{1,3}$/), word), { maxLength: 5 }),
        fc.uniqueArray(word, { maxLength: 4 }),
        (entries, patterns) => {
          const after = appendProgress(ralphs, {
            patterns,
            entries: entries.map(([id, text], index) => entry(id, text, `2026-03-0${index + 1}`)),
          });
          const { addedPatterns, addedEntries, tampering } = normalize(after);
          expect(tampering).toEqual([]);
          expect(appendProgress(ralphs, { patterns: addedPatterns, entries: addedEntries })).toBe(after);
        },
      ),
    );
  });
});

describe("for the brief", () => {
  test("own attempts, what is needed and the last ones, in order, with pending ones", () => {
    const ids = ["A", "B", "C", "D", "E", "F", "G"];
    const text = appendProgress("", {
      patterns: [],
      entries: ids.map((id, index) => entry(id, `text of ${id}`, `2026-01-0${index + 1}`)),
    });
    const { entries } = progressForBrief(text, { step: "A", needs: ["B"], pending: [entry("A", "second")] });
    expect([...entries.matchAll(/- (\w)$/gm)].map(([, id]) => id)).toEqual(["A", "B", "F", "G", "A"]);
    expect(entries).toContain("second");
    expect(entries).not.toContain("---");
  });

  test("size stays within the caps, the newest first, whatever the history", () => {
    const many = Array.from(
      { length: 500 },
      (_, index) => entry("A", `${index} ${"ä".repeat(300)}`, `2026-01-01T00:00:${index}`),
    );
    const text = appendProgress("", {
      patterns: many.map((_, index) => `pattern ${index} ${"p".repeat(80)}`),
      entries: many,
    });
    const { patterns, entries } = progressForBrief(text, { step: "A", needs: [], pending: [] });
    expect(Buffer.byteLength(patterns)).toBeLessThanOrEqual(4096);
    expect(Buffer.byteLength(entries)).toBeLessThanOrEqual(6144);
    expect(patterns).toContain("pattern 499 ");
    expect(patterns).toMatch(/^\(\d+ older ones are in progress.txt\)\n/);
    expect(entries).toContain("- 499 ");
    expect(entries).not.toContain("- 5 ");
  });

  test("one huge entry is cut and says so", () => {
    const { entries } = progressForBrief(entry("A", "😀".repeat(10_000)), { step: "A", needs: [], pending: [] });
    expect(Buffer.byteLength(entries)).toBeLessThanOrEqual(6144);
    expect(entries).toMatch(/\(cut off, the rest is in progress.txt\)$/);
    expect(entries.isWellFormed()).toBe(true);
  });
});
