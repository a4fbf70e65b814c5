import type { Usage } from "./agent-event.ts";
import type { Breaker } from "./breaker.ts";
import type { FailureClass, RecordedFailure } from "./failure.ts";
import type { SpentQuarter } from "./spent.ts";
import type { Measured } from "./measure.ts";
import type { OutcomeKind } from "./outcome.ts";
import type { Attribution, Evidence, VerdictStatus } from "./verdict.ts";

/** The facts that every record of `refs/capstan/ledger/<planId>` carries. `at` is ISO 8601, UTC. */
interface RecordBase {
  v: 1;
  plan: string;
  run: string;
  at: string;
}

/** One verdict as the ledger keeps it: no output, only facts. */
export interface RecordedVerdict {
  validator: string;
  status: VerdictStatus;
  attribution: Attribution | null;
  blocks: boolean;
}

/** One finished attempt, whatever it came to. */
export interface AttemptRecord extends RecordBase {
  kind: "attempt";
  step: string;
  title: string;
  stepHash: string;
  /** Counts every iteration spent on the step, from 1; free outcomes (design 4) use up a number but no attempt. */
  attempt: number;
  outcome: OutcomeKind;
  /** Absent when it is no failure, and in records of before there were classes. */
  failure?: RecordedFailure | undefined;
  evidence: Evidence | null;
  /** The branch commit that landed, for `passed`. */
  commit: string | null;
  base: string;
  /** The kept work (a commit at `refs/capstan/attempts/<plan>/<step>/<attempt>`), for anything but `passed`. */
  work: string | null;
  /** The tree of the kept work: equal for equal files. Absent in records of before there was a breaker. */
  tree?: string | null | undefined;
  agent: string;
  model: string | null;
  costUsd: number | null;
  /** The cost is no report of the agent's: it was worked out from its tokens and list prices. */
  costAbout?: true;
  usage: Usage | null;
  durationMs: number;
  verdicts: RecordedVerdict[];
  fingerprint: string;
  /** What the failing output said about how much is left. Absent where there was none. */
  measured?: Measured | undefined;
  /** One sentence for people: why it ended as it did. */
  summary: string;
  /** What the next brief needs to know: the failing output, capped at 4 KB. */
  feedback: string;
  /** The entry that belongs into progress.txt, landed with the next commit; "" for none. */
  progress: string;
  /** What the agent added to the Codebase Patterns; lands with the next commit, too. */
  patterns: string[];
  /** What the agent wrote into the step's `notes`, `null` when it left them alone. Lands with the step. */
  notes: string | null;
  question: string | null;
}

export type LedgerRecord =
  | AttemptRecord
  | RecordBase & { kind: "gate-closed"; step: string; title: string; handoff: string }
  | RecordBase & { kind: "gate-decided"; step: string; decision: "approved" | "rejected"; by: string; note: string }
  | RecordBase & { kind: "gate-opened"; step: string; commit: string }
  | RecordBase & { kind: "answered"; step: string; question: string; answer: string; by: string }
  | RecordBase & { kind: "reopened"; step: string; by: string; why: string }
  /** A person lets a step be tried again whose breaker is open. */
  | RecordBase & { kind: "retried"; step: string; by: string; note: string }
  | RecordBase & { kind: "passed-by-hand"; step: string; by: string }
  | RecordBase & { kind: "landed-edits"; commit: string }
  /** From now on these steps, and no others, are those of `LedgerState.unseen`. */
  | RecordBase & { kind: "unseen"; steps: string[] }
  | RecordBase & { kind: "progress-landed"; commit: string }
  | RecordBase & { kind: "snapshot"; state: LedgerState };

/** The newest facts of one step, folded from its records. Bounded: it does not grow with the number of attempts. */
export interface StepState {
  /** Attempts that count against `maxAttempts` since the step was last (re)opened. */
  attempts: number;
  /** All iterations ever spent on it: the number of the next one is this plus one. */
  iterations: number;
  passed: { evidence: Evidence; commit: string | null; at: string } | null;
  /** The newest attempts, oldest first, at most 3. */
  recent: AttemptRecord[];
  /** Work that the next attempt may start from. */
  carry: { attempt: number; work: string } | null;
  gate: { state: "closed" } | { state: "approved" | "rejected"; by: string; at: string; note: string } | null;
  question: { text: string; at: string } | null;
  /** A failure that only a person can do something about. */
  blocked: { class: FailureClass; why: string } | null;
  answers: { question: string; answer: string; by: string; at: string }[];
  /** What people said that the next brief must carry (a reject's note, a reopen's reason), newest last, at most 5. */
  remarks: string[];
  breaker: Breaker;
  costUsd: number;
  /** The part of `costUsd` that is an estimate. */
  costAbout: number;
  costUnknown: number;
  tokens: number;
  durationMs: number;
}

/** `until` is epoch milliseconds, `times` how many failures in a row led to it. */
export interface Rest {
  until: number;
  why: string;
  times: number;
}

/** Everything the runner knows, folded from the ledger (design 3.3). No other state decides anything. */
export interface LedgerState {
  records: number;
  steps: Record<string, StepState>;
  /** Agents, and models of agents (`restKey`), that are not to be asked before `until`. */
  waits: Record<string, Rest>;
  costUsd: number;
  /** The part of `costUsd` that is an estimate. */
  costAbout: number;
  /** How many attempts reported no cost. */
  costUnknown: number;
  tokens: number;
  iterations: number;
  /** What the newest iterations used and when, for limits of a day. Bounded. */
  spent: SpentQuarter[];
  /** Steps that passed while a person's edit of the plan lay in the checkout: that edit does not take their pass back. */
  unseen: string[];
  /** The breaker of the whole plan: different steps that fail in the same way. */
  breaker: Breaker;
  /** Entries that belong into progress.txt and have not landed yet, oldest first. */
  pendingProgress: string[];
  /** Patterns that have not landed yet, oldest first. */
  pendingPatterns: string[];
}
