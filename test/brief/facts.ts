import { emptyLedger, newStep } from "../../src/model/fold.ts";
import type { AttemptRecord, LedgerState, StepState } from "../../src/model/ledger.ts";

/** A failed attempt, with what a test cares about on top. */
export function attemptOf(more: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    kind: "attempt",
    v: 1,
    plan: "plan-1",
    run: "run-1",
    at: "2026-01-01T00:00:00.000Z",
    step: "US-001",
    title: "Add",
    stepHash: "0",
    attempt: 1,
    outcome: "failed",
    evidence: null,
    commit: null,
    base: "0",
    work: null,
    agent: "claude",
    model: null,
    costUsd: 0.1,
    usage: null,
    durationMs: 1000,
    verdicts: [],
    fingerprint: "",
    summary: "",
    feedback: "",
    progress: "",
    patterns: [],
    notes: null,
    question: null,
    ...more,
  };
}

export function stepState(more: Partial<StepState> = {}): StepState {
  return { ...newStep(), ...more };
}

export function ledgerOf(steps: Record<string, StepState>, more: Partial<LedgerState> = {}): LedgerState {
  return { ...emptyLedger(), steps, ...more };
}
