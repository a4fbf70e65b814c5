import type { StepStatus } from "../model/event.ts";
import type { LedgerState, StepState } from "../model/ledger.ts";
import type { Plan, Step } from "../model/plan.ts";
import { stepReached } from "./limits.ts";

/** Attempts a step gets when neither it nor the plan's `defaults` say (the squad's fix cycle has the same cap). */
export const defaultMaxAttempts = 5;

/** How many attempts a step may use. */
export function maxAttemptsOf(step: Step): number {
  return step.maxAttempts ?? defaultMaxAttempts;
}

/** Whether `when` excludes the step from this plan's course. A condition on an undecided field excludes nothing yet. */
export function isSkipped(plan: Plan, step: Step): boolean {
  if (step.when === undefined) return false;
  const decided = plan.decisions[step.when.field];
  return decided !== undefined && decided !== step.when.equals;
}

/** Whether nothing is left to do about the step. */
export function isSettled(plan: Plan, step: Step): boolean {
  return step.passes || isSkipped(plan, step);
}

/**
 * Where one step stands. Pure; a step is `ready` when its needs are settled and nothing blocks it.
 * `byId` is passed in so that a plan of thousands of steps is indexed once.
 */
export function statusOf(
  plan: Plan,
  byId: ReadonlyMap<string, Step>,
  ledger: LedgerState,
  step: Step,
): Exclude<StepStatus, "breaker"> {
  if (step.passes) return "passed";
  if (isSkipped(plan, step)) return "skipped";
  const needs = step.needs.map((id) => byId.get(id));
  if (needs.some((need) => need === undefined || !isSettled(plan, need))) return "waiting";
  if (undecided(plan, step)) return "waiting";
  const state = ledger.steps[step.id];
  if (step.type === "gate") return state?.gate?.state === "approved" ? "ready" : "gate";
  if (state !== undefined) return blockOf(state, step);
  return "ready";
}

function undecided(plan: Plan, step: Step): boolean {
  return step.when !== undefined && plan.decisions[step.when.field] === undefined;
}

function blockOf(state: StepState, step: Step): "question" | "blocked" | "out-of-attempts" | "ready" {
  if (state.question !== null) return "question";
  if (state.blocked !== null) return "blocked";
  if (stepReached(step, state) !== null) return "blocked";
  return state.attempts >= maxAttemptsOf(step) ? "out-of-attempts" : "ready";
}

/** The plan's steps by id. */
export function indexSteps(plan: Plan): Map<string, Step> {
  return new Map(plan.steps.map((step) => [step.id, step]));
}
