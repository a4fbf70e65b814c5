import type { Halt } from "../model/halt.ts";
import type { IterationRequest, RunContext } from "./context.ts";
import { landAttempt } from "./land.ts";
import type { Collected } from "./ports.ts";
import { type AttemptFacts, attemptRecord } from "./record.ts";
import { resumeAtAfter } from "./waits.ts";

/** How an iteration was settled. */
export interface Settled {
  halt: Halt | null;
  isRecorded: boolean;
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
    if (landed.kind === "landed") return { halt: await ports.repository.push(), isRecorded: true };
    if (landed.kind === "halt") {
      const isParked = landed.halt.reason === "parked";
      if (isParked) tellEnded(context, facts, "superseded", "verified, but edits in the checkout are in its way");
      return { halt: landed.halt, isRecorded: isParked };
    }
    facts.judgment = landed.judgment;
    facts.verification = landed.verification;
  }
  const work = collected.changed.length === 0 || facts.judgment.outcome === "tampered" ? null : collected;
  const failed = await ports.repository.keep(attemptRecord(facts), work);
  if (failed !== null) return { halt: failed, isRecorded: false };
  tellEnded(context, facts, facts.judgment.outcome, facts.judgment.summary);
  return { halt: await afterFailure(context, facts), isRecorded: true };
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
  });
}

/** Limited agents are waited for; an agent without a login ends the run: no other attempt could do better. */
async function afterFailure(context: RunContext, facts: AttemptFacts): Promise<Halt | null> {
  const end = facts.report?.end;
  if (end?.kind === "limited") {
    const until = resumeAtAfter(end.fault, context.ports.clock.now());
    const why = end.fault.message.slice(0, 200);
    const resumeAt = new Date(until).toISOString();
    return await context.ports.repository.append({ kind: "wait", agent: facts.agent, resumeAt, why });
  }
  if (end?.kind === "auth") return { reason: "agent-unusable", agent: facts.agent, message: end.fault.message };
  return null;
}
