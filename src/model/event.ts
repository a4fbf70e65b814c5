import type { AgentEvent } from "./agent-event.ts";
import type { Anomaly } from "./anomaly.ts";
import type { Trip } from "./breaker.ts";
import type { LeaseHolder } from "./lease.ts";
import type { FailureAction } from "./failure.ts";
import type { AgentMiss, Halt } from "./halt.ts";
import type { LedgerState } from "./ledger.ts";
import type { Forecast, Pace, StepCost } from "./forecast.ts";
import type { Limit } from "./limits.ts";
import type { Spent } from "./spent.ts";
import type { AgentReport, OutcomeKind } from "./outcome.ts";
import type { Step } from "./plan.ts";
import type { SandboxMiss, SandboxSettings } from "./sandbox.ts";
import type { Evidence, RedFirst, Verdict } from "./verdict.ts";

/** Something a person should know that changes nothing about what happens next. Text is made in src/report only. */
export type Notice =
  | { kind: "plan-converted"; changes: string[] }
  /** Keys of the plan that are read and checked, and change nothing yet; `steps` is empty for those of the plan itself. */
  | { kind: "keys-unused"; keys: { key: string; steps: string[] }[] }
  | { kind: "edits-committed"; commit: string; paths: string[] }
  | { kind: "plan-named"; plan: string; commit: string }
  | { kind: "reopened-by-hand"; step: string; why: "plan" | "commit" }
  | { kind: "passed-by-hand"; step: string }
  | { kind: "pass-restored"; step: string }
  /** A person committed from a checkout that did not show the landing yet: none of it is left on the branch. */
  | { kind: "taken-back"; step: string; commit: string; by: string }
  | { kind: "plan-unreadable"; message: string; file: string }
  | { kind: "plan-unused"; file: string; branch: string }
  | { kind: "identity-missing"; used: string }
  | { kind: "unsigned"; why: string }
  /** `why` is `null` when a person wants none. */
  | { kind: "sandbox"; level: "none"; why: SandboxMiss | null }
  | { kind: "sandbox"; level: "bubblewrap"; network: SandboxSettings["network"]; alsoWritable: string[] }
  | { kind: "validators-detected"; validators: { id: string; command: string }[] }
  | { kind: "no-validators" }
  | { kind: "setup"; command: string; why: "first" | "lock-file-changed"; dir: string }
  | { kind: "setup-failed"; command: string; output: string }
  | { kind: "branch-created"; branch: string; from: string }
  | { kind: "branch-moved"; branch: string; from: string; to: string }
  | { kind: "branch-adopted"; branch: string; commit: string }
  | { kind: "checkout-left"; branch: string; why: string }
  | { kind: "recovered"; what: string }
  | { kind: "records-skipped"; count: number; ref: string }
  | { kind: "fetched"; remote: string; branch: boolean; ledger: boolean }
  | { kind: "fetch-failed"; remote: string; message: string }
  | { kind: "pushed"; remote: string; refs: string[] }
  | { kind: "deepened"; remote: string }
  /** The remote takes no lease: nothing keeps two machines from working on the same plan. */
  | { kind: "no-lease"; remote: string; message: string }
  | { kind: "lease-watched"; remote: string; holder: LeaseHolder | null; forMs: number }
  | { kind: "lease-taken-over"; remote: string; holder: LeaseHolder | null }
  | { kind: "lfs-not-sent"; remote: string; branch: string }
  | { kind: "lane-rebuilt"; why: string }
  | { kind: "processes-swept"; count: number }
  | { kind: "stopping"; signal: string; step: string | null }
  | { kind: "killing"; signal: string; step: string | null }
  /** An agent does what leads nowhere; `killed` when it is stopped for it. */
  | { kind: "anomaly"; step: string; anomaly: Anomaly; killed: boolean }
  /** A breaker opened, or allows one attempt after its cool-down (`half-open`). */
  | { kind: "breaker"; state: "open" | "half-open"; step: string; scope: "step" | "plan"; trip: Trip }
  | { kind: "tampering"; what: string[]; restored: boolean; diff: string }
  | { kind: "benign-normalized"; what: string[] }
  /** What `auto` came to: the first that is ready among these. */
  | { kind: "agent-chosen"; agent: string; version: string | null; among: string[] }
  | { kind: "replayed"; step: string; onto: string }
  /** Files of an attempt that were not kept, each with its line: they hold what looks like a secret. */
  | { kind: "withheld"; step: string; lines: string[] }
  /** Before the work, when the step's own validators cannot prove it. */
  | { kind: "red-first"; step: string; found: Exclude<RedFirst, { kind: "red" }> }
  /** An agent of a step's list is not there; the others are. */
  | { kind: "agent-missing"; misses: AgentMiss[] }
  /** `title`: the class of the failure, in words. */
  | { kind: "failure-handled"; step: string; agent: string; title: string; action: FailureAction };

/** What happened, as data. One closed union; the journal stores it, `--json` prints it, renderers show it. */
export type EventBody =
  | {
    kind: "run-started";
    plan: string;
    project: string;
    branch: string;
    steps: number;
    passed: number;
    resumed: boolean;
    /** What steps took so far, and how many are left for an agent: what a forecast rests on. */
    pace: Pace;
    left: number;
    version: string;
  }
  | { kind: "notice"; notice: Notice }
  | {
    kind: "iteration-started";
    iteration: number;
    step: string;
    title: string;
    attempt: number;
    /** Which of the attempts that count it is: free outcomes and what went before a reopen do not. */
    counted: number;
    maxAttempts: number;
    agent: string;
    carry: number | null;
    base: string;
  }
  | { kind: "brief"; step: string; bytes: number; sections: { name: string; bytes: number }[] }
  | { kind: "agent"; step: string; event: AgentEvent }
  | { kind: "agent-ended"; step: string; report: AgentReport }
  | { kind: "validator-started"; step: string; validator: string; on: "result" | "base" | "evidence" }
  | { kind: "validator-finished"; step: string; verdict: Verdict }
  | {
    kind: "landed";
    step: string;
    title: string;
    commit: string;
    evidence: Evidence;
    files: number;
    attempts: number;
    durationMs: number;
    costUsd: number | null;
    costAbout?: true;
    /** What all attempts on the step took; absent where the step is no work for an agent. */
    took?: StepCost;
  }
  | {
    kind: "attempt-ended";
    step: string;
    attempt: number;
    outcome: OutcomeKind;
    summary: string;
    durationMs: number;
    costUsd: number | null;
    costAbout?: true;
  }
  | { kind: "waiting"; agent: string; until: number; why: string }
  | { kind: "gate-opened"; step: string; commit: string }
  | { kind: "halted"; halt: Halt; exitCode: number; summary: RunSummary };

/** An event as it is stored and streamed: `v` is the version of the format, `seq` counts from 1 within the run. */
export type Event = { v: 1; seq: number; at: string; run: string } & EventBody;

/** What the closing summary shows. */
export interface RunSummary {
  project: string;
  branch: string;
  steps: {
    id: string;
    title: string;
    type?: Step["type"];
    state: StepStatus;
    evidence: Evidence | null;
    attempts: number;
    costUsd: number;
    /** The part of `costUsd` that is an estimate. */
    costAbout: number;
    costUnknown: number;
    durationMs: number;
  }[];
  iterations: number;
  durationMs: number;
  costUsd: number;
  costAbout: number;
  costUnknown: number;
  tokens: number;
  /** What is left of the plan will take about this; `null` while nothing is known. */
  forecast: Forecast | null;
  commits: string[];
}

/** Where a step stands, for people. */
export type StepStatus =
  | "passed"
  | "skipped"
  | "ready"
  | "waiting"
  | "blocked"
  | "gate"
  | "question"
  | "out-of-attempts"
  | "breaker";

/** What `status` shows. */
export interface StatusView {
  summary: RunSummary;
  ledger: LedgerState;
  /** All limits that hold without any of the command line. */
  limits: readonly Limit[];
  /** What runs of this plan used since midnight. */
  today: Spent;
  next: string | null;
}
