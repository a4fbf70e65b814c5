import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { breakerState, breakerThresholds, coolDownMs } from "../../src/model/breaker.ts";
import { emptyLedger, foldAll } from "../../src/model/fold.ts";
import type { AttemptRecord, LedgerRecord, LedgerState } from "../../src/model/ledger.ts";
import { measure } from "../../src/model/measure.ts";
import type { OutcomeKind } from "../../src/model/outcome.ts";

const t0 = Date.parse("2026-11-20T10:00:00.000Z");
const minute = 60_000;
const base = { v: 1, plan: "p", run: "r" } as const;
const at = (minutes: number) => new Date(t0 + minutes * minute).toISOString();

function attempt(facts: Partial<AttemptRecord> = {}, minutes = 0): AttemptRecord {
  return {
    ...base,
    at: at(minutes),
    kind: "attempt",
    step: "A",
    title: "A",
    stepHash: "h",
    attempt: 1,
    outcome: "failed",
    evidence: null,
    commit: null,
    base: "b",
    work: null,
    tree: null,
    agent: "claude",
    model: null,
    costUsd: 0,
    usage: null,
    durationMs: 1,
    verdicts: [],
    fingerprint: "",
    summary: "",
    feedback: "",
    progress: "",
    patterns: [],
    notes: null,
    question: null,
    ...facts,
  };
}

let trees = 0;

/** A red validator, with its output. */
const red = (fingerprint: string, feedback = "", more: Partial<AttemptRecord> = {}) =>
  attempt({
    fingerprint,
    feedback,
    measured: measure(feedback),
    tree: `tree of ${fingerprint} ${feedback} ${trees++}`,
    verdicts: [{ validator: "test", status: "fail", attribution: "clean", blocks: true }],
    ...more,
  });
const ended = (outcome: OutcomeKind, more: Partial<AttemptRecord> = {}) => attempt({ outcome, ...more });
const fold = (...records: LedgerRecord[]): LedgerState => foldAll(emptyLedger(), records);
const tripOf = (...records: LedgerRecord[]) => fold(...records).steps.A?.breaker.trip ?? null;
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const inMinutes = (list: readonly AttemptRecord[]) => list.map((record, index) => ({ ...record, at: at(index) }));

describe("the breaker of a step opens", () => {
  test.each<[string, AttemptRecord[], string | null]>([
    ["not at two equal failures", [red("f"), red("f")], null],
    ["at the third equal failure", [red("f"), red("f"), red("f")], "same-failure"],
    ["not at three failures of which one differs", [red("f"), red("g"), red("f"), red("f")], null],
    ["not at equal failures of different texts of the step", [
      red("f"),
      red("f", "", { stepHash: "before" }),
      red("f"),
    ], null],
    ["at the third empty attempt", times(3, () => ended("no-change", { fingerprint: "f" })), "empty"],
    ["at the third attempt that ran out of time with nothing to show", [
      ended("timeout"),
      ended("stalled"),
      ended("timeout"),
    ], "timeouts"],
    ["at the third that hung on the same work", times(3, () => ended("timeout", { tree: "t" })), "timeouts"],
    [
      "at the third that went in the same circle",
      times(3, () => ended("stalled", { fingerprint: "anomaly:same-call" })),
      "same-failure",
    ],
    ["at the second login that failed", [ended("auth"), ended("auth")], "auth"],
    ["not at logins of two agents", [ended("auth"), ended("auth", { agent: "codex" })], null],
    ["at two rounds between the same two failures", [red("f"), red("g"), red("f"), red("g")], "oscillation"],
    ["not at one round and a half", [red("f"), red("g"), red("f")], null],
    ["not where the two get better", [red("f", "9 failed"), red("g"), red("f", "8 failed"), red("g")], null],
    [
      "at agents that crash in the same way",
      times(3, (i) => ended("agent-error", { summary: `killed after ${i}s` })),
      "same-failure",
    ],
    ["where nothing moved in four attempts, whatever they came to", [
      ended("overflow"),
      ended("agent-error", { summary: "crash" }),
      ended("timeout"),
      ended("agent-error", { summary: "no such model" }),
    ], "no-progress"],
    ["not where the work moved among four", [
      ended("overflow"),
      ended("agent-error", { summary: "crash", tree: "t" }),
      ended("timeout", { tree: "t" }),
      ended("agent-error", { summary: "no such model", tree: "t" }),
    ], null],
    [
      "at noise in the numbers of the same work",
      times(4, (i) => red("f", `${9 - i} failed`, { tree: "same" })),
      "no-progress",
    ],
  ])("%s", (_what, list, kind) => {
    expect(tripOf(...inMinutes(list))?.kind ?? null).toBe(kind);
  });

  test("counting over what costs nothing: waiting, stopping and asking are no attempts at it", () => {
    const between: AttemptRecord[] = [
      ended("limited"),
      ended("interrupted"),
      ended("superseded", { evidence: "step" }),
      ended("agent-error", { failure: { class: "network", costsAttempt: false } }),
    ];
    for (const free of between) expect(tripOf(red("f"), free, red("f"), free, red("f"))?.kind).toBe("same-failure");
    expect(tripOf(...times(20, () => between[0]!))).toBe(null);
    expect(tripOf(...times(20, () => between[3]!))).toBe(null);
  });

  test("with what repeated, what was tried and what the output said", () => {
    const list = inMinutes(times(3, (i) => red("f", "1 failed: adds up", { attempt: i + 1, summary: "test failed" })));
    expect(tripOf(...list)).toMatchObject({
      kind: "same-failure",
      at: at(2),
      times: 1,
      evidence: "1 failed: adds up",
      tried: [1, 2, 3].map((number) => ({
        attempt: number,
        agent: "claude",
        outcome: "failed",
        summary: "test failed",
      })),
    });
  });

  test("never by a pass, which closes it", () => {
    const state = fold(...times(3, () => red("f")), ended("passed"));
    expect(state.steps.A!.breaker).toEqual({ trials: [], trip: null });
  });
});

const outcomes = fc.constantFrom<OutcomeKind>("limited", "interrupted", "superseded", "asked");
const free = fc.array(outcomes.map((outcome) => ended(outcome)), { maxLength: 2 });

describe("slow but real progress never opens it", () => {
  const never = (list: readonly AttemptRecord[]) => {
    const state = fold(...inMinutes(list));
    expect(state.steps.A?.breaker.trip ?? null).toBe(null);
    expect(state.breaker.trip).toBe(null);
  };

  test("fewer failures every time", () => {
    const words = fc.constantFrom("failed", "failing", "errors", "problems", "tests failed");
    const counts = fc.uniqueArray(fc.nat(5000), { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(counts, words, fc.array(free), (numbers, word, between) => {
      never(
        numbers.toSorted((a, b) => b - a).flatMap((number, i) => [
          red("f", `Tests  ${number} ${word} | 10 passed (3.2s)`),
          ...between[i] ?? [],
        ]),
      );
    }));
  });

  test("a share that rises every time", () => {
    fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { maxLength: 60 }), (tenths) => {
      never(tenths.toSorted((a, b) => a - b).map((tenth) => red("f", `coverage ${tenth / 10}% is under 100%`)));
    }));
  });

  test("new work in every attempt, each of which runs out of time", () => {
    const outcome = fc.constantFrom<OutcomeKind>("timeout", "stalled", "agent-error", "overflow");
    fc.assert(fc.property(fc.array(outcome, { maxLength: 60 }), (list) => {
      never(list.map((kind, i) => ended(kind, { tree: `t${i}` })));
    }));
  });

  test("another failure every time", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 60 }), (count) => never(times(count, (i) => red(`f${i}`)))));
  });

  test("a step that passes in between, in a long plan", () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 30 }), (failures) => {
      never(failures.flatMap((count, i) => [
        ...times(count, () => red("f", "", { step: i % 2 === 0 ? "A" : "B" })),
        ended("passed", { step: i % 2 === 0 ? "A" : "B" }),
      ]));
    }));
  });
});

test("three equal failures open it, whatever went before", () => {
  const any = fc.record({
    outcome: fc.constantFrom<OutcomeKind>("failed", "no-change", "timeout", "auth", "agent-error", "asked", "limited"),
    fingerprint: fc.constantFrom("", "a", "b"),
    tree: fc.constantFrom(null, "t", "u"),
  }).map((facts) => ended(facts.outcome, facts));
  fc.assert(fc.property(fc.array(any, { maxLength: 12 }), (before) => {
    const last = times(3, () => red("z"));
    expect(tripOf(...before, ...last)?.kind).toBe("same-failure");
  }));
});

describe("an open breaker", () => {
  const open = inMinutes(times(3, () => red("f", "4 failed")));
  const stateAt = (minutes: number, ...more: LedgerRecord[]) =>
    breakerState(fold(...open, ...more).steps.A!.breaker, t0 + minutes * minute, "h");
  const coolDown = coolDownMs / minute;

  test("is open until its cool-down is over, then half-open", () => {
    expect(stateAt(2)).toBe("open");
    expect(stateAt(2 + coolDown - 1)).toBe("open");
    expect(stateAt(2 + coolDown)).toBe("half-open");
  });

  test("is not held open for ever by a clock that went back", () => {
    expect(stateAt(2 - coolDown + 1)).toBe("open");
    expect(stateAt(2 - 3 * coolDown)).toBe("half-open");
  });

  test("is closed for a step that was rewritten", () => {
    const { breaker } = fold(...open).steps.A!;
    expect(breakerState(breaker, t0, "other")).toBe("closed");
  });

  test.each<[string, AttemptRecord, string]>([
    ["opens again at the same failure", red("f", "4 failed"), "open"],
    ["closes at the pass that it allowed", ended("passed"), "closed"],
    ["closes at another failure", red("g"), "closed"],
    ["closes at the same failure with less of it", red("f", "3 failed"), "closed"],
    ["stays half-open when the attempt was cut off", ended("interrupted"), "half-open"],
    ["stays half-open when the attempt was turned away", ended("limited"), "half-open"],
  ])("%s", (_what, record, state) => {
    const later = { ...record, at: at(40) };
    expect(stateAt(41, later)).toBe(state);
  });

  test("counts how often it opened, and keeps no more with every time", () => {
    const again = times(50, (i) => ({ ...red("f", "4 failed"), at: at(40 * (i + 1)) }));
    const { breaker } = fold(...open, ...again).steps.A!;
    expect(breaker.trip).toMatchObject({ times: 51, at: at(2000) });
    expect(breaker.trip!.tried.length).toBeLessThanOrEqual(Math.max(...Object.values(breakerThresholds)));
    expect(breaker.trials.length).toBeLessThanOrEqual(Math.max(...Object.values(breakerThresholds)));
  });

  test.each<[string, LedgerRecord]>([
    ["a retry", { ...base, at: at(3), kind: "retried", step: "A", by: "ann", note: "use UTC" }],
    ["a reopening", { ...base, at: at(3), kind: "reopened", step: "A", by: "ann", why: "use UTC" }],
  ])("is closed by %s, the note of which is for the next brief", (_what, record) => {
    const { A } = fold(...open, record).steps;
    expect(A!.breaker).toEqual({ trials: [], trip: null });
    expect(A!.remarks).toEqual(["use UTC"]);
  });

  test("is closed by an answer: whoever works next knows more", () => {
    const answered = {
      ...base,
      at: at(3),
      kind: "answered",
      step: "A",
      question: "q",
      answer: "a",
      by: "ann",
    } as const;
    expect(fold(...open, answered).steps.A!.breaker.trip).toBe(null);
  });
});

test.each<[string, number | null, number | null]>([
  ["Tests  4 failed | 10 passed (14)", 4, null],
  ["Found 12 errors in 3 files.", 12, null],
  ["# pass 37\n# fail 3", 3, null],
  ["Failures: 3, Errors: 1", 4, null],
  ["5 tests failed", 5, null],
  ["coverage 61.5% is under 80%", null, 141.5],
  ["src/a.ts:12:5 error Missing semicolon", null, null],
  ["src/a.ts(12,5): error TS2322: nope", null, null],
  ["expected 3, got 2", null, null],
  ["", null, null],
])("%j says that %s failed and %s percent are there", (output, failing, percent) => {
  expect(measure(output)).toEqual({ failing, percent });
});

describe("the breaker of the plan", () => {
  const planTrip = (...records: LedgerRecord[]) => fold(...records).breaker.trip;
  const of = (step: string, record: AttemptRecord): AttemptRecord => ({ ...record, step, stepHash: step });

  test.each<[string, AttemptRecord[], string | null]>([
    ["opens when three steps fail in the same way", ["A", "B", "C"].map((step) => of(step, red("f"))), "same-failure"],
    ["counts steps and not attempts", times(9, (i) => of(i < 8 ? "A" : "B", red("f"))), null],
    [
      "opens when three steps get nothing from their agents",
      ["A", "B", "C"].map((step) => of(step, ended("no-change"))),
      "empty",
    ],
    [
      "opens when three steps run out of time with nothing to show",
      ["A", "B", "C"].map((step) => of(step, ended("timeout"))),
      "timeouts",
    ],
    ["opens when two steps cannot log in", ["A", "B"].map((step) => of(step, ended("auth"))), "auth"],
    [
      "is not opened by long steps that work until their time is over",
      ["A", "B", "C", "D"].map((step) => of(step, ended("timeout", { tree: step }))),
      null,
    ],
    ["starts over at another failure", [of("A", red("f")), of("B", red("g")), of("C", red("f"))], null],
    [
      "starts over at a pass",
      [of("A", red("f")), of("B", red("f")), of("D", ended("passed")), of("C", red("f"))],
      null,
    ],
  ])("%s", (_what, list, kind) => {
    expect(planTrip(...list)?.kind ?? null).toBe(kind);
  });

  test("opens again when one more step fails in the same way, and closes when one does not", () => {
    const open = ["A", "B", "C"].map((step) => of(step, red("f")));
    expect(planTrip(...open, of("D", red("f")))).toMatchObject({ times: 2 });
    expect(planTrip(...open, of("D", red("g")))).toBe(null);
    expect(planTrip(...open, of("D", ended("passed")))).toBe(null);
    expect(planTrip(...open, { ...base, at: at(9), kind: "retried", step: "B", by: "ann", note: "" })).toBe(null);
  });
});
