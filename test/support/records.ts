import type { AttemptRecord } from "../../src/model/ledger.ts";

/** The record of a failed attempt, with what a test cares about on top. */
export function attemptRecord(facts: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    v: 1,
    plan: "",
    run: "",
    at: "",
    kind: "attempt",
    step: "US-001",
    title: "One",
    stepHash: "hash",
    attempt: 1,
    outcome: "failed",
    evidence: null,
    commit: null,
    base: "",
    work: null,
    agent: "claude",
    model: null,
    costUsd: 0.5,
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
    ...facts,
  };
}
