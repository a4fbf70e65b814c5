import type { LeaseHolder } from "./lease.ts";
import type { FailureClass } from "./failure.ts";
import type { Reached } from "./limits.ts";
import type { Trip } from "./breaker.ts";
import type { Problem } from "./plan.ts";
import type { SandboxMiss } from "./sandbox.ts";

/** Something looked for and not found, in the words a person needs to get it. */
export interface AgentMiss {
  agent: string;
  /** `unknown`: no registry declares it. `broken`: it is installed and does not work. `step`: the step lacks what it reads. */
  kind: "unknown" | "not-installed" | "not-logged-in" | "broken" | "step";
  why: string;
  fix: string;
}

/** A person's "no" at a gate, to which nothing was done yet; `redo` are the steps that may be opened again. */
export interface GateRejection {
  by: string;
  note: string;
  redo: string[];
}

/** A limit on what is not reported (`late`: while the agent works), on a step that is open. */
export interface Unenforceable {
  limit: "money" | "tokens";
  agent: string;
  step: string;
  model?: string;
  late?: true;
}

/**
 * What keeps a verified commit from landing: edits (at the `paths` of the halt), a rebase of the branch that a person is
 * in the middle of and that could not end if it moved, or another git that holds the index (the lock is the path).
 */
export type Obstacle = "edits" | "rebase" | "git";

/** Why a run ended. Every reason has one exit code (`exitCodes`) and one text (src/report). */
export type Halt =
  /** `step` is the one that `--step` named; `left` says how many others are open. */
  | { reason: "complete"; step?: string; left?: number }
  | { reason: "invalid"; problems: Problem[] }
  | { reason: "repository"; problem: RepositoryProblem }
  | { reason: "sandbox"; why: SandboxMiss }
  | { reason: "gate"; step: string; handoff: string; rejected?: GateRejection }
  | { reason: "question"; step: string; question: string; handoff: string }
  | { reason: "out-of-attempts"; step: string; attempts: number; summary: string }
  /** The breaker of the step (of the plan, for `scope: "plan"`) is open until `until`; `left` attempts are not used yet. */
  | { reason: "breaker"; step: string; scope: "step" | "plan"; trip: Trip; until: number; left: number }
  /** `about`: the money used is partly an estimate; `unknown` attempts reported no cost and count for nothing. */
  | { reason: "out-of-budget"; step: string; about?: true; unknown?: number } & Omit<Reached, "scope">
  | { reason: "unverifiable"; step: string }
  | { reason: "stuck"; steps: { step: string; waitsFor: string[] }[] }
  /** Of the run or of the day; `freesAt` is the midnight at which a day's limit starts over, in epoch milliseconds. */
  | { reason: "limit"; about?: true; unknown?: number; freesAt?: number } & Reached & { scope: "run" | "day" }
  | { reason: "limit-unenforceable" } & Unenforceable
  | { reason: "no-agent"; misses: AgentMiss[] }
  | { reason: "agent-limited"; step: string; agent: string; until: number; why: string; maxWaitMs: number }
  /** `times`: how many failures in a row were too many; `null` where one is. */
  | { reason: "agent-unusable"; agent: string; class: FailureClass; message: string; times: number | null }
  | { reason: "blocked"; step: string; class: FailureClass; why: string }
  | { reason: "diverged"; what: "branch" | "ledger"; ref: string; remote: string }
  | { reason: "push-refused"; remote: string; message: string }
  /** `begun: false`: at the start, before anything was done. */
  | { reason: "remote-unreachable"; remote: string; message: string; begun: boolean }
  | { reason: "parked"; step: string; commit: string; ref: string; paths: string[]; by: Obstacle }
  | { reason: "locked"; holder: LockHolder | null }
  /** Another run, somewhere else, works on this plan. `staleAt`: when it counts as gone unless it goes on, epoch ms. */
  | { reason: "leased"; remote: string; holder: LeaseHolder; staleAt: number }
  /** Another run took over while this one was away. `unpushed`: landed here and not at `seen`, which the remote has. */
  | {
    reason: "lease-lost";
    remote: string;
    branch: string;
    seen: string;
    holder: LeaseHolder | null;
    unpushed: number | null;
  }
  | { reason: "lease-refused"; remote: string; message: string }
  | { reason: "interrupted"; signal: "SIGINT" | "SIGTERM" | "SIGHUP" }
  | { reason: "internal"; message: string; stack: string };

export interface LockHolder {
  pid: number;
  host: string;
  since: string;
}

/** A state of the repository in which nothing can be started, or with which a run can't go on. */
export type RepositoryProblem =
  | { kind: "not-a-repository"; dir: string }
  | { kind: "unreadable"; dir: string; message: string }
  | { kind: "git-missing" }
  | { kind: "git-too-old"; version: string; needed: string }
  | { kind: "bare" }
  | { kind: "no-commits" }
  | { kind: "detached-without-branch" }
  | { kind: "operation-in-progress"; operation: "merge" | "rebase" | "cherry-pick" | "revert" | "bisect" }
  | { kind: "bad-branch-name"; name: string; why: string }
  | { kind: "cannot-check-out"; branch: string; paths: string[]; message: string }
  | { kind: "branch-checked-out-elsewhere"; branch: string; worktree: string }
  /** The branch was deleted while the run used it; `was` is its last commit. */
  | { kind: "branch-deleted"; branch: string; was: string }
  /** `remote: null`: the branch's own, and it has none among several (or no) `remotes`. */
  | { kind: "no-remote"; remote: string | null; remotes: string[]; branch: string }
  | { kind: "partial-clone"; message: string }
  | { kind: "submodule"; path: string; message: string }
  | { kind: "plan-outside"; file: string; root: string }
  | { kind: "setup-failed"; command: string; dir: string; output: string }
  | { kind: "state-folder"; dir: string; message: string }
  | { kind: "inside-lane"; dir: string }
  | { kind: "not-writable"; dir: string; message: string }
  | { kind: "disk"; message: string }
  | { kind: "git-failed"; command: string; message: string };

/** The documented exit codes (design 4). */
export const exitCodes: Record<Halt["reason"], number> = {
  complete: 0,
  invalid: 2,
  repository: 2,
  sandbox: 2,
  gate: 3,
  question: 3,
  "out-of-attempts": 4,
  breaker: 4,
  "out-of-budget": 4,
  unverifiable: 4,
  blocked: 4,
  stuck: 4,
  limit: 5,
  "limit-unenforceable": 2,
  "no-agent": 6,
  "agent-limited": 6,
  "agent-unusable": 6,
  diverged: 7,
  "push-refused": 7,
  "remote-unreachable": 7,
  parked: 7,
  locked: 75,
  leased: 75,
  "lease-lost": 75,
  "lease-refused": 7,
  interrupted: 130,
  internal: 70,
};

/** Problems that a run may meet when it has begun long ago: code 2 would say that nothing was started. */
const repositoryExitCodes: Partial<Record<RepositoryProblem["kind"], number>> = {
  "setup-failed": 4,
  submodule: 4,
  "branch-deleted": 7,
  disk: 7,
  "git-failed": 7,
};

/** The exit code of a halt; that of `repository` depends on the problem, and SIGTERM and SIGHUP differ from SIGINT. */
export function exitCodeOf(halt: Halt): number {
  if (halt.reason === "repository") return repositoryExitCodes[halt.problem.kind] ?? exitCodes.repository;
  if (halt.reason !== "interrupted") return exitCodes[halt.reason];
  return { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[halt.signal];
}
