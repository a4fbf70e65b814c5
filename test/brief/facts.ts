import { emptyLedger, newStep } from "../../src/model/fold.ts";
import type { AttemptRecord, LedgerState, StepState } from "../../src/model/ledger.ts";
import { attemptRecord } from "../support/records.ts";

/** A failed attempt, with what a test cares about on top. */
export function attemptOf(more: Partial<AttemptRecord> = {}): AttemptRecord {
  return attemptRecord({ title: "Add", at: "2026-01-01T00:00:00.000Z", costUsd: 0.1, ...more });
}

export function stepState(more: Partial<StepState> = {}): StepState {
  return { ...newStep(), ...more };
}

export function ledgerOf(steps: Record<string, StepState>, more: Partial<LedgerState> = {}): LedgerState {
  return { ...emptyLedger(), steps, ...more };
}
