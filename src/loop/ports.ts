import type { AgentEvent } from "../model/agent-event.ts";
import type { Anomaly } from "../model/anomaly.ts";
import type { EventBody, Notice } from "../model/event.ts";
import type { Failures } from "../model/failure.ts";
import type { AgentMiss, Halt, Obstacle } from "../model/halt.ts";
import type { AttemptRecord, LedgerRecord, LedgerState } from "../model/ledger.ts";
import type { Caps } from "./limits.ts";
import type { AgentReport } from "../model/outcome.ts";
import type { Plan, Step } from "../model/plan.ts";
import type { Day } from "../model/spent.ts";
import type { Validator } from "../model/validator.ts";
import type { RedFirst } from "../model/verdict.ts";
import type { ValidatorPort } from "./validator-port.ts";

/** A git object id, full length. */
export type Oid = string;

/** A record without the facts that the ledger itself fills in (plan, run, time). */
export type NewRecord = LedgerRecord extends infer R
  ? R extends LedgerRecord ? Omit<R, "v" | "plan" | "run" | "at"> : never
  : never;

/** What the runner sees before every decision. */
export interface Observation {
  plan: Plan;
  /** The exact text of the plan at `tip`, in the dialect and formatting of its owner. */
  planText: string;
  progressText: string;
  /** The branch's tip, after the person's own edits were committed. */
  tip: Oid;
  branch: string;
  ledger: LedgerState;
  /** Frozen: read from the tree of `tip`. */
  validators: Validator[];
  /** What happens after each class of failure. Frozen, too. */
  failures: Failures;
}

export type Observed = { ok: true; value: Observation } | { ok: false; halt: Halt };

/** A verified change, ready to become one commit. */
export interface LandRequest {
  /** `null` when only control files change. */
  work: Collected | null;
  base: Oid;
  /** The step that passes with it: what was kept of its attempts goes. `null` when only progress.txt lands. */
  step: Step | null;
  /** The new texts of the control files, computed against the observation that the caller holds. */
  planText: string;
  progressText: string;
  message: string;
  record: NewRecord;
}

export type Landing =
  | { kind: "landed"; commit: Oid }
  /** The branch moved since `base`. Observe again, then `replay`. */
  | { kind: "moved" }
  /** Something in the checkout is in the way: the commit is kept at `ref`. */
  | { kind: "parked"; commit: Oid; ref: string; paths: string[]; by: Obstacle }
  | { kind: "failed"; halt: Halt };

/** An iteration under way. */
export interface Inflight {
  step: string;
  title: string;
  stepHash: string;
  attempt: number;
  agent: string;
  mark: string;
  startedAt: string;
  lane: Lane;
}

/** Git, the branch, the checkout and the ledger. Implemented in src/lanes. */
export interface RepositoryPort {
  /** Commits the person's uncommitted plan edits, reads plan, progress, validators and ledger. */
  observe(): Promise<Observed>;
  /** Appends one record. The ledger moves by compare-and-swap; a concurrent append is retried on top. A halt when it could not be written. */
  append(record: NewRecord): Promise<Halt | null>;
  /** Appends an attempt that did not land and keeps its work at the attempt ref, in one transaction. */
  keep(record: Omit<AttemptRecord, "v" | "plan" | "run" | "at">, work: Collected | null): Promise<Halt | null>;
  land(request: LandRequest): Promise<Landing>;
  /**
   * Replays a change made on `base` onto `tip`; `null` when it conflicts.
   * `sameWork` is true when base and tip differ in control files only, so that what was verified is still verified.
   */
  replay(work: Collected, base: Oid, tip: Oid): Promise<{ work: Collected; sameWork: boolean } | null>;
  /**
   * Notes in the git common dir that an iteration is under way, so that a crash of the runner loses none of its work. A
   * halt when that could not be written: no agent may be started then.
   */
  markInflight(facts: Inflight): Promise<Halt | null>;
  clearInflight(): Promise<void>;
  /** The iteration that a dead runner left behind, or `null`. */
  leftover(): Promise<Inflight | null>;
  /** Pushes branch and ledger `--atomic` when the run was asked to; a no-op otherwise. */
  push(): Promise<Halt | null>;
}

/** An isolated clone, prepared for one iteration. */
export interface Lane {
  dir: string;
  base: Oid;
  /** A fresh directory for HOME and TMPDIR of the agent, removed by `release`. */
  home: string;
  /** The control files as they were written into the lane. */
  planText: string;
  progressText: string;
}

/** What the lane held when the agent had ended. The tree is an object; nothing here can be changed by an agent any more. */
export interface Collected {
  /** The work: control files are those of the base, whatever the agent did to them. */
  tree: Oid;
  /** Paths that differ from the base, control files excluded. */
  changed: { path: string; status: "added" | "modified" | "deleted" | "type-changed" }[];
  /** The control files as the agent left them; `null` when it deleted them. */
  planText: string | null;
  progressText: string | null;
  /** What it did to files that are not its own (registries, protected files, installed dependencies), already undone. */
  tampering: string[];
  /** The same as unified diffs, "" when there was nothing. */
  diff: string;
  /** What the agent did that is benign and was normalized (commits of its own, a switched branch). */
  benign: string[];
}

/** What was done to the person's repository itself, past the lane, and was put back. */
export interface Outside {
  tampering: string[];
  /** Of files, as unified diffs. */
  diff: string;
}

/** What an agent may not change beside control files: what validators rest on. */
export interface Frozen {
  /** Globs of the files that validators protect. */
  protects: readonly string[];
  /** Files with scripts that validators run. */
  manifests: readonly string[];
  /** The manifest with every such script put back that the change took the meaning from, `null` when there is none. */
  emptied(path: string, before: string, after: string): { text: string; names: string[] } | null;
}

export interface LaneRequest {
  base: Oid;
  /** Kept work of an earlier attempt, to start from. */
  carry: Oid | null;
  branch: string;
  planText: string;
  progressText: string;
  plan: Plan;
  step: Step;
  attempt: number;
}

/** `carried` is false when there was no kept work, or it is gone or conflicts with the base: the lane holds the base. */
export type LanePrepared = { ok: true; lane: Lane; carried: boolean } | { ok: false; halt: Halt };

export interface LanePort {
  prepare(request: LaneRequest): Promise<LanePrepared>;
  /** Reads what the agent left. Fails only for the disk or the repository, never for what an agent did. */
  collect(lane: Lane, frozen: Frozen): Promise<{ ok: true; work: Collected } | { ok: false; halt: Halt }>;
  /**
   * What was done since the last look to the person's repository, by absolute path and without a sandbox: put back.
   * `collect` has looked at what the agent did; validators run what it wrote.
   */
  outside(): Promise<Outside>;
  /** Removes the agent's home and forgets the iteration; the lane itself is reused. */
  release(lane: Lane): Promise<void>;
}

export interface AgentChoice {
  id: string;
  version: string | null;
  /** Whether it reports what it costs. */
  reportsCost: boolean;
  /** Whether it, or its output, says how many tokens it uses. */
  reportsTokens: boolean;
  /** Models that stand in for one that rests or is not there, best first. */
  fallbackModels: readonly string[];
  /** Whether it says so while it works. */
  countsAtWork: boolean;
}

/** `among`: where `auto` was resolved, all that it looks for, in their order. */
export type AgentChosen = { ok: true; agent: AgentChoice; among?: string[] } | { ok: false; misses: AgentMiss[] };

export interface AgentRequest {
  agent: AgentChoice;
  step: Step;
  /** Counts every iteration spent on the step, from 1. */
  attempt: number;
  model: string | null;
  brief: string;
  lane: Lane;
  /** Puts the agent's marks into the environment, so that leftovers can be found. */
  mark: string;
  timeoutMs: number;
  idleMs: number;
  /** What it may use: as soon as its events say that one of them is used up, it is stopped. */
  caps: Caps;
  /** Where the capped raw output and argv.json go. */
  journalDir: string;
  signal: AbortSignal;
  onEvent(event: AgentEvent): void;
  /** The agent does what leads nowhere; `killed` when it is stopped for it. */
  onAnomaly(anomaly: Anomaly, killed: boolean): void;
}

export interface AgentPort {
  /** Resolves `auto` to the first ready agent, and checks that a named one is ready. Cached for the run. */
  choose(name: string, step: Step): Promise<AgentChosen>;
  /** Whether tokens of this model stand in for a cost that is not reported. */
  hasPrice(model: string): boolean;
  /** Runs one fresh process to its end. Never rejects for anything that the agent did. */
  run(request: AgentRequest): Promise<AgentReport>;
}

export interface BriefRequest {
  observation: Observation;
  step: Step;
  attempt: number;
  maxAttempts: number;
  lane: { dir: string };
  /** The attempt whose work the lane holds; absent or `null` when it holds the branch's files. */
  carry?: number | null;
  /** What the step's own validators said before the work; absent or `null` when they were not asked. */
  redFirst?: RedFirst | null;
  /** How often it is halved because the context was too small for it. @default 0 */
  shrink?: number;
}

export interface Brief {
  text: string;
  bytes: number;
  sha256: string;
  sections: { name: string; bytes: number }[];
}

export interface BriefPort {
  assemble(request: BriefRequest): Promise<Brief>;
}

/** The disposable record of one iteration under `.capstan/`. Failing to write it never stops the loop. */
export interface JournalPort {
  begin(iteration: number, step: string, attempt: number): Promise<string>;
  write(dir: string, name: string, text: string): Promise<void>;
}

export interface Clock {
  now(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface Calendar extends Clock {
  /** The calendar day of the machine's zone that `at` (epoch milliseconds) belongs to. */
  dayOf(at: number): Day;
}

/** Everything that the driver may touch. */
export interface Ports {
  clock: Calendar;
  repository: RepositoryPort;
  lanes: LanePort;
  agents: AgentPort;
  validators: ValidatorPort;
  briefs: BriefPort;
  journal: JournalPort;
  emit(body: EventBody): void;
  notice(notice: Notice): void;
  /** Takes secrets out of what agents wrote, before it is stored. */
  hide<T>(value: T): T;
}
