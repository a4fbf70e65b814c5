import type { Rejection } from "../model/gate.ts";
import type { AttemptRecord, StepState } from "../model/ledger.ts";
import type { Plan, Step } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import type { RedFirst } from "../model/verdict.ts";
import { describeValidator, entryLine } from "./plan-part.ts";
import { cutTo, type Section } from "./sections.ts";

export interface StepPartInput {
  plan: Plan;
  planPath: string;
  progressPath: string;
  step: Step;
  attempt: number;
  maxAttempts: number;
  /** The attempt whose work lies in the lane, `null` for a clean start. */
  carry: number | null;
  /** What the step's own validators said before the work. */
  redFirst: RedFirst | null;
  state: StepState | null;
  /** What people said no to at gates that build on this step. */
  rejections: readonly Rejection[];
  validators: readonly Validator[];
  /** Entries of progress.txt that matter for this step. */
  entries: string;
  /** Guides (AGENTS.md, CLAUDE.md) near the work. */
  guides: readonly string[];
}

/** The step's part of a brief, the last one: what to do, how it is checked, what was tried. */
export function stepSections(input: StepPartInput): Section[] {
  const inPlan = `see step ${input.step.id} in ${input.planPath}`;
  return [
    { name: "step", text: aboutStep(input), cap: 10_240, rest: inPlan, yields: 1 },
    { name: "criteria", text: aboutCriteria(input), cap: 6144, rest: inPlan, yields: 0 },
    { name: "people", text: aboutPeople(input), cap: 4096, rest: "", yields: 2 },
    { name: "attempts", text: aboutAttempts(input), cap: 9216, rest: `see ${input.progressPath}`, yields: 3 },
    {
      name: "progress",
      text: input.entries === "" ? "" : `## From ${input.progressPath}\n\n${input.entries}`,
      cap: 7168,
      rest: `see ${input.progressPath}`,
      yields: 4,
    },
    { name: "guides", text: aboutGuides(input.guides), cap: 1024, rest: "", yields: 5 },
  ];
}

function aboutStep({ plan, step, attempt, maxAttempts, state, carry }: StepPartInput): string {
  const titles = new Map(plan.steps.map(({ id, title }) => [id, title]));
  const counted = (state?.attempts ?? 0) + 1;
  const facts = [
    `- Attempt: ${attempt}${maxAttempts > 0 ? ` (${counted} of the ${maxAttempts} that may fail)` : ""}`,
    carry === null
      ? "- The files are those of the branch."
      : `- The files hold the unfinished work of attempt ${carry}, on top of the branch. Look at it (\`git status\`) and go on.`,
    ...step.role === undefined ? [] : [`- Your role: ${step.role}`],
    ...step.needs.slice(0, 20).map((id) => `- Builds on ${id}: ${entryLine(titles.get(id) ?? "")}`),
    ...step.paths === undefined ? [] : [`- Only these paths may change: ${step.paths.join(", ")}`],
    ...step.retires === undefined ? [] : [`- Validators that this step may break for good: ${step.retires.join(", ")}`],
    ...step.produces === undefined ? [] : [`- These files must exist at the end: ${step.produces.join(", ")}`],
  ];
  return [
    `# Your step: ${step.id} - ${entryLine(step.title)}`,
    "",
    ...facts,
    ...step.description.trim() === "" ? [] : ["", step.description.trim()],
    ...step.notes.trim() === "" ? [] : ["", `Notes: ${step.notes.trim()}`],
  ].join("\n");
}

function aboutCriteria({ step, validators, redFirst }: StepPartInput): string {
  const named = new Set(step.validators);
  const own = validators.filter(({ id }) => named.has(id)).map(describeValidator);
  const commands = (step.completionCriteria ?? []).map((command) => `- \`${entryLine(command)}\``);
  return [
    ...step.acceptanceCriteria.length === 0
      ? []
      : ["## Acceptance criteria", "", ...step.acceptanceCriteria.map((criterion) => `- ${criterion.trim()}`)],
    ...own.length + commands.length === 0 ? [] : ["", "## What must pass for this step", "", ...own, ...commands],
    ...redFirst === null || redFirst.kind === "red" ? [] : ["", unproving(redFirst)],
  ].join("\n").trimStart();
}

function unproving(found: Exclude<RedFirst, { kind: "red" }>): string {
  const which = found.validators.join(", ");
  const how = found.kind === "vacuous"
    ? `${which}: green already before your work, so being green afterwards proves nothing.`
    : `${which}: red before your work, but not as the step demands (output that matches \`${found.matches}\`).`;
  return `${how} Add or change a test that fails without your change; if the step is done already, change nothing and say so.`;
}

function aboutPeople({ state, rejections }: StepPartInput): string {
  const said = [
    ...(state?.answers ?? []).slice(-5).map(({ question, answer, by }) =>
      `- Asked: ${entryLine(question)}\n  Answer (${entryLine(by)}): ${answer.trim()}`
    ),
    ...(state?.remarks ?? []).map((remark) => `- ${remark.trim()}`),
    ...rejections.map(({ gate, by, note }) => `- Rejected at ${gate} (${entryLine(by)}): ${note.trim()}`),
  ];
  if (said.length === 0) return "";
  return `## What people said\n\nThis has priority over everything else about the step.\n\n${said.join("\n")}`;
}

/** The newest attempt in full, the others in a line and a little: what they taught is in the newest or in progress.txt. */
function aboutAttempts({ state }: StepPartInput): string {
  const recent = state?.recent.toReversed() ?? [];
  if (recent.length === 0) return "";
  const repeated = recent.length > 1 && recent[0]?.fingerprint !== "" &&
    recent[0]?.fingerprint === recent[1]?.fingerprint;
  return [
    "## Attempts so far, the newest first",
    ...repeated ? ["", "The last two failed in the same way. Do not do the same again: look for another cause."] : [],
    ...recent.flatMap((attempt, index) => ["", aboutAttempt(attempt, index === 0 ? 4096 : 1024)]),
  ].join("\n");
}

function aboutAttempt({ attempt, outcome, summary, feedback }: AttemptRecord, most: number): string {
  const head = `Attempt ${attempt}: ${outcome}${summary === "" ? "" : ` (${entryLine(summary)})`}`;
  return feedback.trim() === "" ? head : `${head}\n\n${fenced(cutTo(feedback.trim(), most, ""))}`;
}

/** Output may hold fences itself. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`{3,}/g)].map(([fence]) => fence.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

function aboutGuides(guides: readonly string[]): string {
  return guides.length === 0 ? "" : ["## Read before you start", "", ...guides.map((path) => `- ${path}`)].join("\n");
}
