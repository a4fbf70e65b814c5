import { anomalyHint, anomalyText } from "../model/anomaly.ts";
import type { Failures } from "../model/failure.ts";
import { globMatcher } from "../model/glob.ts";
import type { AgentEnd, OutcomeKind } from "../model/outcome.ts";
import type { Plan, Step } from "../model/plan.ts";
import { reachedText } from "../model/limit-text.ts";
import type { Reached } from "../model/limits.ts";
import { duration, shortLine } from "../model/text.ts";
import { type Evidence, evidenceLevels, type Verdict, type Verification } from "../model/verdict.ts";
import type { Collected } from "./ports.ts";

/** What an attempt came to, in facts. `summary` is one sentence for people, `feedback` goes into the next brief. */
export interface Judgment {
  outcome: OutcomeKind;
  evidence: Evidence | null;
  summary: string;
  feedback: string;
  question: string | null;
}

/** At most this much of the failing output goes into the ledger and the next brief, in characters. */
export const feedbackCap = 4096;

/**
 * What the agent's end alone decides, before anything is verified: `null` means that the work must be verified.
 * Only a finished agent's work is verified: half-done work that happens to be green would land as if it were whole.
 */
export function judgeEnd(end: AgentEnd, tampering: readonly string[], failures: Failures): Judgment | null {
  switch (end.kind) {
    case "limited":
    case "overflow":
    case "auth":
    case "refused":
    case "agent-error":
      return plain(
        end.kind,
        `${failures[end.fault.class].title}: ${shortLine(end.fault.message, 200)}`,
        end.kind === "overflow" ? `${end.fault.message}\n\n${afterOverflow}` : end.fault.message,
      );
    case "timeout":
      return plain(
        "timeout",
        `stopped after ${duration(end.limitMs)}`,
        "The last attempt ran out of time; its work was kept.",
      );
    case "stalled":
      return plain(
        "stalled",
        `stopped after ${duration(end.limitMs)} without a sign of life`,
        "The last attempt stopped printing and was ended; its work was kept.",
      );
    case "anomaly":
      return plain("stalled", `stopped: it ${anomalyText(end.anomaly)}`, anomalyHint(end.anomaly));
    case "over-limit":
      return overLimit(end.reached);
    case "interrupted":
      return plain("interrupted", `interrupted by ${end.signal}`, "");
    case "finished":
      break;
  }
  if (tampering.length > 0) {
    return plain(
      "tampered",
      `changed what belongs to the runner: ${tampering.join("; ")}`,
      `The runner undid these changes, and the attempt failed because of them: ${tampering.join("; ")}`,
    );
  }
  if (end.question !== undefined) {
    return { ...plain("asked", `asks: ${shortLine(end.question, 200)}`, ""), question: end.question };
  }
  return null;
}

const afterOverflow = "The context of the last attempt was full before the step was done; its work was kept. " +
  "Read only what the step needs, in parts, and keep the output of commands short.";

/** What verification decides about a finished agent's work. */
export function judgeWork(input: {
  plan: Plan;
  step: Step;
  work: Collected;
  verification: Verification;
  /** Whether changing nothing may be an answer: the agent said something in the end, or it is a command, which never does. */
  mayMeanDone: boolean;
}): Judgment {
  const { plan, step, work, verification, mayMeanDone } = input;
  const outside = pathsOutside(step, work);
  if (outside.length > 0) {
    return plain(
      "failed",
      `changed ${outside.length} ${outside.length === 1 ? "path" : "paths"} outside of what the step may touch: ${
        few(outside)
      }`,
      `Only these paths may change in this step: ${(step.paths ?? []).join(", ")}. Leave alone: ${few(outside)}`,
    );
  }
  if (!verification.passed) {
    const red = verification.verdicts.filter((verdict) => verdict.blocks);
    return plain(
      work.changed.length === 0 ? "no-change" : "failed",
      red.length === 0 ? "nothing verified it" : `${red.map(failedText).join(", ")} failed`,
      red.map(feedbackOf).join("\n\n"),
    );
  }
  const isQuestion = work.changed.length === 0 && verification.evidence !== "already-true" &&
    step.type !== "validation";
  if (isQuestion) {
    if (!mayMeanDone) return plain("no-change", "the agent changed nothing and said nothing", "");
    const question = `${step.id} changed nothing, and only repository-wide validators cover it. Is it already done?`;
    return { ...plain("asked", question, ""), question };
  }
  const least = plan.requireEvidence;
  if (least !== undefined && rank(verification.evidence) < rank(least)) {
    return plain(
      "failed",
      `evidence is "${verification.evidence}", the plan requires at least "${least}"`,
      "Add a test for this step: one that fails before the change and passes after it.",
    );
  }
  return { ...plain("passed", "", ""), evidence: verification.evidence };
}

/** A limit of the run or of the day is no fault of the step. */
function overLimit(reached: Reached): Judgment {
  const summary = `stopped at ${reachedText(reached)}`;
  if (reached.scope === "run" || reached.scope === "day") return plain("interrupted", summary, "");
  return plain("over-limit", summary, `The last attempt was ${summary}; its work was kept. Take a shorter way.`);
}

function plain(outcome: OutcomeKind, summary: string, feedback: string): Judgment {
  return { outcome, evidence: null, summary, feedback: feedback.slice(0, feedbackCap), question: null };
}

function failedText({ validator, breaks = [] }: Verdict): string {
  return breaks.length === 0 ? validator : `${validator} (breaks ${few(breaks)})`;
}

function feedbackOf({ validator, digest, fix, attribution, breaks = [] }: Verdict): string {
  const hint = fix === null ? "" : `\nHow to fix it: ${fix}`;
  const how = attribution === "regressed" ? " (it was green before this change)" : "";
  const broken = breaks.length === 0
    ? ""
    : `This change breaks ${few(breaks)}, which passed on it. What earlier steps achieved must stay.\n`;
  return `Validator \`${validator}\` failed${how}:\n${broken}${digest}${hint}`;
}

/** AGENTS.md is memory and may always change with a step. */
function pathsOutside(step: Step, work: Collected): string[] {
  if (step.paths === undefined) return [];
  const isInside = globMatcher([...step.paths, "**/AGENTS.md"]);
  return work.changed.map(({ path }) => path).filter((path) => !isInside(path));
}

function rank(evidence: Evidence): number {
  return evidenceLevels.indexOf(evidence);
}

function few(paths: readonly string[]): string {
  return paths.length <= 5 ? paths.join(", ") : `${paths.slice(0, 5).join(", ")} and ${paths.length - 5} more`;
}
