import type { RedFirstRequest } from "../loop/validator-port.ts";
import type { Step } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import type { RedFirst } from "../model/verdict.ts";
import type { Execution } from "./attribute.ts";
import { isHygiene, selectValidators } from "./select.ts";

/** The validators that the step itself names and that could prove it; none when its `redFirst` is off. */
export function ownValidators(step: Step, validators: readonly Validator[]): Validator[] {
  if (step.redFirst === false) return [];
  return selectValidators(step, validators, []).selected
    .filter(({ validator, named }) => named && !isHygiene(validator))
    .map(({ validator }) => validator);
}

/** Whether a red run is red in the way that the step demands; without a demand every red one is. */
export function isExpected({ redFirst }: Pick<Step, "redFirst">, { digest }: Pick<Execution, "digest">): boolean {
  return typeof redFirst !== "object" || new RegExp(redFirst.matches, "m").test(digest);
}

/** What the runs before the work say; `null` when nothing ran to its end. */
export function redFirstOf(
  { step }: Pick<RedFirstRequest, "step">,
  runs: ReadonlyMap<string, Execution>,
): RedFirst | null {
  const ended = [...runs].filter(([, { exit }]) => exit.kind !== "spawn-failed");
  if (ended.length === 0 || ended.length < runs.size) return null;
  const red = ended.filter(([, { status }]) => status !== "pass");
  if (red.length === 0) return { kind: "vacuous", validators: ended.map(([id]) => id) };
  if (red.some(([, execution]) => isExpected(step, execution))) return { kind: "red" };
  const matches = typeof step.redFirst === "object" ? step.redFirst.matches : "";
  return { kind: "other-red", validators: red.map(([id]) => id), matches };
}
