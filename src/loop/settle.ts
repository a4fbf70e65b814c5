import type { FailureAction, FailureClass } from "../model/failure.ts";
import type { Halt } from "../model/halt.ts";
import { afterFailure, classOf, recordedFailure } from "./after-failure.ts";
import type { IterationRequest, RunContext } from "./context.ts";
import { feedbackCap } from "./judge.ts";
import { landAttempt } from "./land.ts";
import type { Collected } from "./ports.ts";
import { type AttemptFacts, attemptRecord } from "./record.ts";

/** How an iteration was settled. */
export interface Settled {
  halt: Halt | null;
  isRecorded: boolean;
  /** What its policy made of a failure. */
  after: FailureHandled | null;
}

export interface FailureHandled {
  class: FailureClass;
  message: string;
  action: FailureAction;
}

/**
 * Lands or keeps the attempt. While it is not recorded (a full disk, say) the lane and the note about it must stay: the
 * next start takes the work over from there.
 */
export async function settle(
  context: RunContext,
  request: IterationRequest,
  result: { facts: AttemptFacts; collected: Collected; journalDir: string },
): Promise<Settled> {
  const { ports } = context;
  const { facts, collected } = result;
  if (facts.judgment.outcome === "passed") {
    const landed = await landAttempt(context, request, result);
    if (landed.kind === "landed") return { halt: await ports.repository.push(), isRecorded: true, after: null };
    if (landed.kind === "halt") {
      const isParked = landed.halt.reason === "parked";
      if (isParked) tellEnded(context, facts, "superseded", "verified, but something in the checkout is in its way");
      return { halt: landed.halt, isRecorded: isParked, after: null };
    }
    facts.judgment = landed.judgment;
    facts.verification = landed.verification;
  }
  const isNothing = collected.changed.length === 0 || facts.judgment.outcome === "tampered";
  const work = isNothing ? null : await withoutSecrets(context, request, facts, collected);
  const after = handle(context, request, facts);
  const failure = after === null
    ? undefined
    : recordedFailure(after.class, after.action, request.observation.failures[after.class].policy);
  const failed = await ports.repository.keep(attemptRecord(facts, failure), work);
  if (failed !== null) return { halt: failed, isRecorded: false, after: null };
  tellEnded(context, facts, facts.judgment.outcome, facts.judgment.summary);
  if (after !== null) tellHandled(context, request, facts, after);
  return { halt: null, isRecorded: true, after };
}

/** What is kept is pushed like the rest; the next attempt is told what it does not find any more. */
async function withoutSecrets(
  { ports }: RunContext,
  { step, observation: { validators } }: IterationRequest,
  facts: AttemptFacts,
  collected: Collected,
): Promise<Collected | null> {
  const { work, lines } = await ports.validators.withhold({ base: facts.base, work: collected, step, validators });
  if (lines.length === 0) return work;
  ports.notice({ kind: "withheld", step: step.id, lines });
  const told = `Taken out of the files, because it must not be kept:\n${lines.join("\n")}\n\n`;
  facts.judgment = { ...facts.judgment, feedback: `${told}${facts.judgment.feedback}`.slice(0, feedbackCap) };
  return work.changed.length === 0 ? null : work;
}

function handle(context: RunContext, request: IterationRequest, facts: AttemptFacts): FailureHandled | null {
  const { outcome, summary } = facts.judgment;
  const end = facts.report?.end ?? null;
  const name = classOf(outcome, end);
  if (name === null) return null;
  const { failures, ledger } = request.observation;
  const fault = end !== null && "fault" in end ? end.fault : null;
  const action = afterFailure(failures, {
    class: name,
    agent: facts.agent,
    model: request.model,
    resumeAt: fault?.resumeAt,
    rests: ledger.waits,
    now: context.ports.clock.now(),
    seed: `${context.markOf(request.iteration)}/${facts.step.id}/${facts.attempt}`,
  });
  return { class: name, message: fault?.message ?? summary, action };
}

function tellHandled(
  { ports }: RunContext,
  request: IterationRequest,
  { step, agent }: AttemptFacts,
  { class: name, action }: FailureHandled,
): void {
  if (action.kind === "retry") return;
  const { title } = request.observation.failures[name];
  ports.notice({ kind: "failure-handled", step: step.id, agent, title, action });
}

function tellEnded(
  { ports }: RunContext,
  facts: AttemptFacts,
  outcome: AttemptFacts["judgment"]["outcome"],
  summary: string,
): void {
  ports.emit({
    kind: "attempt-ended",
    step: facts.step.id,
    attempt: facts.attempt,
    outcome,
    summary,
    durationMs: facts.durationMs,
    costUsd: facts.report === null ? 0 : facts.report.costUsd,
    ...facts.report?.costAbout === true ? { costAbout: true } : {},
  });
}
