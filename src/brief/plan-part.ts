import type { Plan } from "../model/plan.ts";
import { shortLine } from "../model/text.ts";
import type { Validator } from "../model/validator.ts";
import type { Section } from "./sections.ts";

/** What the plan's part is made of. Nothing in it depends on the step or on the attempt. */
export interface PlanPartInput {
  plan: Plan;
  planPath: string;
  progressPath: string;
  branch: string;
  validators: readonly Validator[];
  patterns: string;
  /** The person's own prompt for a Ralph loop, when one lies beside the plan. */
  ownPrompt: { path: string; text: string } | null;
}

/** How many passed steps and how many open ones the overview names: it must not grow with the plan. */
const lastPassed = 6;
const nextOpen = 10;

/** The plan's part of a brief: the same for every iteration on the same state of the plan. */
export function planSections(input: PlanPartInput): Section[] {
  const { plan, ownPrompt } = input;
  return [
    { name: "plan", text: aboutPlan(input), cap: 4096, rest: `see ${input.planPath}`, yields: 4 },
    { name: "overview", text: overview(plan), cap: 3072, rest: `see ${input.planPath}`, yields: 6 },
    { name: "validators", text: aboutValidators(input.validators), cap: 4096, rest: "", yields: 3 },
    {
      name: "patterns",
      text: input.patterns === "" ? "" : `## Codebase Patterns\n\n${input.patterns}`,
      cap: 6144,
      rest: `see ${input.progressPath}`,
      yields: 2,
    },
    {
      name: "own-prompt",
      text: ownPrompt === null ? "" : aboutOwnPrompt(ownPrompt),
      cap: 8192,
      rest: ownPrompt === null ? "" : `see ${ownPrompt.path}`,
      yields: 5,
    },
  ];
}

function aboutPlan({ plan, planPath, progressPath, branch }: PlanPartInput): string {
  const lines = [
    `# The plan${plan.project === undefined ? "" : `: ${plan.project}`}`,
    "",
    `- Plan: ${planPath}`,
    `- Progress: ${progressPath}`,
    `- Branch: ${branch}`,
    ...plan.cwd === undefined ? [] : [`- Folder of the work: ${plan.cwd}`],
    ...Object.entries(plan.decisions).map(([field, value]) => `- Decided: ${field} = ${String(value)}`),
  ];
  return plan.description.trim() === "" ? lines.join("\n") : `${lines.join("\n")}\n\n${plan.description.trim()}`;
}

function overview(plan: Plan): string {
  const passed = plan.steps.filter((step) => step.passes);
  const open = plan.steps.filter((step) => !step.passes);
  const lines = (steps: Plan["steps"]) => steps.map(({ id, title }) => `- ${id}: ${entryLine(title)}`);
  const older = passed.length - lastPassed;
  const later = open.length - nextOpen;
  return [
    `## Steps: ${passed.length} of ${plan.steps.length} passed`,
    ...passed.length === 0 ? [] : ["", "Passed last in the list:", ...lines(passed.slice(-lastPassed))],
    ...older > 0 ? [`- (and ${older} before them)`] : [],
    ...open.length === 0 ? [] : ["", "Open:", ...lines(open.slice(0, nextOpen))],
    ...later > 0 ? [`- (and ${later} more)`] : [],
  ].join("\n");
}

function aboutValidators(validators: readonly Validator[]): string {
  if (validators.length === 0) return "";
  return [
    "## Validators of this repository",
    "",
    "The runner runs those whose paths match what you changed, and those without paths:",
    "",
    ...validators.map(describeValidator),
  ].join("\n");
}

/** One validator in a line: what it runs, when, and what it guards. */
export function describeValidator(validator: Validator): string {
  const { id, title, command, builtin, paths, protects } = validator;
  const facts = [
    ...title === undefined ? [] : [entryLine(title)],
    ...paths === undefined ? [] : [`for ${paths.join(", ")}`],
    ...protects.length === 0 ? [] : [`protects ${protects.join(", ")}`],
  ];
  const what = command === undefined ? `built in (${builtin})` : `\`${entryLine(command)}\``;
  return `- ${id}: ${what}${facts.length === 0 ? "" : ` (${facts.join("; ")})`}`;
}

function aboutOwnPrompt({ path, text }: { path: string; text: string }): string {
  return [
    `## The person's own instructions (${path})`,
    "",
    "Written for a loop without a runner. They hold, except for what the runner has taken over: which step to do, the",
    "branch, commits on it, `passes`, and when to stop. Where they differ from the first part of this brief, that part wins.",
    "",
    "<instructions>",
    text.trim(),
    "</instructions>",
  ].join("\n");
}

/** What a person wrote, as one entry of a list. */
export function entryLine(text: string): string {
  return shortLine(text, 300);
}
