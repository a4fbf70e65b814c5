import type { Plan, Problem } from "../model/plan.ts";
import { criterionId, producesId } from "../model/validator.ts";
import { fileSegments, layoutOf } from "../plan/dialect.ts";
import { hasKey, parseJson, problemAt } from "../plan/json.ts";
import { nearName } from "../plan/names.ts";

/** The names that steps may use. */
export interface KnownNames {
  agents: readonly string[];
  validators: readonly string[];
}

interface Reference {
  step: number;
  key: "agent" | "validators" | "retires";
  index: number | null;
  name: string;
}

/**
 * Names of agents and validators in the plan that no registry declares, each at its place in the file. Steps that passed
 * are not checked: what they named may have been retired since. `auto` is always an agent. `retires` may also name what
 * a step brings itself: `US-001:criterion-1`, `US-001:produces`.
 */
export function checkReferences(
  plan: Plan,
  source: { text: string; file: string },
  known: KnownNames,
): Problem[] {
  const ofSteps = plan.steps.flatMap(({ id, completionCriteria = [], produces = [] }) => [
    ...completionCriteria.map((_, index) => criterionId(id, index)),
    ...produces.length === 0 ? [] : [producesId(id)],
  ]);
  const names = {
    agent: new Set(["auto", ...known.agents]),
    validators: new Set(known.validators),
    retires: new Set([...known.validators, ...ofSteps]),
  };
  const unknown = plan.steps.flatMap((step, index): Reference[] => {
    if (step.passes) return [];
    const { agent: named = [] } = step;
    const agents = [named].flat().map((name, place): Reference => ({
      step: index,
      key: "agent",
      index: Array.isArray(named) ? place : null,
      name,
    }));
    const validators = (["validators", "retires"] as const).flatMap((key) =>
      (step[key] ?? []).map((name, place): Reference => ({ step: index, key, index: place, name }))
    );
    return [...agents, ...validators].filter(({ key, name }) => !names[key].has(name));
  });
  if (unknown.length === 0) return [];
  const parsed = parseJson(source.text, source.file);
  const found = parsed.ok ? layoutOf(parsed.document) : null;
  if (!parsed.ok || !found?.ok) {
    throw new Error("Internal error: a plan that was not read successfully has no references");
  }
  const { document } = parsed;
  const problems = unknown.map(({ step, key, index, name }) => {
    const here = fileSegments(found.layout, ["steps", step, key]);
    const place = hasKey(document, here) ? here : fileSegments(found.layout, ["defaults", key]);
    const kind = key === "agent" ? "agent" : "validator";
    const meant = nearName(name, names[key]);
    const hint = meant === null ? `Declare it in registries/${kind}s.json` : `Did you mean \`${meant}\`?`;
    return problemAt(document, index === null ? place : [...place, index], `No ${kind} is called \`${name}\``, hint);
  });
  // What `defaults` names is wrong once, not once per step.
  return [...new Map(problems.map((problem) => [problem.path, problem])).values()];
}
