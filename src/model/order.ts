import type { Plan, Step } from "./plan.ts";

/** Steps in the order in which they are taken: priority (none counts last), then file order. */
export function inOrder(plan: Plan): Step[] {
  return plan.steps
    .map((step, index) => ({ step, index }))
    .toSorted((a, b) =>
      (a.step.priority ?? Number.MAX_SAFE_INTEGER) - (b.step.priority ?? Number.MAX_SAFE_INTEGER) ||
      a.index - b.index
    )
    .map(({ step }) => step);
}

/** Whether the order is all that the plan says about what builds on what: no step declares `needs`. */
export function isList(plan: Plan): boolean {
  return plan.steps.every(({ needs }) => needs.length === 0);
}

/** The steps before the given one in that order. */
export function earlierThan(plan: Plan, stepId: string): Step[] {
  const order = inOrder(plan);
  return order.slice(0, Math.max(0, order.findIndex(({ id }) => id === stepId)));
}
