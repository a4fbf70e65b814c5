import { tokensOf } from "./agent-event.ts";
import { newBreaker } from "./breaker.ts";
import { restKey } from "./failure.ts";
import type { AttemptRecord, LedgerRecord, LedgerState, StepState } from "./ledger.ts";
import { addSpent } from "./spent.ts";
import { afterAnyAttempt, afterAttempt, trialOf } from "./trip.ts";
import { freeOutcomes, type OutcomeKind } from "./outcome.ts";

/** What keeps the state from growing with history. */
export const foldLimits = { recent: 3, answers: 10, remarks: 5, pendingProgress: 50, pendingPatterns: 50 } as const;

/** Outcomes after which nothing is left that the next attempt could start from. */
const withoutCarry: ReadonlySet<OutcomeKind> = new Set(["passed", "tampered", "no-change"]);

/** The state before the first record. */
export function emptyLedger(): LedgerState {
  return {
    records: 0,
    steps: bare({}),
    waits: bare({}),
    costUsd: 0,
    costAbout: 0,
    costUnknown: 0,
    tokens: 0,
    iterations: 0,
    spent: [],
    unseen: [],
    breaker: newBreaker,
    pendingProgress: [],
    pendingPatterns: [],
  };
}

/**
 * The state after one more record. Pure and total: the given state is not changed, and a record that says nothing
 * about a state (`landed-edits`) only counts. A snapshot record replaces the state and does not count itself.
 */
export function fold(state: LedgerState, record: LedgerRecord): LedgerState {
  return foldAll(state, [record]);
}

/** The same as folding the records one after the other, but copies the tables of a large plan only once. */
export function foldAll(state: LedgerState, records: Iterable<LedgerRecord>): LedgerState {
  const next: LedgerState = { ...state, steps: bare(state.steps), waits: bare(state.waits) };
  for (const record of records) apply(next, record);
  return next;
}

/** Changes `state`, whose tables belong to the caller; everything inside the tables is replaced, never changed. */
function apply(state: LedgerState, record: LedgerRecord): void {
  if (record.kind === "snapshot") {
    Object.assign(state, record.state, { steps: bare(record.state.steps), waits: bare(record.state.waits) });
    return;
  }
  state.records += 1;
  switch (record.kind) {
    case "attempt":
      applyAttempt(state, record);
      break;
    case "gate-closed":
      change(state, record.step, () => ({ gate: { state: "closed" } }));
      break;
    case "gate-decided": {
      const { decision, by, at, note } = record;
      change(state, record.step, () => ({ gate: { state: decision, by, at, note } }));
      break;
    }
    case "gate-opened":
      nothingPending(state);
      change(state, record.step, () => ({
        passed: { evidence: "by-hand", commit: record.commit, at: record.at },
        question: null,
      }));
      break;
    case "answered": {
      const { question, answer, by, at } = record;
      change(state, record.step, (step) => ({
        question: null,
        breaker: newBreaker,
        answers: [...step.answers, { question, answer, by, at }].slice(-foldLimits.answers),
      }));
      break;
    }
    case "reopened":
      state.unseen = state.unseen.filter((id) => id !== record.step);
      state.breaker = newBreaker;
      change(state, record.step, (step) => ({
        attempts: 0,
        passed: null,
        carry: null,
        gate: null,
        question: null,
        blocked: null,
        breaker: newBreaker,
        remarks: remember(step.remarks, record.why),
      }));
      break;
    case "retried":
      state.breaker = newBreaker;
      // A person who says "now" knows more than a clock: who still can't says so again.
      state.waits = bare({});
      change(state, record.step, (step) => ({ breaker: newBreaker, remarks: remember(step.remarks, record.note) }));
      break;
    case "passed-by-hand":
      change(state, record.step, () => ({
        passed: { evidence: "by-hand", commit: null, at: record.at },
        carry: null,
        question: null,
        breaker: newBreaker,
      }));
      break;
    case "progress-landed":
      nothingPending(state);
      break;
    case "unseen":
      state.unseen = record.steps;
      break;
    case "landed-edits":
      break;
  }
}

function applyAttempt(state: LedgerState, record: AttemptRecord): void {
  const { outcome } = record;
  const passed = outcome === "passed";
  const tokens = tokensOf(record.usage);
  const unknown = record.costUsd === null ? 1 : 0;
  const costUsd = record.costUsd ?? 0;
  const costAbout = record.costAbout === true ? costUsd : 0;
  const { durationMs } = record;
  state.iterations += 1;
  state.costUsd += costUsd;
  state.costAbout += costAbout;
  state.costUnknown += unknown;
  state.tokens += tokens;
  const spent = { iterations: 1, durationMs, costUsd, costAbout, costUnknown: unknown, tokens };
  state.spent = addSpent(state.spent, record.at, spent);
  // A landed commit carries everything that waited to be written down.
  if (passed) nothingPending(state);
  else {
    if (record.progress !== "") {
      state.pendingProgress = [...state.pendingProgress, record.progress].slice(-foldLimits.pendingProgress);
    }
    state.pendingPatterns = [...new Set([...state.pendingPatterns, ...record.patterns])]
      .slice(-foldLimits.pendingPatterns);
  }
  applyRest(state, record);

  const trial = trialOf(record);
  state.breaker = afterAnyAttempt(state.breaker, record, trial);
  change(state, record.step, (step) => {
    const recent = [...step.recent, { ...record, progress: "" }].slice(-foldLimits.recent);
    return {
      attempts: step.attempts + (costsAttempt(record) ? 1 : 0),
      // Two clones may have counted the same number each.
      iterations: Math.max(step.iterations + 1, record.attempt),
      passed: passed ? { evidence: record.evidence ?? "agent", commit: record.commit, at: record.at } : step.passed,
      recent: passed ? recent.map((attempt) => ({ ...attempt, feedback: "" })) : recent,
      carry: carryAfter(step.carry, record),
      blocked: blockedBy(record),
      breaker: afterAttempt(step.breaker, record, trial),
      question: passed ? null : record.question === null ? step.question : { text: record.question, at: record.at },
      costUsd: step.costUsd + costUsd,
      costAbout: step.costAbout + costAbout,
      costUnknown: step.costUnknown + unknown,
      tokens: step.tokens + tokens,
      durationMs: step.durationMs + durationMs,
    };
  });
}

/** Who failed rests; who got through has no failures in a row any more, and models that rest longer go on resting. */
function applyRest(state: LedgerState, record: AttemptRecord): void {
  const { agent, failure } = record;
  if (failure?.rest !== undefined) {
    const key = restKey(agent, failure.rest.model);
    const until = Date.parse(failure.rest.until);
    const times = (state.waits[key]?.times ?? 0) + 1;
    if (!Number.isNaN(until)) state.waits[key] = { until, why: record.summary, times };
  } else if (costsAttempt(record) || record.outcome === "passed" || record.outcome === "asked") {
    delete state.waits[agent];
    for (const [key, { until }] of Object.entries(state.waits)) {
      if (key.startsWith(`${agent}:`) && until <= Date.parse(record.at)) delete state.waits[key];
    }
  }
}

function blockedBy({ failure, summary }: AttemptRecord): StepState["blocked"] {
  return failure?.blocks === true ? { class: failure.class, why: summary } : null;
}

/** As the policy of that moment had it; records of before there were policies, by their outcome. */
function costsAttempt({ outcome, failure }: AttemptRecord): boolean {
  return failure?.costsAttempt ?? !freeOutcomes.has(outcome);
}

function nothingPending(state: LedgerState): void {
  state.pendingProgress = [];
  state.pendingPatterns = [];
}

/** An attempt that left nothing (its agent never started, say) leaves the work of the one before in place. */
function carryAfter(before: StepState["carry"], record: AttemptRecord): StepState["carry"] {
  if (withoutCarry.has(record.outcome)) return null;
  return record.work === null ? before : { attempt: record.attempt, work: record.work };
}

function remember(remarks: string[], remark: string): string[] {
  return remark === "" ? remarks : [...remarks, remark].slice(-foldLimits.remarks);
}

function change(state: LedgerState, id: string, how: (step: StepState) => Partial<StepState>): void {
  const step = state.steps[id] ?? newStep();
  state.steps[id] = { ...step, ...how(step) };
}

/** A step of which nothing is recorded. */
export function newStep(): StepState {
  return {
    attempts: 0,
    iterations: 0,
    passed: null,
    recent: [],
    carry: null,
    gate: null,
    question: null,
    blocked: null,
    answers: [],
    remarks: [],
    breaker: newBreaker,
    costUsd: 0,
    costAbout: 0,
    costUnknown: 0,
    tokens: 0,
    durationMs: 0,
  };
}

/** A copy without a prototype: a step may be called `constructor`. */
function bare<T>(table: Record<string, T>): Record<string, T> {
  return Object.assign(Object.create(null) as Record<string, T>, table);
}
