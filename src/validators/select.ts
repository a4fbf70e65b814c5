import { globMatcher } from "../model/glob.ts";
import type { Step } from "../model/plan.ts";
import { criterionId, type Validator } from "../model/validator.ts";

/**
 * A validator that runs for a change. `named` when the step itself asks for it: then it blocks whatever the base was.
 * `guards` are the earlier steps that passed on it, in their order.
 */
export interface Selected {
  validator: Validator;
  named: boolean;
  guards: string[];
}

type Asks = Pick<Step, "id" | "validators" | "produces" | "completionCriteria" | "retires" | "trust" | "type">;

/**
 * What runs for a change of these paths: all that the step names, its criteria, and of the others those without
 * `paths` and those whose `paths` match, unless the step retires them. `unknown` holds names that no validator has.
 */
export function selectValidators(
  step: Asks,
  validators: readonly Validator[],
  changed: readonly string[],
): { selected: Selected[]; unknown: string[] } {
  const names = new Set(step.validators);
  const selected = [...validators, ...criteriaOf(step)]
    .map((validator) => ({ validator, named: isNamed(validator, step, names), guards: [] }))
    .filter(({ validator, named }) => named || (!isRetired(validator, step) && concerns(validator, step, changed)));
  const known = new Set(validators.map(({ id }) => id));
  return { selected, unknown: [...names].filter((name) => !known.has(name)) };
}

/**
 * Whether anything can verify the step: a validator that it names, a criterion, something it must produce, or any
 * validator of the repository with a command. What only keeps files tidy verifies nothing.
 */
export function verifiable(step: Asks, validators: readonly Validator[]): boolean {
  if (step.type === "gate" || step.trust === "agent") return true;
  // Asked of every open step before every decision: what is most likely comes first, and nothing is compiled.
  if (validators.some((one) => one.command !== undefined && one.paths?.length !== 0 && !isRetired(one, step))) {
    return true;
  }
  if ((step.completionCriteria ?? []).length > 0) return true;
  const names = new Set(step.validators);
  return validators.some((one) => isNamed(one, step, names) && !isHygiene(one));
}

/** Validators that find damage and prove nothing: green ones are no evidence. */
export function isHygiene(validator: Validator): boolean {
  return validator.builtin !== undefined && validator.builtin !== "produces";
}

/** The step's `completionCriteria` as validators that it names. */
export function criteriaOf(step: Pick<Step, "id" | "completionCriteria">): Validator[] {
  return (step.completionCriteria ?? []).map((command, index) => ({
    id: criterionId(step.id, index),
    origin: "step",
    command,
    timeoutMinutes: 10,
    protects: [],
  }));
}

/** What a step declares to produce is its own demand, whether or not it names the validator that looks for it. */
function isNamed(validator: Validator, step: Asks, names: ReadonlySet<string>): boolean {
  if (validator.origin === "step" || names.has(validator.id)) return true;
  return validator.builtin === "produces" && (step.produces ?? []).length > 0;
}

function isRetired({ id }: Validator, { retires }: Asks): boolean {
  return retires?.includes(id) ?? false;
}

function concerns(validator: Validator, step: Asks, changed: readonly string[]): boolean {
  if (validator.builtin === "produces") return (step.produces ?? []).length > 0;
  return validator.paths === undefined || changed.some(globMatcher(validator.paths));
}
