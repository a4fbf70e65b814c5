import { indexSteps, isSettled, statusOf } from "../loop/ready.ts";
import type { LedgerState } from "../model/ledger.ts";
import { earlierThan, isList } from "../model/order.ts";
import type { Plan, Step } from "../model/plan.ts";

/**
 * Why a gate can't be decided now, or `null`. Pure. A person decides on what is there to be seen: everything that the gate
 * waits for is done, and in a plan without `needs` that is every step before it.
 */
export function whyNotDecidable(plan: Plan, ledger: LedgerState, step: Step): string | null {
  if (step.type !== "gate") return `${step.id} is not a gate: it is a step of type "${step.type}"`;
  if (step.passes) return `${step.id} is already open`;
  const status = statusOf(plan, indexSteps(plan), ledger, step);
  if (status === "skipped") return `${step.id} is left out: its condition does not hold`;
  const before = isList(plan) ? earlierThan(plan, step.id) : plan.steps.filter(({ id }) => step.needs.includes(id));
  const open = before.filter((other) => !isSettled(plan, other)).map(({ id }) => id);
  if (open.length > 0) {
    return `${step.id} is not reached yet: ${open.join(", ")} ${open.length === 1 ? "is" : "are"} not done`;
  }
  if (plan.planId === undefined) return `${step.id} is not reached yet: no run of this plan has begun`;
  return status === "waiting" ? `${step.id} is not reached yet: the decision "${step.when?.field}" is open` : null;
}
