import { gateState, howToGoOnHeading } from "../model/gate.ts";
import type { AttemptRecord, LedgerState, StepState } from "../model/ledger.ts";
import type { Plan, Step } from "../model/plan.ts";
import { shortLine } from "../model/text.ts";

export interface HandoffInput {
  plan: Plan;
  planPath: string;
  progressPath: string;
  ledger: LedgerState;
  branch: string;
  /** The gate, or the step whose agent asks. */
  step: Step;
  /** What the agent asks; `null` at a gate. */
  question: string | null;
  /** How the person started this program, such as `capstan` or `npm run loop --`. Commands to paste begin with it. */
  invocation: string;
}

/** Of each list, how many lines are shown. With the fixed lines the page stays under 60. */
const most = { done: 10, evidence: 6, commits: 6, risks: 6, produced: 6, question: 4 } as const;

interface Done {
  step: Step;
  state: StepState;
  passed: NonNullable<StepState["passed"]>;
}

/**
 * The short page that a person reads at a gate or a question: under 60 lines, six headings, paths and commits instead of
 * contents. Pure: the same plan and ledger give the same page.
 */
export function handoff(input: HandoffInput): string {
  const { step, question } = input;
  const done = doneSinceLastGate(input);
  const sections = [
    ["What was done", whatWasDone(done)],
    ["What to decide", whatToDecide(input)],
    ["Evidence", evidence(done)],
    ["Changes", changes(input, done)],
    ["Risks and open questions", risks(input, done)],
    [howToGoOnHeading, howToGoOn(input)],
  ] as const;
  const title = `# ${question === null ? "Gate" : "Question"} ${step.id}: ${pageLine(step.title, 100)}`;
  return `${[title, ...sections.map(([heading, lines]) => `## ${heading}\n${lines.join("\n")}`)].join("\n\n")}\n`;
}

/** In the order in which they passed. What was approved at an earlier gate is not shown again. */
function doneSinceLastGate({ plan, ledger, step }: HandoffInput): Done[] {
  const lastGate = plan.steps
    .flatMap(({ id, type }) => {
      const gate = type === "gate" && id !== step.id ? ledger.steps[id]?.gate : null;
      return gate?.state === "approved" ? [gate.at] : [];
    })
    .toSorted()
    .at(-1) ?? "";
  return plan.steps
    .flatMap((one) => {
      const state = ledger.steps[one.id];
      const passed = state?.passed;
      return one.type === "gate" || !passed || passed.at < lastGate ? [] : [{ step: one, state, passed }];
    })
    .toSorted((a, b) => a.passed.at.localeCompare(b.passed.at));
}

function whatWasDone(done: readonly Done[]): string[] {
  if (done.length === 0) return ["- No step has passed since the last gate"];
  return someOf(
    done.map(({ step, passed }) => `- ${step.id} ${pageLine(step.title, 100)} (${commitOf(passed.commit)})`),
    most.done,
    "steps",
  );
}

function whatToDecide({ step, question, ledger }: HandoffInput): string[] {
  if (question !== null) return textLines(question, most.question);
  const asked = [step.gate?.question ?? "", step.description, ...step.acceptanceCriteria.map((one) => `- ${one}`)]
    .filter((text) => text.trim() !== "");
  const state = gateState(step, ledger.steps[step.id]);
  const before = state.kind === "rejected" ? [`- Rejected by ${state.by}: ${pageLine(state.note, 200)}`] : [];
  const lines = asked.length === 0 ? [`Is this good enough to go on?`] : asked.flatMap((text) => textLines(text, 3));
  return [...someOf(lines, 8, "lines"), ...before];
}

function evidence(done: readonly Done[]): string[] {
  const levels = Map.groupBy(done, ({ passed }) => passed.evidence);
  const meaning = {
    step: "a check of the step itself failed before and passes now",
    review: "a review checked the criteria",
    repo: "checked by the repository's validators only",
    vacuous: "its own validators were green before the work, too",
    "already-true": "nothing had to change",
    agent: "only the agent says so",
    "by-hand": "set by a person",
  } as const;
  if (levels.size === 0) return ["- None"];
  return [...levels].slice(0, most.evidence).map(([level, all]) =>
    `- ${level} (${meaning[level]}): ${few(all.map(({ step }) => step.id), 8)}`
  );
}

function changes({ plan, branch, step }: HandoffInput, done: readonly Done[]): string[] {
  const commits = done.flatMap(({ passed }) => passed.commit ?? []);
  const [first, last] = [commits.at(0), commits.at(-1)];
  const range = first === undefined || last === undefined ? [] : [
    `- See what changed: \`git diff --stat ${short(first)}^ ${short(last)}\``,
    `- See the commits: \`git log --oneline ${short(first)}^..${short(last)}\``,
  ];
  const produced = [step, ...done.map((one) => one.step)].flatMap((one) => one.produces ?? []);
  const titles = new Map(plan.steps.map(({ id, title }) => [id, title]));
  const listed = done.slice(-most.commits).flatMap(({ step: { id }, passed }) =>
    passed.commit === null ? [] : [`- ${short(passed.commit)} ${id} ${pageLine(titles.get(id) ?? "", 80)}`]
  );
  return [
    `- Branch: ${branch}`,
    ...range,
    ...listed,
    ...someOf([...new Set(produced)].map((glob) => `- Produced: ${glob}`), most.produced, "paths"),
  ];
}

function risks({ plan, ledger, progressPath }: HandoffInput, done: readonly Done[]): string[] {
  const weak = done.filter(({ passed }) => ["agent", "repo", "vacuous"].includes(passed.evidence));
  const verdicts = done.flatMap(({ step, state }) =>
    (state.recent.at(-1)?.verdicts ?? []).map((verdict) => ({ step: step.id, ...verdict }))
  );
  const flaky = verdicts.filter(({ status }) => status === "flaky");
  const broken = verdicts.filter(({ attribution }) => attribution === "broken-before");
  const failed = done.filter(({ state }) => state.recent.some(isFailure));
  const asking = plan.steps.filter(({ id }) => ledger.steps[id]?.question);
  const found = [
    ...weak.length === 0 ? [] : [`- No test of their own: ${few(weak.map(({ step }) => step.id), 8)}`],
    ...flaky.length === 0 ? [] : [`- Flaky: ${few(flaky.map(({ validator, step }) => `${validator} (${step})`), 5)}`],
    ...broken.length === 0 ? [] : [`- Red before and still red: ${few(broken.map(({ validator }) => validator), 5)}`],
    ...failed.length === 0
      ? []
      : [`- Failed at first, see ${progressPath}: ${few(failed.map(({ step }) => step.id), 8)}`],
    ...asking.length === 0 ? [] : [`- Questions wait at: ${few(asking.map(({ id }) => id), 8)}`],
    `- Cost so far: ${cost(ledger)}`,
  ];
  return found.slice(0, most.risks);
}

function howToGoOn({ step, question, invocation, planPath, progressPath }: HandoffInput): string[] {
  const read = `- Read more: ${progressPath}, ${planPath}, \`${invocation} explain ${step.id}\``;
  const on = `- Then go on: \`${invocation.replace(/ --$/, "")}\``;
  if (question !== null) return [`- Answer: \`${invocation} answer ${step.id} "your answer"\``, on, read];
  return [
    `- Open the gate: \`${invocation} approve ${step.id}\``,
    `- Keep it closed: \`${invocation} reject ${step.id} --note "what must change"\`, then \`${invocation} reopen\` the step to redo`,
    on,
    read,
  ];
}

const failures: ReadonlySet<AttemptRecord["outcome"]> = new Set([
  "failed",
  "tampered",
  "timeout",
  "stalled",
  "over-limit",
]);

function isFailure({ outcome }: AttemptRecord): boolean {
  return failures.has(outcome);
}

function cost({ costUsd, costAbout, costUnknown, iterations }: LedgerState): string {
  const unknown = costUnknown === 0 ? "" : `, unknown for ${costUnknown} of them`;
  return `${costAbout > 0 ? "about " : ""}$${costUsd.toFixed(2)} in ${iterations} ${
    iterations === 1 ? "iteration" : "iterations"
  }${unknown}`;
}

function commitOf(commit: string | null): string {
  return commit === null ? "no commit" : short(commit);
}

function short(oid: string): string {
  return oid.slice(0, 10);
}

function few(names: readonly string[], count: number): string {
  const shown = [...new Set(names)];
  const rest = shown.length - count;
  return rest <= 0 ? shown.join(", ") : `${shown.slice(0, count).join(", ")} and ${rest} more`;
}

function someOf(lines: readonly string[], count: number, what: string): string[] {
  if (lines.length <= count) return [...lines];
  return [...lines.slice(-count + 1), `- (and ${lines.length - count + 1} more ${what})`];
}

function textLines(text: string, count: number): string[] {
  const lines = text.trim().split(/\r?\n/).filter((line) => line.trim() !== "").map((line) => pageLine(line, 300));
  return lines.length <= count ? lines : [...lines.slice(0, count), "…"];
}

/** Headings of a title or question must not become those of the page. */
function pageLine(text: string, length: number): string {
  return shortLine(text.trimStart().replace(/^#+ /, ""), length);
}
