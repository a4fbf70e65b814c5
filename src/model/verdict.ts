import type { Exit } from "./process.ts";

/** What a pass rests on, the weakest first. */
export const evidenceLevels = ["agent", "by-hand", "repo", "vacuous", "already-true", "review", "step"] as const;
export type Evidence = (typeof evidenceLevels)[number];

export type VerdictStatus = "pass" | "fail" | "flaky" | "error";

/** How a verdict compares with the base tree. `null` when the base was not run (it runs lazily). */
export type Attribution = "clean" | "regressed" | "fixed" | "broken-before";

/**
 * The result of one validator on one tree.
 * `digest` is the useful end and the failing lines of its output, at most 4 KB; `log` is the path of the capped full
 * output in the journal, or `null` when the verdict came from the cache.
 */
export interface Verdict {
  validator: string;
  status: VerdictStatus;
  attribution: Attribution | null;
  /** True when the step names this validator itself. */
  named: boolean;
  /** Whether this verdict stops the change from landing. */
  blocks: boolean;
  exit: Exit;
  durationMs: number;
  digest: string;
  fix: string | null;
  log: string | null;
  cached: boolean;
  /** The earlier steps that this change breaks: they passed on this validator. Absent when it breaks none. */
  breaks?: string[];
}

/** What verification decided about one tree. Never throws for a red validator: red is a value. */
export interface Verification {
  passed: boolean;
  evidence: Evidence;
  verdicts: Verdict[];
  /** Equal for equal failures (validators and normalized digests), empty when nothing failed. */
  fingerprint: string;
}

/** What the step's own validators said before the work: only what is red then can prove it. */
export type RedFirst =
  | { kind: "red" }
  | { kind: "vacuous"; validators: string[] }
  /** Red, but not with the output that the step demands (`redFirst.matches`). */
  | { kind: "other-red"; validators: string[]; matches: string };
