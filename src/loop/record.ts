import type { RecordedFailure } from "../model/failure.ts";
import type { AttemptRecord } from "../model/ledger.ts";
import { type AgentReport, freeOutcomes } from "../model/outcome.ts";
import type { Plan, Step } from "../model/plan.ts";
import { measure, type Measured } from "../model/measure.ts";
import { oneLine } from "../model/text.ts";
import type { Verification } from "../model/verdict.ts";
import { formatEntry } from "../plan/progress.ts";
import { stepHash } from "../plan/step-hash.ts";
import type { Control } from "./context.ts";
import type { Judgment } from "./judge.ts";

/** An attempt as the driver knows it; the ledger adds plan, run and time, landing adds the commit. */
export type NewAttempt = Omit<AttemptRecord, "v" | "plan" | "run" | "at">;

/** What one attempt consisted of. `report` is `null` where no agent ran. */
export interface AttemptFacts {
  step: Step;
  attempt: number;
  agent: string;
  base: string;
  report: AgentReport | null;
  verification: Verification | null;
  judgment: Judgment;
  durationMs: number;
  control: Control;
  /** The attempt whose verified work this one lands without an agent; its agent and its cost are on the commit. */
  parked: AttemptRecord | null;
  /** When it ended, ISO 8601. */
  at: string;
}

/** The ledger's record of an attempt; `failure` is what the policy made of one that failed. Pure. */
export function attemptRecord(facts: AttemptFacts, failure?: RecordedFailure): NewAttempt {
  const { step, report, verification, judgment } = facts;
  return {
    kind: "attempt",
    step: step.id,
    title: step.title,
    stepHash: stepHash(step),
    attempt: facts.attempt,
    outcome: judgment.outcome,
    ...failure === undefined ? {} : { failure },
    evidence: judgment.evidence,
    commit: null,
    base: facts.base,
    work: null,
    agent: facts.agent,
    model: report?.model ?? null,
    costUsd: report === null ? 0 : report.costUsd,
    ...report?.costAbout === true ? { costAbout: true } : {},
    usage: report?.usage ?? null,
    durationMs: facts.durationMs,
    verdicts: (verification?.verdicts ?? []).map(({ validator, status, attribution, blocks }) => ({
      validator,
      status,
      attribution,
      blocks,
    })),
    fingerprint: fingerprintOf(facts),
    ...measuredIn(facts),
    summary: judgment.summary,
    feedback: judgment.feedback,
    progress: progressOf(facts, failure),
    patterns: facts.control.patterns,
    notes: facts.control.notes,
    question: judgment.question,
  };
}

function measuredIn({ judgment, verification }: AttemptFacts): { measured?: Measured } {
  if (judgment.outcome === "passed" || verification === null) return {};
  return { measured: measure(judgment.feedback) };
}

/** Equal for equal failures; "" when nothing was learned that could be compared. */
function fingerprintOf({ judgment, report, verification }: AttemptFacts): string {
  if (judgment.outcome === "passed") return "";
  if (report?.end.kind === "anomaly") return `anomaly:${report.end.anomaly.kind}`;
  return verification?.fingerprint ?? "";
}

/** The agent's own entries; the runner adds its facts when the attempt failed, or when the agent wrote nothing. */
export function progressOf(facts: AttemptFacts, failure?: RecordedFailure): string {
  const { control: { entries }, judgment: { outcome } } = facts;
  const isFree = freeOutcomes.has(outcome) || failure?.costsAttempt === false;
  if (isFree || facts.parked !== null) return entries.join("");
  if (outcome === "passed" && entries.length > 0) return entries.join("");
  return [...entries, runnerEntry(facts)].join("");
}

/** The runner's own entry about an attempt, in snarktank's format: facts only, the failing output in a digest. */
function runnerEntry({ at, step, attempt, judgment, verification }: AttemptFacts): string {
  const verdicts = (verification?.verdicts ?? []).map(({ validator, status }) => `${validator} ${status}`);
  const bullets = [
    `Attempt ${attempt}: ${judgment.outcome}${judgment.summary === "" ? "" : ` (${judgment.summary})`}`,
    ...verdicts.length === 0 ? [] : [`Validators: ${verdicts.join(", ")}`],
  ];
  const digest = judgment.feedback.split("\n").slice(0, 12).map((line) => line.slice(0, 200)).join("\n");
  return formatEntry({ at, stepId: step.id, bullets, learnings: digest === "" ? [] : [digest] });
}

/** The commit message of a landed step with its trailers (design 3.3). Pure. */
export function commitMessage(plan: Plan, planId: string, facts: AttemptFacts): string {
  const { step, verification, judgment } = facts;
  const costUsd = facts.parked === null ? facts.report === null ? 0 : facts.report.costUsd : facts.parked.costUsd;
  const model = facts.parked === null ? facts.report?.model : facts.parked.model;
  const isAbout = (facts.parked ?? facts.report)?.costAbout === true;
  const subject = plan.commitMessage.replaceAll("{id}", step.id).replaceAll("{title}", step.title);
  const validators = (verification?.verdicts ?? [])
    .filter(({ status }) => status === "pass" || status === "flaky")
    .map(({ validator, status }) => (status === "pass" ? validator : `${validator} (flaky)`));
  const trailers = [
    `Capstan-Plan: ${planId}`,
    `Capstan-Step: ${step.id}`,
    `Capstan-Attempt: ${facts.attempt}`,
    `Capstan-Evidence: ${judgment.evidence ?? "none"}`,
    `Capstan-Agent: ${facts.agent}${model ? ` (${model})` : ""}`,
    `Capstan-Cost-USD: ${costUsd === null ? "unknown" : `${isAbout ? "about " : ""}${costUsd.toFixed(4)}`}`,
    ...validators.length === 0 ? [] : [`Capstan-Validators: ${validators.join(", ")}`],
  ];
  // A newline in a title must not become a trailer.
  return `${oneLine(subject)}\n\n${trailers.join("\n")}\n`;
}
