import type { StepStatus } from "../model/event.ts";
import type { LedgerState } from "../model/ledger.ts";
import { inOrder, isList } from "../model/order.ts";
import type { Plan, Step } from "../model/plan.ts";
import { openBreaker } from "./breaker.ts";
import { indexSteps, isSettled, statusOf } from "./ready.ts";

/**
 * Where steps stand for people, which is what `decide` makes of it: in a plan that is a list nothing is ready
 * behind the first open step, what nothing can verify is blocked, and an open breaker stops its step.
 * `chosen` is what `auto` came to last.
 */
export function viewOf(
  plan: Plan,
  ledger: LedgerState,
  unverifiable: ReadonlySet<string>,
  asked: { now: number; chosen: Readonly<Record<string, string>> },
): (step: Step) => StepStatus {
  const byId = indexSteps(plan);
  const first = isList(plan) ? inOrder(plan).find((step) => !isSettled(plan, step)) : undefined;
  return (step) => {
    if (!isSettled(plan, step) && first !== undefined && step !== first) return "waiting";
    const status = statusOf(plan, byId, ledger, step);
    if (status !== "ready" || step.type === "gate") return status;
    if (unverifiable.has(step.id)) return "blocked";
    return openBreaker(ledger, step, { agent: null, ...asked }) === null ? "ready" : "breaker";
  };
}
