import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emptyLedger, fold, foldAll, foldLimits } from "../../src/model/fold.ts";
import { failureClasses, type RecordedFailure } from "../../src/model/failure.ts";
import type { AttemptRecord, LedgerRecord, LedgerState } from "../../src/model/ledger.ts";
import { outcomeKinds } from "../../src/model/outcome.ts";
import { evidenceLevels } from "../../src/model/verdict.ts";
import { attemptRecord } from "../support/records.ts";

const base = { v: 1, plan: "plan-abc", run: "r1", at: "2026-11-20T10:00:00.000Z" } as const;

function attempt(facts: Partial<AttemptRecord> = {}): AttemptRecord {
  return attemptRecord({ ...base, base: "b".repeat(40), ...facts });
}

function stateAfter(...records: LedgerRecord[]): LedgerState {
  return foldAll(emptyLedger(), records);
}

const stepId = fc.constantFrom("US-001", "US-002", "constructor");
const text = fc.string({ maxLength: 12 });
const anyFailure: fc.Arbitrary<RecordedFailure> = fc.record({
  class: fc.constantFrom(...failureClasses),
  costsAttempt: fc.boolean(),
  rest: fc.option(fc.record({ until: fc.constantFrom(base.at, "soon") }), { nil: undefined }),
});
const anyAttempt: fc.Arbitrary<LedgerRecord> = fc.record({
  step: stepId,
  attempt: fc.integer({ min: 1, max: 9 }),
  outcome: fc.constantFrom(...outcomeKinds),
  evidence: fc.option(fc.constantFrom(...evidenceLevels)),
  work: fc.option(fc.constant("c".repeat(40))),
  costUsd: fc.option(fc.integer({ min: 0, max: 100 })),
  fingerprint: fc.constantFrom("", "a", "b"),
  progress: text,
  feedback: text,
  question: fc.option(text),
  agent: fc.constantFrom("claude", "__proto__"),
  failure: fc.option(anyFailure, { nil: undefined }),
}).map(attempt);
const anyRecord: fc.Arbitrary<LedgerRecord> = fc.oneof(
  anyAttempt,
  fc.record({ step: stepId, title: text, handoff: text }).map((f): LedgerRecord => ({
    ...base,
    kind: "gate-closed",
    ...f,
  })),
  fc.record({ step: stepId, decision: fc.constantFrom("approved", "rejected"), by: text, note: text })
    .map((facts): LedgerRecord => ({ ...base, kind: "gate-decided", ...facts })),
  fc.record({ step: stepId, commit: text }).map((f): LedgerRecord => ({ ...base, kind: "gate-opened", ...f })),
  fc.record({ step: stepId, question: text, answer: text, by: text })
    .map((facts): LedgerRecord => ({ ...base, kind: "answered", ...facts })),
  fc.record({ step: stepId, by: text, why: text }).map((f): LedgerRecord => ({ ...base, kind: "reopened", ...f })),
  fc.record({ step: stepId, by: text, note: text }).map((f): LedgerRecord => ({ ...base, kind: "retried", ...f })),
  fc.record({ step: stepId, by: text }).map((f): LedgerRecord => ({ ...base, kind: "passed-by-hand", ...f })),
  fc.record({ commit: text }).map((f): LedgerRecord => ({ ...base, kind: "landed-edits", ...f })),
  fc.array(stepId).map((steps): LedgerRecord => ({ ...base, kind: "unseen", steps })),
);

describe("folding", () => {
  test("any prefix folded first and then the rest equals folding all", () => {
    fc.assert(fc.property(fc.array(anyRecord, { maxLength: 40 }), fc.nat(), (records, cut) => {
      const at = records.length === 0 ? 0 : cut % (records.length + 1);
      const inTwo = foldAll(foldAll(emptyLedger(), records.slice(0, at)), records.slice(at));
      const oneByOne = records.reduce(fold, emptyLedger());
      const atOnce = foldAll(emptyLedger(), records);
      expect(inTwo).toEqual(atOnce);
      expect(oneByOne).toEqual(atOnce);
    }));
  });

  test("a snapshot read back from JSON stands for everything before it", () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 30 }), fc.array(anyRecord, { maxLength: 10 }), (before, after) => {
        const state = foldAll(emptyLedger(), before);
        const snapshot = JSON.parse(JSON.stringify({ ...base, kind: "snapshot", state })) as LedgerRecord;
        expect(foldAll(emptyLedger(), [snapshot, ...after])).toEqual(foldAll(state, after));
      }),
    );
  });

  test("never changes the state it was given", () => {
    fc.assert(fc.property(fc.array(anyRecord, { maxLength: 10 }), anyRecord, (before, record) => {
      const state = foldAll(emptyLedger(), before);
      const copy = structuredClone({ ...state, steps: { ...state.steps }, waits: { ...state.waits } });
      fold(state, record);
      expect({ ...state, steps: { ...state.steps }, waits: { ...state.waits } }).toEqual(copy);
    }));
  });

  test("a step's state does not grow with the number of its attempts", () => {
    const many = Array.from({ length: 200 }, (_, i) => attempt({ attempt: i + 1, progress: "p", question: "q" }));
    const noted = many.map((): LedgerRecord => ({ ...base, kind: "reopened", step: "US-001", by: "me", why: "again" }));
    const answered = many.map((): LedgerRecord => ({
      ...base,
      kind: "answered",
      step: "US-001",
      question: "q",
      answer: "a",
      by: "me",
    }));
    const state = stateAfter(...many, ...noted, ...answered);
    expect(state.steps["US-001"]).toMatchObject({ iterations: 200, attempts: 0 });
    expect(state.steps["US-001"]!.recent).toHaveLength(foldLimits.recent);
    expect(state.steps["US-001"]!.remarks).toHaveLength(foldLimits.remarks);
    expect(state.steps["US-001"]!.answers).toHaveLength(foldLimits.answers);
    expect(state.pendingProgress).toHaveLength(foldLimits.pendingProgress);
  });
});

describe("attempts", () => {
  test("limited, superseded, interrupted and asked use up a number but no attempt", () => {
    const free = (["limited", "superseded", "interrupted", "asked"] as const).map((outcome, i) =>
      attempt({ attempt: i + 1, outcome })
    );
    const state = stateAfter(...free, attempt({ attempt: 5, outcome: "failed" }));
    expect(state.steps["US-001"]).toMatchObject({ attempts: 1, iterations: 5 });
  });

  test("a pass clears carry, question, feedback and what waited for progress.txt", () => {
    const state = stateAfter(
      attempt({ work: "w1", feedback: "red", progress: "entry", question: "which?" }),
      attempt({ attempt: 2, outcome: "passed", evidence: "step", commit: "c2" }),
    );
    const step = state.steps["US-001"]!;
    expect(step.passed).toEqual({ evidence: "step", commit: "c2", at: base.at });
    expect(step).toMatchObject({ carry: null, question: null });
    expect(step.recent.map(({ feedback }) => feedback)).toEqual(["", ""]);
    expect(state.pendingProgress).toEqual([]);
  });

  test("work is carried past an attempt that left none, and dropped after tampering", () => {
    const kept = stateAfter(attempt({ work: "w1" }), attempt({ attempt: 2, outcome: "agent-error" }));
    expect(kept.steps["US-001"]!.carry).toEqual({ attempt: 1, work: "w1" });
    expect(fold(kept, attempt({ attempt: 3, outcome: "tampered", work: "w3" })).steps["US-001"]!.carry).toBeNull();
  });

  test("an unknown cost is counted as unknown, never as zero", () => {
    const state = stateAfter(attempt({ costUsd: null }), attempt({ attempt: 2, costUsd: 0.25 }));
    expect(state).toMatchObject({ costUsd: 0.25, costUnknown: 1 });
  });

  test("tokens count every kind of token", () => {
    const usage = { inputTokens: 1, outputTokens: 10, cacheReadTokens: 100, cacheWriteTokens: 1000 };
    expect(stateAfter(attempt({ usage })).tokens).toBe(1111);
  });

  const limited = (until: string, model?: string) =>
    attempt({
      outcome: "limited",
      summary: "limit",
      failure: { class: "rate-limit", costsAttempt: false, rest: { until, ...model === undefined ? {} : { model } } },
    });

  test("a rest ends when its agent works again, and so does the count of failures in a row", () => {
    const resting = stateAfter(limited(base.at), limited(base.at));
    expect(resting.waits.claude).toEqual({ until: Date.parse(base.at), why: "limit", times: 2 });
    expect(resting.steps["US-001"]?.attempts).toBe(0);
    expect(fold(resting, attempt({ attempt: 2 })).waits.claude).toBeUndefined();
  });

  test("a model rests on while another one of its agent works", () => {
    const later = new Date(Date.parse(base.at) + 60_000).toISOString();
    const resting = stateAfter(limited(later, "opus"), limited(base.at, "haiku"));
    expect(Object.keys(fold(resting, attempt({ attempt: 2 })).waits)).toEqual(["claude:opus"]);
  });

  test("a person who retries has everybody asked at once", () => {
    const resting = stateAfter(limited(base.at), limited(base.at, "opus"));
    expect(fold(resting, { ...base, kind: "retried", step: "US-001", by: "ann", note: "" }).waits).toEqual({});
  });

  test("what costs an attempt is what was recorded, whatever the outcome", () => {
    const server = attempt({ outcome: "agent-error", failure: { class: "server", costsAttempt: false } });
    const unknown = attempt({ outcome: "agent-error", failure: { class: "unknown", costsAttempt: true } });
    expect(stateAfter(server, server).steps["US-001"]?.attempts).toBe(0);
    expect(stateAfter(server, unknown).steps["US-001"]?.attempts).toBe(1);
  });

  test("a step that a failure blocked is free again when a person reopens it", () => {
    const blocked = stateAfter(
      attempt({ outcome: "refused", summary: "no", failure: { class: "refused", costsAttempt: true, blocks: true } }),
    );
    expect(blocked.steps["US-001"]?.blocked).toEqual({ class: "refused", why: "no" });
    const reopened = fold(blocked, { ...base, kind: "reopened", step: "US-001", by: "ann", why: "" });
    expect(reopened.steps["US-001"]?.blocked).toBeNull();
  });
});

describe("people", () => {
  test("a reopened step starts over, and keeps its numbers and what it cost", () => {
    const state = stateAfter(
      attempt({ outcome: "passed", commit: "c" }),
      { ...base, kind: "reopened", step: "US-001", by: "ana", why: "wrong colour" },
    );
    expect(state.steps["US-001"]).toMatchObject({
      attempts: 0,
      iterations: 1,
      passed: null,
      costUsd: 0.5,
      remarks: ["wrong colour"],
    });
  });

  test("a gate closes, is decided and opens", () => {
    const closed: LedgerRecord = { ...base, kind: "gate-closed", step: "G", title: "Gate", handoff: "" };
    const decided: LedgerRecord = {
      ...base,
      kind: "gate-decided",
      step: "G",
      decision: "approved",
      by: "ana",
      note: "",
    };
    expect(stateAfter(closed).steps.G!.gate).toEqual({ state: "closed" });
    expect(stateAfter(closed, decided).steps.G!.gate).toEqual({ state: "approved", by: "ana", at: base.at, note: "" });
    const opened = stateAfter(closed, decided, { ...base, kind: "gate-opened", step: "G", commit: "c" });
    expect(opened.steps.G!.passed).toEqual({ evidence: "by-hand", commit: "c", at: base.at });
  });

  test("an answer ends the question and is kept for the next brief", () => {
    const state = stateAfter(
      attempt({ outcome: "asked", question: "Which port?" }),
      { ...base, kind: "answered", step: "US-001", question: "Which port?", answer: "8080", by: "ana" },
    );
    expect(state.steps["US-001"]).toMatchObject({
      question: null,
      answers: [{ question: "Which port?", answer: "8080", by: "ana", at: base.at }],
    });
  });
});
