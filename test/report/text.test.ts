import { execFileSync } from "node:child_process";
import { EventEmitter } from "node:events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clean, dollars, quantity } from "../../src/model/text.ts";
import { pasteFor, shellWord } from "../../src/report/paste.ts";
import { stepLines } from "../../src/report/summary.ts";
import { terminalOf } from "../../src/report/terminal.ts";
import { bytes, count, pointInTime, totalCost } from "../../src/report/units.ts";
import { joinFacts, textWidth, truncate, wrap } from "../../src/report/width.ts";
import { createWriter } from "../../src/report/writer.ts";
import { plainStyle, summary } from "./stream.ts";

test("numbers are short and honest", () => {
  expect([dollars(0), dollars(0.0421), dollars(12.3), dollars(0.0001)]).toEqual([
    "$0.00",
    "$0.042",
    "$12.30",
    "under $0.001",
  ]);
  expect([quantity(950), quantity(12_345), quantity(999_960), quantity(2_000_000)]).toEqual([
    "950",
    "12.3k",
    "1M",
    "2M",
  ]);
  expect([bytes(512), bytes(6247), bytes(2 * 1024 * 1024)]).toEqual(["512 B", "6.1 KB", "2 MB"]);
  expect([count(1, "step"), count(2, "process", "processes")]).toEqual(["1 step", "2 processes"]);
  expect(totalCost(0.5, 2, 0)).toBe("$0.50 + 2 attempts of unknown cost");
});

test("a time of another day carries its date", () => {
  const at = new Date(2026, 0, 2, 14, 5).getTime();
  expect(pointInTime(at, at - 60_000)).toBe("14:05");
  expect(pointInTime(at, at - 86_400_000)).toBe("2026-01-02 14:05");
});

test("truncation keeps to the width, and short texts stay whole", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 3, max: 60 }), (text, columns) => {
    const cut = truncate(clean(text).replaceAll("\n", " "), columns, "…");
    expect(textWidth(cut)).toBeLessThanOrEqual(columns);
  }));
  expect(truncate("abc", 3, "…")).toBe("abc");
  expect(truncate("日本語のタイトル", 8, "…")).toBe("日本語…");
});

test("wide characters and emoji take two columns, marks none", () => {
  expect([textWidth("日本"), textWidth("👩‍💻"), textWidth("e\u0301"), textWidth("\u001b[31mred\u001b[39m")]).toEqual([
    4,
    2,
    1,
    3,
  ]);
});

test("wrapping breaks between words and keeps every word", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.integer({ min: 5, max: 40 }),
      (parts, columns) => {
        expect(wrap(parts.join(" "), columns).join(" ")).toBe(parts.join(" "));
      },
    ),
  );
  expect(wrap("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrap("  - one two", 8)).toEqual(["  - one", "    two"]);
  expect(joinFacts(["aaaa", "bbbb", "cc"], " - ", 11)).toEqual(["aaaa - bbbb", "cc"]);
});

test("a shell reads a pasted word back unchanged", () => {
  const samples = fc.sample(fc.string({ minLength: 1, unit: "grapheme" }), 60).filter((word) => !word.includes("\0"));
  const hard = ["it's", `say "hi"`, "$HOME", "`id`", "a b", "!x", "\\", "-n", "*"];
  for (const word of [...samples, ...hard]) {
    expect(execFileSync("sh", ["-c", `printf '%s' ${shellWord(word)}`], { encoding: "utf8" })).toBe(word);
  }
});

test("commands keep the form in which Capstan was started", () => {
  expect(pasteFor("npm run loop --")()).toBe("npm run loop");
  expect(pasteFor("npm run loop --")("approve", "US-004")).toBe("npm run loop -- approve US-004");
  expect(pasteFor("npm run loop -- -C ../shop")()).toBe("npm run loop -- -C ../shop");
  expect(pasteFor("capstan")("answer", "US-003", "use UTC")).toBe(`capstan answer US-003 "use UTC"`);
});

const utf8 = { LANG: "en_US.UTF-8" };
const terminals: [string, boolean, Record<string, string>, ReturnType<typeof terminalOf>][] = [
  ["a terminal", true, { ...utf8, TERM: "xterm" }, { color: true, unicode: true, live: true }],
  ["a pipe", false, utf8, { color: false, unicode: true, live: false }],
  ["NO_COLOR", true, { ...utf8, NO_COLOR: "1" }, { color: false, unicode: true, live: true }],
  ["NO_COLOR and FORCE_COLOR", true, { ...utf8, NO_COLOR: "1", FORCE_COLOR: "1" }, {
    color: false,
    unicode: true,
    live: true,
  }],
  ["an empty NO_COLOR", true, { ...utf8, NO_COLOR: "" }, { color: true, unicode: true, live: true }],
  ["FORCE_COLOR in a pipe", false, { ...utf8, FORCE_COLOR: "1" }, { color: true, unicode: true, live: false }],
  ["TERM=dumb", true, { ...utf8, TERM: "dumb" }, { color: false, unicode: true, live: false }],
  ["CI", true, { ...utf8, CI: "true" }, { color: true, unicode: true, live: false }],
  ["an ASCII locale", true, { LANG: "C" }, { color: true, unicode: false, live: true }],
  ["LC_ALL over LANG", true, { ...utf8, LC_ALL: "POSIX" }, { color: true, unicode: false, live: true }],
];
test.each(terminals)("%s", (_name, isTty, env, expected) => expect(terminalOf(isTty, env)).toEqual(expected));

test("a reader that went away is no error and gets nothing more", () => {
  const written: string[] = [];
  const sink = Object.assign(new EventEmitter(), { write: (text: string) => written.push(text) });
  const write = createWriter(sink);
  write("one");
  sink.emit("error", Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  write("two");
  expect(written).toEqual(["one"]);
});

test("a plan of thousands of steps is summed up in a screenful", () => {
  const steps = Array.from({ length: 5000 }, (_, index) => ({
    ...summary().steps[0]!,
    id: `S-${index}`,
    state: index < 3000 ? "passed" as const : index === 3000 ? "gate" as const : "waiting" as const,
  }));
  const lines = stepLines(steps, plainStyle, 100);
  expect(lines.length).toBeLessThan(45);
  const text = lines.join("\n");
  expect(text).toContain("and 2990 more steps that pass");
  expect(text).toContain("S-3000");
  expect(text).toContain("and 1989 more steps that wait");
});
