import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { missingRecords } from "../../src/lanes/merge-ledgers.ts";
import { formatRecord, parseRecord } from "../../src/lanes/record.ts";
import { failureClasses } from "../../src/model/failure.ts";
import { emptyLedger, fold, foldAll } from "../../src/model/fold.ts";
import type { LedgerRecord, LedgerState } from "../../src/model/ledger.ts";
import { outcomeKinds } from "../../src/model/outcome.ts";
import { evidenceLevels } from "../../src/model/verdict.ts";
import { cases } from "../support/cases.ts";

type Kind = LedgerRecord["kind"];
type Facts<K extends Kind> = Omit<Extract<LedgerRecord, { kind: K }>, "v" | "plan" | "run" | "at" | "kind">;

const plan = "plan-abc";
const step = fc.constantFrom("US-001", "US-002", "constructor", "valueOf");
const agent = fc.constantFrom("claude", "codex", "toString");
const text = fc.string({ unit: "binary", maxLength: 8 }).filter((value) => value.isWellFormed());
const count = fc.nat(1000);
const oid = fc.constantFrom("a".repeat(40), "b".repeat(40));
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value);

const until = fc.constantFrom("2026-11-20T12:00:00.000Z", "1970-01-01T00:00:00.100Z", "soon");
const failure = fc.record({
  class: fc.constantFrom(...failureClasses),
  costsAttempt: fc.boolean(),
  rest: fc.option(fc.record({ model: nullable(text), until }, { requiredKeys: ["until"] }), { nil: undefined }),
  blocks: fc.option(fc.constant(true as const), { nil: undefined }),
});

/** Every kind of record but the snapshot: one that is new must be added here. */
const facts: { [K in Exclude<Kind, "snapshot">]: fc.Arbitrary<Facts<K>> } = {
  attempt: fc.record({
    step,
    title: text,
    stepHash: text,
    attempt: fc.integer({ min: 1, max: 9 }),
    outcome: fc.constantFrom(...outcomeKinds),
    failure: fc.option(failure, { nil: undefined }),
    evidence: nullable(fc.constantFrom(...evidenceLevels)),
    commit: nullable(oid),
    base: oid,
    work: nullable(oid),
    tree: fc.option(oid, { nil: undefined }),
    agent,
    model: nullable(text),
    costUsd: nullable(count),
    usage: nullable(
      fc.record({ inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count }),
    ),
    durationMs: count,
    verdicts: fc.array(
      fc.record({
        validator: text,
        status: fc.constantFrom("pass", "fail", "flaky", "error"),
        attribution: nullable(fc.constantFrom("clean", "regressed", "fixed", "broken-before")),
        blocks: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    fingerprint: text,
    measured: fc.option(fc.record({ failing: nullable(count), percent: nullable(count) }), { nil: undefined }),
    summary: text,
    feedback: text,
    progress: text,
    patterns: fc.array(text, { maxLength: 2 }),
    notes: nullable(text),
    question: nullable(text),
  }),
  "gate-closed": fc.record({ step, title: text, handoff: text }),
  "gate-decided": fc.record({ step, decision: fc.constantFrom("approved", "rejected"), by: text, note: text }),
  "gate-opened": fc.record({ step, commit: oid }),
  answered: fc.record({ step, question: text, answer: text, by: text }),
  reopened: fc.record({ step, by: text, why: text }),
  retried: fc.record({ step, by: text, note: text }),
  "passed-by-hand": fc.record({ step, by: text }),
  "landed-edits": fc.record({ commit: oid }),
  unseen: fc.record({ steps: fc.array(step, { maxLength: 3 }) }),
  "progress-landed": fc.record({ commit: oid }),
};

const anyRecord: fc.Arbitrary<LedgerRecord> = fc.oneof(
  ...Object.entries(facts).map(([kind, arbitrary]) =>
    fc.tuple(arbitrary as fc.Arbitrary<object>, fc.nat(999)).map(([own, ms]) =>
      // Stamped to the millisecond: no two records of a ledger are the same unless they are one.
      ({ v: 1, plan, run: "r1", at: new Date(ms).toISOString(), kind, ...own }) as LedgerRecord
    )
  ),
);

const plain = (value: object) => JSON.parse(JSON.stringify(value)) as unknown;
const asText = (state: LedgerState) => JSON.stringify(state);

test("any prefix and then the rest fold to the same as the whole, at once, one by one, and across a snapshot", () => {
  fc.assert(
    fc.property(fc.array(anyRecord, { maxLength: 24 }), fc.nat(), (records, place) => {
      const whole = asText(foldAll(emptyLedger(), records));
      const cut = place % (records.length + 1);
      const [prefix, rest] = [foldAll(emptyLedger(), records.slice(0, cut)), records.slice(cut)];
      const before = asText(prefix);
      expect(asText(foldAll(prefix, rest))).toBe(whole);
      expect(asText(prefix)).toBe(before);
      expect(asText(records.reduce(fold, emptyLedger()))).toBe(whole);
      const snapshot: LedgerRecord = { v: 1, plan, run: "r2", at: "", kind: "snapshot", state: prefix };
      const kept = parseRecord(formatRecord(snapshot), plan);
      if (kept === null) throw new Error("A snapshot can't be read back");
      const state = foldAll(emptyLedger(), [...records.slice(0, place % 3), kept, ...rest]);
      expect(isDeepStrictEqual(plain(state), JSON.parse(whole))).toBe(true);
    }),
    cases(6000),
  );
});

test("a record is read back as it was written, and by no other plan", () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const message = formatRecord(record);
      expect(isDeepStrictEqual(parseRecord(message, plan), plain(record))).toBe(true);
      expect(parseRecord(message, "other-plan")).toBeNull();
      expect(message.split("\n")[0]!.length).toBeLessThanOrEqual(200);
    }),
    cases(3000),
  );
});

test("a message that is damaged anywhere is a record that folds, or none", () => {
  const damaged = fc.tuple(anyRecord, fc.nat(), fc.nat(30), fc.oneof(fc.string({ maxLength: 5 }), fc.json())).map(
    ([record, place, length, put]) => {
      const message = formatRecord(record);
      const at = place % message.length;
      return message.slice(0, at) + put + message.slice(at + length);
    },
  );
  fc.assert(
    fc.property(fc.oneof({ weight: 4, arbitrary: damaged }, fc.string({ unit: "binary" })), (message) => {
      const record = parseRecord(message, plan);
      if (record !== null) expect(asText(fold(emptyLedger(), record))).toBe(asText(foldAll(emptyLedger(), [record])));
    }),
    cases(3000),
  );
});

test("two ledgers that are merged hold every record of both once, whichever goes on top, and merging again adds none", () => {
  const side = fc.uniqueArray(anyRecord, { maxLength: 8, selector: (record) => JSON.stringify(record) });
  fc.assert(
    fc.property(side, side, side, fc.nat(), (common, left, right, shared) => {
      // Some records reached both sides by other ways than their common history.
      const [ours, theirs] = [left, [...left.slice(0, shared % 3), ...right]].map((records) =>
        records.map(formatRecord)
      );
      const merged = [...theirs!, ...missingRecords(ours!, theirs!)];
      expect(new Set(merged)).toEqual(new Set([...ours!, ...theirs!]));
      expect(merged.slice(0, theirs!.length)).toEqual(theirs);
      expect(missingRecords(ours!, merged)).toEqual([]);
      expect(missingRecords(theirs!, merged)).toEqual([]);
      const other = [...ours!, ...missingRecords(theirs!, ours!)];
      expect(totals(common, other)).toEqual(totals(common, merged));
    }),
    cases(2000),
  );
});

/** What must not depend on who came first. */
function totals(common: readonly LedgerRecord[], messages: readonly string[]): object {
  const unique = [...new Set(messages)].map((message) => parseRecord(message, plan)!);
  const { records, costUsd, costUnknown, tokens, iterations } = foldAll(emptyLedger(), [...common, ...unique]);
  return { records, costUsd, costUnknown, tokens, iterations };
}

test("a snapshot of one side is never put on top of the other's records", () => {
  const snapshot: LedgerRecord = { v: 1, plan, run: "r", at: "", kind: "snapshot", state: emptyLedger() };
  expect(missingRecords([formatRecord(snapshot)], [])).toEqual([]);
});
