import type { Failures } from "../model/failure.ts";
import type { Halt } from "../model/halt.ts";
import type { AttemptRecord, LedgerState, StepState } from "../model/ledger.ts";
import { inOrder, isList } from "../model/order.ts";
import type { Plan, Step } from "../model/plan.ts";
import { type Day, spentIn } from "../model/spent.ts";
import { stepHash } from "../plan/step-hash.ts";
import { openBreaker } from "./breaker.ts";
import { type Allowance, reachedIn, stepReached } from "./limits.ts";
import { nextTurn, type Unusable } from "./turn.ts";
import { indexSteps, isSettled, statusOf } from "./ready.ts";

/** What this run has used so far. Times are epoch milliseconds. */
export interface RunUse {
  startedAt: number;
  now: number;
  iterations: number;
  costUsd: number;
  /** The part of `costUsd` that is an estimate, and how many iterations reported no cost. */
  costAbout: number;
  costUnknown: number;
  tokens: number;
  /** Milliseconds spent waiting for limited agents since an agent last got through. */
  waitedMs: number;
}

/** What this run may use, what one of its iterations may, and what all runs of a day may. `null` is no limit. */
export interface RunLimits extends Allowance {
  iteration: Allowance;
  day: Allowance;
  /** How long the run may wait for limited agents, in sum, before one gets through. */
  maxWaitMs: number;
}

/** Everything a decision rests on. The same state gives the same decision. */
export interface DecideState {
  plan: Plan;
  ledger: LedgerState;
  use: RunUse;
  limits: RunLimits;
  /** The day that `use.now` belongs to. */
  day: Day;
  /** Only this step may be worked on (`--step`). */
  only: string | null;
  /** The agent that the command line forces on every step (`--agent`). */
  agent: string | null;
  /** What `auto` and other names came to so far, so that a limit of the chosen agent is seen. */
  chosen: Readonly<Record<string, string>>;
  /** Models that stand in for one another, by agent. */
  fallbackModels: Readonly<Record<string, readonly string[]>>;
  /** Agents, and models of agents, that are of no use in this run (`restKey`). */
  unusable: Readonly<Record<string, Unusable>>;
  /** What happens after each class of failure. */
  failures: Failures;
  /** Steps that nothing can verify, by id. */
  unverifiable: ReadonlySet<string>;
  interrupted: "SIGINT" | "SIGTERM" | "SIGHUP" | null;
}

/** A step that an agent can work on, whoever's turn it is. */
interface Ready {
  kind: "iterate";
  step: Step;
  attempt: number;
  /** How many times in a row the context was too small: the brief is halved as often. */
  shrink: number;
  carry: StepState["carry"];
}

/** What to do next: one closed union. */
export type Decision =
  | Ready & { agent: string; model: string | null }
  /** No agent runs: a validation step, or the work (`carry`) of an attempt that passed and was parked. */
  | { kind: "validate"; step: Step; attempt: number; carry: StepState["carry"]; parked: AttemptRecord | null }
  | { kind: "open-gate"; step: Step }
  | { kind: "close-gate"; step: Step }
  | { kind: "wait"; step: string; agent: string; until: number; why: string }
  | { kind: "halt"; halt: Halt };

/**
 * Decides what happens next. Pure and total.
 *
 * A plan in which no step declares `needs` is a list: steps are taken in order, and one that is blocked halts the run,
 * because what follows was written on the assumption that it is done. A plan with `needs` is a graph: a step that is
 * blocked, or whose agents all rest, holds up only what needs it, and the run halts (or waits) when nothing else is ready.
 */
export function decide(state: DecideState): Decision {
  const { plan } = state;
  if (state.interrupted !== null) return halt({ reason: "interrupted", signal: state.interrupted });
  const byId = indexSteps(plan);
  const wanted = inOrder(plan).filter((step) => state.only === null || step.id === state.only);
  const open = wanted.filter((step) => !isSettled(plan, step));
  if (open.length === 0) {
    const left = plan.steps.filter((step) => !isSettled(plan, step)).length;
    return halt(state.only === null ? { reason: "complete" } : { reason: "complete", step: state.only, left });
  }

  const list = isList(plan);
  let blocked: Decision | null = null;
  let resting: Decision | null = null;
  for (const step of open) {
    const found = decideStep(state, byId, step);
    if (found === "waiting") continue;
    const decision = found.kind === "iterate" ? withTurn(state, found) : found;
    if (decision.kind === "open-gate") return decision;
    if (decision.kind === "iterate" || decision.kind === "validate" || decision.kind === "wait") {
      const reached = limitReached(state);
      if (reached !== null) return halt(reached);
      if (decision.kind !== "wait") return decision;
      resting ??= waitOrHalt(state, decision);
    } else blocked ??= decision;
    if (list) break;
  }
  if (resting?.kind === "wait") return resting;
  return blocked ?? resting ?? halt({ reason: "stuck", steps: waitingSteps(plan, open) });
}

function decideStep(state: DecideState, byId: ReadonlyMap<string, Step>, step: Step): Decision | Ready | "waiting" {
  const known = state.ledger.steps[step.id];
  switch (statusOf(state.plan, byId, state.ledger, step)) {
    case "gate":
      return { kind: "close-gate", step };
    case "question":
      return halt({ reason: "question", step: step.id, question: known?.question?.text ?? "", handoff: "" });
    case "out-of-attempts":
      return halt({
        reason: "out-of-attempts",
        step: step.id,
        attempts: known?.attempts ?? 0,
        summary: known?.recent.at(-1)?.summary ?? "",
      });
    case "ready":
      return workOn(state, step, known);
    case "blocked":
      if (known?.blocked) return halt({ reason: "blocked", step: step.id, ...known.blocked });
      return outOfBudget(step, known);
    case "waiting":
    case "passed":
    case "skipped":
      return "waiting";
  }
}

function workOn(state: DecideState, step: Step, known: StepState | undefined): Decision | Ready {
  if (step.type === "gate") return { kind: "open-gate", step };
  if (state.unverifiable.has(step.id)) return halt({ reason: "unverifiable", step: step.id });
  const tripped = openBreaker(state.ledger, step, { ...state, now: state.use.now });
  if (tripped !== null) return halt(tripped);
  const attempt = (known?.iterations ?? 0) + 1;
  if (step.type === "validation") return { kind: "validate", step, attempt, carry: null, parked: null };
  const parked = parkedWork(step, known);
  if (parked !== null) return { kind: "validate", step, attempt, ...parked };
  return { kind: "iterate", step, attempt, shrink: shrinkFor(known, state.failures), carry: carryFor(step, known) };
}

/**
 * The work that the next attempt starts from, or `null` for the branch: forced after tampering, after two equal
 * failures in a row, for the attempt that a breaker allows after going in circles, and after a person rejected or reopened the step (the ledger drops the work then).
 */
export function carryFor(step: Step, known: StepState | undefined): StepState["carry"] {
  if (known === undefined || step.carry === "none") return null;
  const last = known.recent.at(-1);
  if (last?.outcome === "tampered") return null;
  if (known.breaker.trip?.kind === "same-failure" || known.breaker.trip?.kind === "oscillation") return null;
  const before = known.recent.at(-2);
  if (last !== undefined && last.fingerprint !== "" && last.fingerprint === before?.fingerprint) return null;
  return known.carry;
}

/** How many of the newest attempts in a row ask for a smaller brief. */
export function shrinkFor(known: StepState | undefined, failures: Failures): number {
  const recent = known?.recent.toReversed() ?? [];
  const other = recent.findIndex(({ failure }) =>
    failure === undefined || failures[failure.class].policy.kind !== "shrink"
  );
  return other === -1 ? recent.length : other;
}

/** Work that passed and was parked: it needs no agent any more, only a look whether it still passes on the branch. */
function parkedWork(
  step: Step,
  known: StepState | undefined,
): { parked: AttemptRecord; carry: StepState["carry"] } | null {
  const last = known?.recent.at(-1);
  if (last?.outcome !== "superseded" || last.evidence === null) return null;
  const carry = known?.carry ?? null;
  return carry?.attempt === last.attempt && last.stepHash === stepHash(step) ? { parked: last, carry } : null;
}

function outOfBudget(step: Step, known: StepState | undefined): Decision {
  const reached = stepReached(step, known);
  if (reached === null || known === undefined) throw new Error("Internal error: nothing blocks the step");
  const { scope: _, ...facts } = reached;
  return halt({ reason: "out-of-budget", step: step.id, ...facts, ...moneyFacts(facts.limit, known) });
}

function limitReached({ use, limits, ledger, day }: DecideState): Halt | null {
  const run = reachedIn("run", { ...use, durationMs: use.now - use.startedAt }, limits);
  if (run !== null) return { reason: "limit", ...run, scope: "run", ...moneyFacts(run.limit, use) };
  const today = spentIn(ledger.spent, day);
  const reached = reachedIn("day", today, limits.day);
  if (reached === null) return null;
  return { reason: "limit", ...reached, scope: "day", freesAt: day.endsAt, ...moneyFacts(reached.limit, today) };
}

/** How sure the amount is that was used. */
function moneyFacts(
  limit: string,
  { costAbout, costUnknown }: { costAbout: number; costUnknown: number },
): { about?: true; unknown?: number } {
  if (limit !== "money") return {};
  return { ...costAbout > 0 ? { about: true } : {}, ...costUnknown > 0 ? { unknown: costUnknown } : {} };
}

/** Gives the iteration to whoever's turn it is. */
function withTurn(state: DecideState, ready: Ready): Decision {
  const turn = nextTurn(ready.step, { ...state, rests: state.ledger.waits, now: state.use.now });
  switch (turn.kind) {
    case "go":
      return { ...ready, agent: turn.agent, model: turn.model };
    case "wait":
      return { ...turn, step: ready.step.id };
    case "halt":
      return turn;
  }
}

function waitOrHalt({ use, limits }: DecideState, wait: Decision & { kind: "wait" }): Decision {
  const remaining = limits.timeMs === null ? Infinity : use.startedAt + limits.timeMs - use.now;
  const waitMs = wait.until - use.now;
  if (use.waitedMs + waitMs > limits.maxWaitMs || waitMs > remaining) {
    const { step, agent, until, why } = wait;
    return halt({ reason: "agent-limited", step, agent, until, why, maxWaitMs: limits.maxWaitMs });
  }
  return wait;
}

function waitingSteps(plan: Plan, open: Step[]): { step: string; waitsFor: string[] }[] {
  const unsettled = new Set(plan.steps.filter((step) => !isSettled(plan, step)).map((step) => step.id));
  return open.map((step) => ({
    step: step.id,
    waitsFor: [...step.needs.filter((id) => unsettled.has(id)), ...undecidedField(plan, step)],
  }));
}

function undecidedField(plan: Plan, step: Step): string[] {
  return step.when === undefined || plan.decisions[step.when.field] !== undefined
    ? []
    : [`decisions.${step.when.field}`];
}

function halt(value: Halt): Decision {
  return { kind: "halt", halt: value };
}
