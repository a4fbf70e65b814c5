import type { Problem } from "../model/plan.ts";
import { branchNameProblem } from "./branch-name.ts";
import { findCycles } from "./cycles.ts";
import { nearName } from "./names.ts";

/** Makes a problem at a path of the plan, in the spelling and with the line of its file. */
export type ProblemAt = (path: readonly PropertyKey[], message: string, hint?: string) => Problem;

/** What the references of a plan rest on, picked from its file even where other parts have the wrong shape. */
interface Outline {
  branchName: string | null;
  decisions: string[];
  steps: StepOutline[];
}

interface StepOutline {
  id: string | null;
  needs: (string | null)[];
  reopens: (string | null)[];
  decision: string | null;
  /** The key that the step's agent cannot do without, when it lacks it. */
  lacks: string | null;
}

/** What a plan can have wrong beyond the shape of its parts: names that collide, references that lead nowhere or in circles. */
export function planProblems(raw: Record<string, unknown>, at: ProblemAt): Problem[] {
  const plan = outline(raw);
  const steps = new Map<string, number>();
  const problems = [...branchProblems(plan, at), ...idProblems(plan, steps, at)];
  plan.steps.forEach((step, index) => void problems.push(...referenceProblems(plan, step, index, steps, at)));
  return [...problems, ...cycleProblems(plan, steps, at)];
}

function outline(raw: Record<string, unknown>): Outline {
  const defaults = record(raw["defaults"]);
  return {
    branchName: text(raw["branchName"]),
    decisions: Object.keys(record(raw["decisions"])),
    steps: list(raw["steps"]).map((value) => {
      const step = record(value);
      const agent = step["type"] === undefined || step["type"] === "agent" ? step["agent"] ?? defaults["agent"] : null;
      return {
        id: text(step["id"]),
        needs: list(step["needs"]).map(text),
        reopens: list(record(step["onFail"])["reopen"]).map(text),
        decision: text(record(step["when"])["field"]),
        lacks: (agent === "command" || agent === "tape") && step[agent] === undefined ? agent : null,
      };
    }),
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function branchProblems({ branchName }: Outline, at: ProblemAt): Problem[] {
  const why = branchName === null ? null : branchNameProblem(branchName);
  if (why === null) return [];
  return [
    at(
      ["branchName"],
      `The branch name ${JSON.stringify(branchName)} ${why}`,
      "Write a name such as `ralph/my-feature`",
    ),
  ];
}

/**
 * Fills `steps` (id to index). Ids that differ only in case collide too: they become names of refs, which are files on
 * some machines.
 */
function idProblems(plan: Outline, steps: Map<string, number>, at: ProblemAt): Problem[] {
  const problems: Problem[] = [];
  const folded = new Map<string, number>();
  plan.steps.forEach(({ id }, index) => {
    if (id === null) return;
    if (!steps.has(id)) steps.set(id, index);
    const first = folded.get(id.toLowerCase());
    if (first === undefined) {
      folded.set(id.toLowerCase(), index);
      return;
    }
    const other = plan.steps[first]?.id ?? "";
    const message = other === id
      ? `The id \`${id}\` is taken`
      : `The id \`${id}\` differs from \`${other}\` only in case`;
    const { path, line } = at(["steps", first, "id"], "");
    problems.push(
      at(["steps", index, "id"], message, `It is also at ${path} (line ${line}): give one of them another id`),
    );
  });
  return problems;
}

function referenceProblems(
  plan: Outline,
  step: StepOutline,
  index: number,
  steps: ReadonlyMap<string, number>,
  at: ProblemAt,
): Problem[] {
  const problems: Problem[] = [];
  const check = (ids: readonly (string | null)[], ...path: string[]): void => {
    ids.forEach((id, place) => {
      if (id === null || steps.has(id)) return;
      const meant = nearName(id, steps.keys());
      const hint = meant === null ? undefined : `Did you mean \`${meant}\`?`;
      problems.push(at(["steps", index, ...path, place], `No step has the id \`${id}\``, hint));
    });
  };
  check(step.needs, "needs");
  check(step.reopens, "onFail", "reopen");
  const { decision, lacks } = step;
  if (decision !== null && !plan.decisions.includes(decision)) {
    const meant = nearName(decision, plan.decisions);
    const hint = meant === null
      ? `Add \`"decisions": { "${decision}": ... }\` to the plan`
      : `Did you mean \`${meant}\`?`;
    problems.push(at(["steps", index, "when", "field"], `\`decisions\` has no field \`${decision}\``, hint));
  }
  if (lacks !== null) {
    problems.push(at(["steps", index, lacks], `\`${lacks}\` is missing: the agent of the step is \`${lacks}\``));
  }
  return problems;
}

/** Shown ids of a long cycle: enough to recognize it. */
const shownCycle = 12;

function cycleProblems(plan: Outline, steps: ReadonlyMap<string, number>, at: ProblemAt): Problem[] {
  const edges = plan.steps.map(({ needs }) =>
    needs.map((id) => (id === null ? undefined : steps.get(id))).filter((index) => index !== undefined)
  );
  return findCycles(edges).map((cycle) => {
    const ids = cycle.map((index) => plan.steps[index]?.id ?? "");
    const first = cycle[0] ?? 0;
    const place = plan.steps[first]?.needs.indexOf(ids[1] ?? ids[0] ?? "") ?? 0;
    const path = ["steps", first, "needs", place];
    if (ids.length === 1) return at(path, `The step \`${ids[0]}\` needs itself`);
    const shown = ids.length > shownCycle ? [...ids.slice(0, shownCycle - 1), `... (${ids.length} steps)`] : ids;
    return at(
      path,
      `Steps need each other in a circle: ${[...shown, ids[0]].join(" needs ")}`,
      "Remove one of these `needs`",
    );
  });
}
