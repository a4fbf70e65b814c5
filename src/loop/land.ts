import type { Halt } from "../model/halt.ts";
import type { StepState } from "../model/ledger.ts";
import type { Verification } from "../model/verdict.ts";
import { appendProgress } from "../plan/progress.ts";
import { editPlan } from "../plan/edit.ts";
import { stepHash } from "../plan/step-hash.ts";
import { type IterationRequest, type RunContext, verifyWork } from "./context.ts";
import { judgeWork, type Judgment } from "./judge.ts";
import type { Collected, Observation } from "./ports.ts";
import { type AttemptFacts, attemptRecord, commitMessage, progressOf } from "./record.ts";

/** How often a landing is replayed on a branch that keeps moving before the attempt counts as superseded. */
const maxReplays = 5;

export type LandResult =
  | { kind: "landed" }
  | { kind: "halt"; halt: Halt }
  | { kind: "not-landed"; judgment: Judgment; verification: Verification | null };

/**
 * Lands a passed attempt by compare-and-swap. When the branch moved meanwhile the change is replayed on the new tip
 * and, unless only control files moved, verified again there; a conflict is `superseded` and keeps the work.
 */
export async function landAttempt(
  context: RunContext,
  request: IterationRequest,
  result: { facts: AttemptFacts; collected: Collected; journalDir: string },
): Promise<LandResult> {
  const { ports } = context;
  let work = result.collected;
  let { observation } = request;
  for (let replays = 0; replays <= maxReplays; replays += 1) {
    const { facts } = result;
    const { control } = facts;
    const { pendingPatterns, pendingProgress } = observation.ledger;
    const landing = await ports.repository.land({
      work,
      base: observation.tip,
      step: facts.step,
      planText: editPlan(observation.planText, { steps: { [facts.step.id]: passing(control.notes) } }),
      progressText: appendProgress(observation.progressText, {
        patterns: [...pendingPatterns, ...control.patterns],
        entries: [...pendingProgress, progressOf(facts)],
      }),
      message: commitMessage(observation.plan, context.planId(), facts),
      record: attemptRecord(facts),
    });
    if (landing.kind === "failed") return { kind: "halt", halt: landing.halt };
    if (landing.kind === "parked") {
      const { kind: _, ...parked } = landing;
      return { kind: "halt", halt: { reason: "parked", step: facts.step.id, ...parked } };
    }
    if (landing.kind === "landed") {
      tellLanded(context, facts, { work, commit: landing.commit, before: observation.ledger.steps[facts.step.id] });
      return { kind: "landed" };
    }
    const moved = await replay(context, request, observation, work, result);
    if (moved.kind !== "replayed") return moved;
    work = moved.work;
    observation = moved.observation;
  }
  if (observation.tip === request.observation.tip) return { kind: "halt", halt: inTheWay };
  return notLanded(result.facts, `the branch moved ${maxReplays} times while it was landing`);
}

/** Nothing moved, and yet nothing lands: another attempt would be paid for and end the same way. */
const inTheWay: Halt = {
  reason: "repository",
  problem: {
    kind: "git-failed",
    command: "landing",
    message: "Edits of the plan in the checkout can neither be committed nor be brought in line with the branch",
  },
};

async function replay(
  context: RunContext,
  request: IterationRequest,
  before: Observation,
  work: Collected,
  result: { facts: AttemptFacts; journalDir: string },
): Promise<LandResult | { kind: "replayed"; work: Collected; observation: Observation }> {
  const { ports } = context;
  const { facts } = result;
  const observed = await ports.repository.observe();
  if (!observed.ok) return { kind: "halt", halt: observed.halt };
  const observation = observed.value;
  const step = observation.plan.steps.find(({ id }) => id === facts.step.id);
  if (step === undefined) return notLanded(facts, "the step was removed while it was being worked on");
  if (stepHash(step) !== stepHash(facts.step)) {
    return notLanded(facts, "the step was changed while it was being worked on");
  }
  if (step.passes) return notLanded(facts, "the step was passed by somebody else meanwhile");
  const replayed = await ports.repository.replay(work, before.tip, observation.tip);
  if (replayed === null) return notLanded(facts, "the branch moved and the change conflicts with it");
  ports.notice({ kind: "replayed", step: step.id, onto: observation.tip });
  if (replayed.sameWork) return { kind: "replayed", work: replayed.work, observation };

  const verification = await verifyWork(context, { ...request, observation }, replayed.work, result.journalDir);
  const judgment = judgeWork({ plan: observation.plan, step, work: replayed.work, verification, mayMeanDone: true });
  if (judgment.outcome !== "passed") return { kind: "not-landed", judgment, verification };
  facts.verification = verification;
  facts.judgment = judgment;
  return { kind: "replayed", work: replayed.work, observation };
}

function passing(notes: string | null): { passes: true; notes?: string } {
  return notes === null ? { passes: true } : { passes: true, notes };
}

function tellLanded(
  context: RunContext,
  facts: AttemptFacts,
  { work, commit, before }: { work: Collected; commit: string; before: StepState | undefined },
): void {
  const costUsd = facts.report === null ? 0 : facts.report.costUsd;
  const took = {
    durationMs: (before?.durationMs ?? 0) + facts.durationMs,
    costUsd: (before?.costUsd ?? 0) + (costUsd ?? 0),
    costUnknown: (before?.costUnknown ?? 0) + (costUsd === null ? 1 : 0),
  };
  context.ports.emit({
    kind: "landed",
    step: facts.step.id,
    title: facts.step.title,
    commit,
    evidence: facts.judgment.evidence ?? "agent",
    files: work.changed.length,
    attempts: facts.attempt,
    durationMs: facts.durationMs,
    costUsd,
    ...facts.report?.costAbout === true ? { costAbout: true } : {},
    ...facts.step.type === "agent" ? { took } : {},
  });
}

function notLanded(facts: AttemptFacts, why: string): LandResult & { kind: "not-landed" } {
  return {
    kind: "not-landed",
    judgment: { ...facts.judgment, outcome: "superseded", evidence: null, summary: why, feedback: "" },
    verification: facts.verification,
  };
}
