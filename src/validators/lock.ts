import type { Collected } from "../loop/ports.ts";
import { globMatcher } from "../model/glob.ts";
import { inOrder } from "../model/order.ts";
import type { Plan, Step } from "../model/plan.ts";
import { producesId, type Validator } from "../model/validator.ts";
import { criteriaOf, type Selected } from "./select.ts";

/**
 * What runs for a change, with what earlier steps passed on: their criteria, what they produced (when a file of it is
 * gone), and the names of those steps at each validator that they named. Equal commands run once. What the step or a
 * step that passed later retires guards nothing any more.
 */
export function lockPassed(
  plan: Plan,
  step: Pick<Step, "id" | "retires">,
  selected: readonly Selected[],
  changed: Collected["changed"],
): Selected[] {
  const byId = new Map(selected.map((one) => [one.validator.id, { ...one, guards: [...one.guards] }]));
  const byCommand = new Map([...byId.values()].map((one) => [one.validator.command ?? one.validator.id, one]));
  const gone = changed.filter(({ status }) => status === "deleted" || status === "type-changed");
  const retired = new Set(step.retires);
  // From the last one back: what a step retires is what passed before it.
  const passed = inOrder(plan).filter((one) => one.passes && one.id !== step.id && one.type !== "gate").toReversed();
  for (const earlier of passed) {
    for (const id of earlier.validators ?? []) if (!retired.has(id)) byId.get(id)?.guards.unshift(earlier.id);
    for (const validator of ownOf(earlier, gone)) {
      if (retired.has(validator.id)) continue;
      const key = validator.command ?? validator.id;
      const one = byCommand.get(key) ?? { validator, named: false, guards: [] };
      if (!one.guards.includes(earlier.id)) one.guards.unshift(earlier.id);
      byCommand.set(key, one);
      if (!byId.has(one.validator.id)) byId.set(one.validator.id, one);
    }
    for (const id of earlier.retires ?? []) retired.add(id);
  }
  return [...byId.values()];
}

/** A validator that runs only because a step that passed rests on it. Green ones prove nothing about this change. */
export function isLock({ validator, named }: Pick<Selected, "validator" | "named">): boolean {
  return validator.origin === "step" && !named;
}

function ownOf(step: Step, gone: Collected["changed"]): Validator[] {
  const produces = step.produces ?? [];
  const isLost = produces.length > 0 && gone.some(({ path }) => globMatcher(produces)(path));
  if (!isLost) return criteriaOf(step);
  const kept: Validator = {
    id: producesId(step.id),
    origin: "step",
    builtin: "produces",
    paths: produces,
    timeoutMinutes: 10,
    protects: [],
  };
  return [...criteriaOf(step), kept];
}
