import fc from "fast-check";
import { expect, test } from "vitest";
import type { EventBody, RunSummary } from "../../src/model/event.ts";
import { json } from "../../src/report/json.ts";
import { line } from "../../src/report/line.ts";
import { frame } from "../../src/report/live-frame.ts";
import { live } from "../../src/report/live.ts";
import { pasteFor } from "../../src/report/paste.ts";
import { advance, noProgress } from "../../src/report/progress.ts";
import { quiet } from "../../src/report/quiet.ts";
import { createStyle } from "../../src/report/style.ts";
import { summaryLines } from "../../src/report/summary.ts";
import { textWidth } from "../../src/report/width.ts";
import { agentReport, ordinaryRun, plainStyle, stamp, summary } from "./stream.ts";

const paste = pasteFor("capstan");
const unicode = createStyle({ color: false, unicode: true });

function lines(bodies: readonly EventBody[], options: { verbose?: boolean; timestamps?: boolean } = {}): string {
  let text = "";
  const report = line((part) => text += part, { style: plainStyle, paste, columns: Infinity, ...options });
  for (const event of stamp(bodies)) report(event);
  return text;
}

/** A live view with a timer that a test turns by hand. */
function liveView(columns: () => number) {
  let text = "";
  let tick: (() => void) | null = null;
  const report = live((part) => text += part, {
    style: createStyle({ color: true, unicode: true }),
    paste,
    size: () => ({ columns: columns(), rows: 30 }),
    now: () => Date.UTC(2026, 0, 2, 3, 5, 0),
    every: (_ms, callback) => {
      tick = callback;
      return () => {
        tick = null;
      };
    },
  });
  return { report, text: () => text, tick: () => tick?.(), running: () => tick !== null };
}

test("lines tell the run from start to halt without cursor codes", () => {
  const text = lines(ordinaryRun);
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/\u001b/);
  expect(text).toContain("> US-001 Add a total over all entries - attempt 2 of 3 - claude - goes on from attempt 1\n");
  expect(text).toContain("x US-001 attempt 1 failed");
  expect(text).toContain("+ US-001 Add a total over all entries - verified - 2 attempts");
  expect(text).toContain("- checked -");
  expect(text).toMatch(/ {2}capstan approve US-004 +go on\n/);
});

test("what agents say is shown on request only", () => {
  expect(lines(ordinaryRun)).not.toContain("how entries are stored");
  expect(lines(ordinaryRun, { verbose: true })).toContain("how entries are stored");
});

test("an unknown cost is never shown as zero", () => {
  const text = lines([
    ...ordinaryRun.filter(({ kind }) => kind !== "halted"),
    {
      kind: "halted",
      halt: { reason: "complete" },
      exitCode: 0,
      summary: summary({ costUsd: 0, costUnknown: 2 }),
    },
  ]);
  expect(text).toContain("cost of 2 attempts unknown");
  const [row] = text.split("\n").filter((part) => part.startsWith("  + US-002"));
  expect(row).toContain("unknown");
  expect(row).not.toContain("$0");
});

test("what agents print cannot move the cursor or rename the window", () => {
  const nasty = "\u001b]0;owned\u0007\u001b[2J\u001b[31mred\r\u0008\u009b1m\u202etxt";
  const bodies: EventBody[] = [
    { ...ordinaryRun[4]!, title: nasty, agent: nasty } as EventBody,
    { kind: "agent", step: "US-001", event: { kind: "text", text: nasty } },
    {
      kind: "agent-ended",
      step: "US-001",
      report: agentReport({ end: { kind: "agent-error", fault: { class: "server", message: nasty } } }),
    },
    {
      kind: "attempt-ended",
      step: "US-001",
      attempt: 1,
      outcome: "failed",
      summary: nasty,
      durationMs: 1,
      costUsd: null,
    },
    {
      kind: "halted",
      halt: { reason: "question", step: "US-001", question: nasty, handoff: "" },
      exitCode: 3,
      summary: summary({ project: nasty }),
    },
  ];
  // oxlint-disable-next-line no-control-regex
  expect(lines(bodies, { verbose: true })).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
});

test("timestamps stand in front of every line but the closing page", () => {
  const [first] = lines(ordinaryRun, { timestamps: true }).split("\n");
  expect(first).toMatch(/^03:04:05 /);
  expect(lines(ordinaryRun, { timestamps: true })).toMatch(/^ {2}capstan approve US-004/m);
});

test("json is one versioned event per line, complete", () => {
  let text = "";
  const report = json((part) => text += part);
  const events = stamp(ordinaryRun);
  for (const event of events) report(event);
  expect(text.trimEnd().split("\n").map((part) => JSON.parse(part) as unknown)).toEqual(events);
  expect(events.every(({ v }) => v === 1)).toBe(true);
});

test("quiet says only why the run ended, and nothing when every step passes", () => {
  const say = (bodies: readonly EventBody[]) => {
    let text = "";
    const report = quiet((part) => text += part, { style: plainStyle, paste, columns: 80 });
    for (const event of stamp(bodies)) report(event);
    return text;
  };
  expect(say(ordinaryRun)).toMatch(/^\? US-004 needs your decision\n/);
  expect(say([{ kind: "halted", halt: { reason: "complete" }, exitCode: 0, summary: summary() }])).toBe("");
});

test("no line of the live frame is wider than the terminal, whatever the titles", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 160 }),
      fc.string({ unit: "grapheme", maxLength: 120 }),
      fc.nat(60),
      (columns, title, upTo) => {
        const bodies = ordinaryRun.map((body) => "title" in body ? { ...body, title } : body);
        let progress = noProgress;
        for (const event of stamp(bodies).slice(0, upTo)) progress = advance(progress, event);
        for (const style of [plainStyle, unicode]) {
          for (const text of frame(progress, { style, columns, now: Date.UTC(2026, 0, 2, 4), tick: upTo })) {
            expect(textWidth(text)).toBeLessThanOrEqual(columns);
            expect(text).not.toContain("\n");
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("the frame shows step, attempt, agent, tokens, cost and validators as they finish", () => {
  let progress = noProgress;
  const at = ordinaryRun.findIndex((body) => body.kind === "validator-finished");
  for (const event of stamp(ordinaryRun).slice(0, at + 1)) progress = advance(progress, event);
  const text = frame(progress, { style: unicode, columns: 120, now: Date.parse("2026-01-02T03:04:30Z"), tick: 0 }).join(
    "\n",
  );
  expect(text).toMatch(/US-001 Add a total over all entries · attempt 1 of 3 · claude/);
  expect(text).toMatch(/test \d/);
  expect(text).toContain("✓ lint 0.6s");
  expect(text).toContain("20.4k tokens · $0.042");
  expect(text).toContain("1 of 5 steps");
});

test("the live view ends with the run: no timer, nothing drawn after it", () => {
  const view = liveView(() => 80);
  for (const event of stamp(ordinaryRun)) view.report(event);
  expect(view.running()).toBe(false);
  const before = view.text();
  view.tick();
  expect(view.text()).toBe(before);
});

test("a command is written in one piece, however narrow the terminal is", () => {
  const view = liveView(() => 24);
  for (const event of stamp(ordinaryRun)) view.report(event);
  expect(view.text()).toContain(`capstan reject US-004 --note "say why"`);
});

test("a terminal that becomes narrower is cleared of the rows into which it wrapped the old frame", () => {
  let columns = 100;
  const view = liveView(() => columns);
  for (const event of stamp(ordinaryRun.slice(0, 8))) view.report(event);
  const before = view.text().length;
  columns = 40;
  view.tick();
  expect(view.text().slice(before)).toContain("\u001b[1A\u001b[2K\u001b[1A\u001b[2K");
});

test("the cursor is never hidden: a killed run leaves a usable terminal", () => {
  const view = liveView(() => 80);
  for (const event of stamp(ordinaryRun)) view.report(event);
  expect(view.text()).not.toContain("\u001b[?25l");
});

test("what a landed step took and cost counts, with no other event after it", () => {
  let progress = noProgress;
  const landedAt = ordinaryRun.findLastIndex(({ kind }) => kind === "landed");
  for (const event of stamp(ordinaryRun.slice(0, landedAt + 1))) progress = advance(progress, event);
  expect(progress.current).toBeNull();
  expect(progress).toMatchObject({ passed: 3, costUnknown: 1 });
  expect(progress.costUsd).toBeGreaterThan(0.08);
});

test("the live view says what is left as soon as one step has passed, and nothing before", () => {
  const landedAt = ordinaryRun.findIndex(({ kind }) => kind === "landed");
  const lastLine = (events: readonly EventBody[]) => {
    const progress = stamp(events).reduce(advance, noProgress);
    return frame(progress, { style: plainStyle, columns: 120, now: progress.startedAt + 1000, tick: 0 }).at(-1);
  };
  expect(lastLine(ordinaryRun.slice(0, landedAt))).not.toContain("left");
  expect(lastLine(ordinaryRun.slice(0, landedAt + 1))).toContain("about $0.25, 6 minutes left");
});

test("the summary and the status end with what is left", () => {
  const ahead = { steps: 7, usd: 3.2, durationMs: 2_400_000 };
  const told = (facts: Partial<RunSummary>) => summaryLines(summary(facts), plainStyle, 100).join("\n");
  expect(told({ forecast: ahead })).toContain("about $3.20 and 40 minutes for the 7 steps left");
  expect(told({})).not.toContain("left");
});
