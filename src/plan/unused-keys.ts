import type { Plan, Step } from "../model/plan.ts";

/** A key that is read and checked, and changes nothing yet. */
export interface UnusedKey {
  key: string;
  /** The open steps that have it, also by `defaults`; empty for a key of the plan itself. */
  steps: string[];
}

/** The keys of a plan that nothing rests on yet. One that gets its effect leaves this table and the notice with it. */
const ofPlan: readonly { key: string; isSet: (plan: Plan) => boolean }[] = [
  { key: "workflow", isSet: ({ workflow }) => workflow !== undefined },
];

/** The same for keys of a step. */
const ofStep: readonly { key: string; isSet: (step: Step) => boolean }[] = [
  { key: "tier", isSet: ({ tier }) => tier !== undefined },
  { key: "workflow", isSet: ({ workflow }) => workflow !== undefined },
  { key: "onFail", isSet: ({ onFail }) => onFail !== undefined },
  { key: 'gate.kind: "validation"', isSet: ({ gate }) => gate?.kind === "validation" },
];

/** The keys of this plan that change nothing yet, so that nobody relies on them. Steps that passed are past it. */
export function unusedKeys(plan: Plan): UnusedKey[] {
  const open = plan.steps.filter(({ passes }) => !passes);
  return [
    ...ofPlan.flatMap(({ key, isSet }) => isSet(plan) ? [{ key, steps: [] }] : []),
    ...ofStep.flatMap(({ key, isSet }) => {
      const steps = open.filter(isSet).map(({ id }) => id);
      return steps.length === 0 ? [] : [{ key, steps }];
    }),
  ];
}
