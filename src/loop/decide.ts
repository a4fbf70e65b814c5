import type { Halt } from "../model/halt.ts";
import type { AttemptRecord, LedgerState, StepState } from "../model/ledger.ts";
import { inOrder, isList } from "../model/order.ts";
import type { Plan, Step } from "../model/plan.ts";
import { stepHash } from "../plan/step-hash.ts";
import { indexSteps, isSettled, statusOf } from "./ready.ts";

/** What this run has used so far. Times are epoch milliseconds. */
export interface RunUse {
  startedAt: number;
  now: number;
  iterations: number;
  costUsd: number;
  tokens: number;
  /** Milliseconds spent waiting for limited agents since an agent last got through. */
  waitedMs: number;
}

/** What this run may use. `null` is no limit. */
export interface RunLimits {
  iterations: number | null;
  timeMs: number | null;
  usd: number | null;
  tokens: number | null;
  /** How long the run may wait for limited agents, in sum, before one gets through. */
  maxWaitMs: number;
}

/** Everything a decision rests on. The same state gives the same decision. */
export interface DecideState {
  plan: Plan;
  ledger: LedgerState;
  use: RunUse;
  limits: RunLimits;
  /** Only this step may be worked on (`--step`). */
  only: string | null;
  /** The agent that the command line forces on every step (`--agent`). */
  agent: string | null;
  /** What `auto` and other names came to so far, so that a limit of the chosen agent is seen. */
  chosen: Readonly<Record<string, string>>;
  /** Steps that nothing can verify, by id. */
  unverifiable: ReadonlySet<string>;
  interrupted: "SIGINT" | "SIGTERM" | "SIGHUP" | null;
}

/** What to do next: one closed union. */
export type Decision =
  | { kind: "iterate"; step: Step; attempt: number; agent: string; carry: StepState["carry"] }
  /** No agent runs: a validation step, or the work (`carry`) of an attempt that passed and was parked. */
  | { kind: "validate"; step: Step; attempt: number; carry: StepState["carry"]; parked: AttemptRecord | null }
  | { kind: "open-gate"; step: Step }
  | { kind: "close-gate"; step: Step }
  | { kind: "wait"; agent: string; until: number; why: string }
  | { kind: "halt"; halt: Halt };

/**
 * Decides what happens next. Pure and total.
 *
 * A plan in which no step declares `needs` is a list: steps are taken in order, and one that is blocked halts the run,
 * because what follows was written on the assumption that it is done. A plan with `needs` is a graph: a step that is
 * blocked holds up only what needs it, and the run halts at it when nothing else is ready.
 */
export function decide(state: DecideState): Decision {
  const { plan, ledger, use, limits } = state;
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
  for (const step of open) {
    const decision = decideStep(state, byId, step);
    if (decision === "waiting") continue;
    if (decision.kind === "iterate" || decision.kind === "validate" || decision.kind === "open-gate") {
      const reached = decision.kind === "open-gate" ? null : limitReached(use, limits);
      if (reached !== null) return halt(reached);
      if (decision.kind === "iterate") {
        const agent = state.chosen[decision.agent] ?? decision.agent;
        const limited = ledger.waits[agent];
        if (limited !== undefined && limited.until > use.now) return waitOrHalt(state, agent, limited);
      }
      return decision;
    }
    blocked ??= decision;
    if (list) break;
  }
  return blocked ?? halt({ reason: "stuck", steps: waitingSteps(plan, open) });
}

function decideStep(state: DecideState, byId: ReadonlyMap<string, Step>, step: Step): Decision | "waiting" {
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
      return halt({
        reason: "out-of-budget",
        step: step.id,
        usedUsd: known?.costUsd ?? 0,
        allowedUsd: step.budgetUsd ?? 0,
      });
    case "waiting":
    case "passed":
    case "skipped":
      return "waiting";
  }
}

function workOn(state: DecideState, step: Step, known: StepState | undefined): Decision {
  if (step.type === "gate") return { kind: "open-gate", step };
  if (state.unverifiable.has(step.id)) return halt({ reason: "unverifiable", step: step.id });
  const attempt = (known?.iterations ?? 0) + 1;
  if (step.type === "validation") return { kind: "validate", step, attempt, carry: null, parked: null };
  const parked = parkedWork(step, known);
  if (parked !== null) return { kind: "validate", step, attempt, ...parked };
  return { kind: "iterate", step, attempt, agent: agentFor(step, state.agent), carry: carryFor(step, known) };
}

/** The name of the step's agent: what the command line forces, except where the step is a command or a tape. */
export function agentFor(step: Step, forced: string | null): string {
  const own = step.agent ?? (step.command === undefined ? null : "command");
  return own === "command" || own === "tape" ? own : forced ?? own ?? "auto";
}

/**
 * The work that the next attempt starts from, or `null` for the branch: forced after tampering, after two equal
 * failures in a row, and after a person rejected or reopened the step (the ledger drops the work then).
 */
export function carryFor(step: Step, known: StepState | undefined): StepState["carry"] {
  if (known === undefined || step.carry === "none") return null;
  const last = known.recent.at(-1);
  if (last?.outcome === "tampered") return null;
  const before = known.recent.at(-2);
  if (last !== undefined && last.fingerprint !== "" && last.fingerprint === before?.fingerprint) return null;
  return known.carry;
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

function limitReached(use: RunUse, limits: RunLimits): Halt | null {
  const checks = [
    { limit: "iterations", used: use.iterations, allowed: limits.iterations },
    { limit: "time", used: use.now - use.startedAt, allowed: limits.timeMs },
    { limit: "money", used: use.costUsd, allowed: limits.usd },
    { limit: "tokens", used: use.tokens, allowed: limits.tokens },
  ] as const;
  for (const { limit, used, allowed } of checks) {
    if (allowed !== null && used >= allowed) return { reason: "limit", limit, used, allowed };
  }
  return null;
}

function waitOrHalt(state: DecideState, agent: string, limited: { until: number; why: string }): Decision {
  const { use, limits } = state;
  const remaining = limits.timeMs === null ? Infinity : use.startedAt + limits.timeMs - use.now;
  const waitMs = limited.until - use.now;
  if (use.waitedMs + waitMs > limits.maxWaitMs || waitMs > remaining) {
    return halt({ reason: "agent-limited", agent, until: limited.until, maxWaitMs: limits.maxWaitMs });
  }
  return { kind: "wait", agent, until: limited.until, why: limited.why };
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
