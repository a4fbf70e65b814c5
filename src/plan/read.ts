import { type Plan, planSchema, type Problem } from "../model/plan.ts";
import { planProblems, type ProblemAt } from "./check.ts";
import { convert, fileSegments, layoutOf } from "./dialect.ts";
import { issueProblems } from "./issues.ts";
import { parseJson, problemAt } from "./json.ts";
import { mistypedKeys } from "./known-keys.ts";

/** A plan that holds, with the sentences that say what was converted from another dialect; or all that is wrong with it. */
export type PlanRead = { ok: true; plan: Plan; changes: string[] } | { ok: false; problems: Problem[] };

/**
 * Reads a plan of any accepted dialect. `defaults` are applied to every step. Problems come all at once, in file order,
 * with paths in the spelling of the file and lines from 1.
 */
export function readPlan(text: string, file: string): PlanRead {
  const parsed = parseJson(text, file);
  if (!parsed.ok) return parsed;
  const { document } = parsed;
  const found = layoutOf(document);
  if (!found.ok) return { ok: false, problems: [found.problem] };
  const { layout } = found;
  const { raw, changes, problems } = convert(document, layout);
  const segments = (path: readonly PropertyKey[]) => fileSegments(layout, path);
  const at: ProblemAt = (path, message, hint) => problemAt(document, segments(path), message, hint);
  problems.push(...mistypedKeys(document, layout), ...planProblems(raw, at));
  const checked = planSchema.safeParse(raw);
  if (!checked.success) problems.push(...issueProblems({ document, segments, value: raw }, checked.error.issues));
  if (!checked.success || problems.length > 0) return { ok: false, problems: inFileOrder(problems) };
  return { ok: true, plan: withDefaults(checked.data), changes };
}

function inFileOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

function withDefaults(plan: Plan): Plan {
  if (Object.keys(plan.defaults).length === 0) return plan;
  return { ...plan, steps: plan.steps.map((step) => ({ ...plan.defaults, ...step })) };
}
