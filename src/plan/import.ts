import type { Problem } from "../model/plan.ts";
import { convert, layoutOf } from "./dialect.ts";
import { type Found, readMarkdown } from "./import-markdown.ts";
import { parseJson } from "./json.ts";
import { readPlan } from "./read.ts";

/** A foreign plan in our format. `validators` are its plan-wide commands, as entries for registries/validators.json. */
export type PlanImported =
  | { ok: true; text: string; validators: Record<string, { command: string }>; changes: string[] }
  | { ok: false; problems: Problem[] };

/**
 * Turns a plan of another tool into the text of a `prd.json`: any JSON dialect that `readPlan` knows, a bare list of tasks,
 * or markdown. Steps without an id get one; keys of other tools are kept. The text is one that `readPlan` accepts.
 */
export function importPlan(text: string, file: string): PlanImported {
  const found = /^\s*[[{]/.test(text.replace(/^\uFEFF/, ""))
    ? readJson(text, file)
    : { ok: true as const, found: readMarkdown(text) };
  if (!found.ok) return found;
  const { root, steps, commands, changes } = found.found;
  if (steps.length === 0) {
    const hint = "Steps are headings such as `### US-001: Title`, or lines such as `- [ ] Do this`";
    return { ok: false, problems: [{ file, path: "", line: null, message: "No steps were found in this file", hint }] };
  }
  const finished = finish(root, steps);
  const plan = `${JSON.stringify(finished.plan, null, 2)}\n`;
  const checked = readPlan(plan, file);
  // The lines are those of the new text, which nobody has seen.
  if (!checked.ok) return { ok: false, problems: checked.problems.map((problem) => ({ ...problem, line: null })) };
  return { ok: true, text: plan, validators: asValidators(commands), changes: [...changes, ...finished.changes] };
}

function readJson(text: string, file: string): { ok: true; found: Found } | { ok: false; problems: Problem[] } {
  const parsed = parseJson(text, file);
  if (!parsed.ok) return parsed;
  if (Array.isArray(parsed.document.value)) {
    const wrapped = readJson(JSON.stringify({ tasks: parsed.document.value }), file);
    return wrapped.ok
      ? wrapped
      : { ok: false, problems: wrapped.problems.map((problem) => ({ ...problem, line: null })) };
  }
  const layout = layoutOf(parsed.document);
  if (!layout.ok) return { ok: false, problems: [layout.problem] };
  const { raw, changes, problems } = convert(parsed.document, layout.layout);
  if (problems.length > 0) return { ok: false, problems };
  const { steps, qualityGates, ...root } = raw;
  const commands = Array.isArray(qualityGates) ? qualityGates.filter((gate) => typeof gate === "string") : [];
  return { ok: true, found: { root, steps: (steps as unknown[]).map(asRecord), commands, changes } };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : { title: value };
}

/** Puts our keys first, in snarktank's order, and fills in what every step has there. */
function finish(
  root: Record<string, unknown>,
  steps: readonly Record<string, unknown>[],
): { plan: Record<string, unknown>; changes: string[] } {
  const changes: string[] = [];
  const ids = newIds(steps);
  const given = steps.filter(({ id }, index) => id !== ids[index]).length;
  if (given > 0) changes.push(`Gave an id to ${given} ${given === 1 ? "step" : "steps"}`);
  const renamed = new Map(steps.map(({ id }, index) => [String(id), ids[index] ?? ""]));
  const { project, branchName, description, ...others } = root;
  const slug = (typeof project === "string" ? project : "").toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(
    /^-|-$/g,
    "",
  ).slice(0, 60);
  if (branchName === undefined && slug !== "") changes.push(`Named the branch \`ralph/${slug}\``);
  const userStories = steps.map((step, index) => {
    const {
      id: _id,
      title,
      description: text = "",
      acceptanceCriteria = [],
      priority,
      passes = false,
      notes = "",
      needs,
      ...rest
    } = step;
    return {
      id: ids[index],
      title: title ?? firstLine(text),
      description: text,
      acceptanceCriteria: typeof acceptanceCriteria === "string" ? [acceptanceCriteria] : acceptanceCriteria,
      priority: priorityOf(priority) ?? index + 1,
      passes,
      notes,
      ...Array.isArray(needs) ? { needs: needs.map((need) => renamed.get(String(need)) ?? need as unknown) } : {},
      ...rest,
    };
  });
  const branch = branchName ?? (slug === "" ? undefined : `ralph/${slug}`);
  return { plan: { project, branchName: branch, description: description ?? "", ...others, userStories }, changes };
}

/** Keeps good ids; others become `US-001` and so on, never one that is taken. */
function newIds(steps: readonly Record<string, unknown>[]): string[] {
  const taken = new Set(steps.map(({ id }) => String(id).toLowerCase()));
  let next = 1;
  return steps.map(({ id }) => {
    if (typeof id === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id)) return id;
    for (;; next += 1) {
      const made = `US-${String(next).padStart(3, "0")}`;
      if (taken.has(made.toLowerCase())) continue;
      taken.add(made.toLowerCase());
      return made;
    }
  });
}

const priorityWords = ["critical", "high", "medium", "low"];

function priorityOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  const word = typeof value === "string" ? value.toLowerCase() : "";
  const number = /^p?(\d+)$/.exec(word)?.[1];
  if (number !== undefined) return Number(number);
  return priorityWords.includes(word) ? priorityWords.indexOf(word) : null;
}

function firstLine(text: unknown): string | undefined {
  return typeof text === "string" && text.trim() !== "" ? text.trim().split("\n")[0]?.slice(0, 100) : undefined;
}

function asValidators(commands: readonly string[]): Record<string, { command: string }> {
  return Object.fromEntries(commands.map((command) => {
    const name = command.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
    return [name === "" ? "check" : name.slice(0, 60), { command }];
  }));
}
