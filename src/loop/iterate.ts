import { tokensOf } from "../model/agent-event.ts";
import type { Halt } from "../model/halt.ts";
import type { AgentReport } from "../model/outcome.ts";
import type { Step } from "../model/plan.ts";
import type { RedFirst, Verification } from "../model/verdict.ts";
import { normalizeAgentPlan } from "../plan/agent-plan.ts";
import { normalizeAgentProgress } from "../plan/progress.ts";
import type { Control, IterationRequest, RunContext } from "./context.ts";
import { verifyWork } from "./context.ts";
import { withPending } from "./gate.ts";
import { judgeEnd, judgeWork, type Judgment } from "./judge.ts";
import type { Collected, Lane, Ports } from "./ports.ts";
import { maxAttemptsOf } from "./ready.ts";
import type { AttemptFacts } from "./record.ts";
import { type FailureHandled, settle } from "./settle.ts";
import { spawnAgent } from "./spawn.ts";

/** What an iteration came to. `halt` ends the run. */
export interface IterationResult {
  halt: Halt | null;
  costUsd: number;
  /** The part of `costUsd` that is an estimate. */
  costAbout: number;
  /** 1 when an agent ran and its cost is not known. */
  costUnknown: number;
  /** It ended by itself and its cost is not known: that of the next one will not be either. */
  keepsCost: boolean;
  tokens: number;
  /** What its policy made of a failure. */
  after: FailureHandled | null;
}

/**
 * One iteration (design 4): prepare, brief, spawn, collect, verify, land or keep. Everything it learned is in the
 * ledger when it returns, unless `halt` says why nothing was started.
 */
export async function iterate(context: RunContext, request: IterationRequest): Promise<IterationResult> {
  const { ports } = context;
  const { observation, step, attempt, agent } = request;
  const { planText, ledger, plan, branch, tip } = observation;
  const startedAt = ports.clock.now();
  const prepared = await ports.lanes.prepare({
    base: tip,
    carry: request.carry?.work ?? null,
    branch,
    planText,
    progressText: withPending(observation),
    plan,
    step,
    attempt,
  });
  // Setup that was cut off by a signal is no failure of setup: the next decision is about the signal.
  if (!prepared.ok) return resultOf(null, context.signal.aborted ? null : prepared.halt);
  const { lane } = prepared;
  const carry = prepared.carried ? request.carry?.attempt ?? null : null;
  ports.emit({
    kind: "iteration-started",
    iteration: request.iteration,
    step: step.id,
    title: step.title,
    attempt,
    counted: (ledger.steps[step.id]?.attempts ?? 0) + 1,
    maxAttempts: maxAttemptsOf(step),
    agent: agent?.id ?? "none",
    carry,
    base: lane.base,
  });
  const journalDir = await ports.journal.begin(request.iteration, step.id, attempt);
  const redFirst = agent === null ? null : await lookFirst(context, request, journalDir);
  // Cut off before anything was started: there is no attempt.
  if (context.signal.aborted) {
    await ports.lanes.release(lane);
    return resultOf(null, null);
  }
  const spawned = agent === null
    ? null
    : await spawnAgent(context, request, agent, { lane, carry, journalDir, redFirst });
  if (spawned?.ok === false) {
    await ports.lanes.release(lane);
    return resultOf(null, spawned.halt);
  }
  const report = spawned?.report ?? null;
  const read = await ports.lanes.collect(lane, ports.validators.frozen(observation.validators, plan, step.paths ?? []));
  // The lane and the note about it stay: the next start collects the work once the disk or the repository is well.
  if (!read.ok) return resultOf(report, read.halt);
  const collected = read.work;
  const own = ports.hide(readControl(lane, collected, step));
  tell(ports, own);
  if (own.diff !== "") await ports.journal.write(journalDir, "tampering.diff", own.diff);
  const control = request.parked === null ? own : withParked(own, request.parked);

  const verified = await verify(context, request, { report, collected, control, journalDir });
  await ports.journal.write(journalDir, "verdict.json", `${JSON.stringify(verified, null, 2)}\n`);
  const now = ports.clock.now();
  const facts: AttemptFacts = {
    step,
    attempt,
    agent: request.parked?.agent ?? agent?.id ?? "none",
    base: lane.base,
    report,
    ...verified,
    durationMs: now - startedAt,
    control,
    parked: request.parked,
    at: new Date(now).toISOString(),
  };
  const { halt, isRecorded, after } = await settle(context, request, { facts, collected, journalDir });
  if (isRecorded) {
    await Promise.all([ports.lanes.release(lane), ports.repository.clearInflight()]);
  }
  return resultOf(report, halt, after);
}

/** Runs the step's own validators before the work, and says when they cannot prove it. */
async function lookFirst(
  { ports, signal }: RunContext,
  { observation, step }: IterationRequest,
  journalDir: string,
): Promise<RedFirst | null> {
  const { tip: base, plan, validators } = observation;
  const asked = { base, step, plan, validators, journalDir, signal };
  const found = await ports.validators.redFirst({ ...asked, onEvent: (body) => ports.emit(body) });
  if (found !== null && found.kind !== "red") ports.notice({ kind: "red-first", step: step.id, found });
  return found;
}

function resultOf(
  report: AgentReport | null,
  halt: Halt | null,
  after: FailureHandled | null = null,
): IterationResult {
  return {
    halt,
    costUsd: report?.costUsd ?? 0,
    costAbout: report?.costAbout === true ? report.costUsd ?? 0 : 0,
    costUnknown: report !== null && report.costUsd === null ? 1 : 0,
    keepsCost: report?.end.kind === "finished" && report.costUsd === null,
    tokens: tokensOf(report?.usage ?? null),
    after,
  };
}

/** Pure: the lane's control files against those that were put there. */
export function readControl(lane: Lane, collected: Collected, step: Pick<Step, "id">): Control {
  const plan = normalizeAgentPlan({ before: lane.planText, after: collected.planText, step: step.id });
  const progress = normalizeAgentProgress({ before: lane.progressText, after: collected.progressText });
  return {
    notes: plan.notes,
    patterns: progress.addedPatterns,
    entries: progress.addedEntries,
    tampering: [...collected.tampering, ...plan.tampering, ...progress.tampering],
    diff: `${collected.diff}${plan.diff}${progress.diff}`,
    benign: [...collected.benign, ...plan.benign, ...progress.benign],
  };
}

/** What the agent of the parked attempt wrote; its entries and patterns wait in the ledger already. */
function withParked(own: Control, parked: NonNullable<IterationRequest["parked"]>): Control {
  return { ...own, notes: own.notes ?? parked.notes };
}

function tell(ports: Ports, control: Control): void {
  if (control.tampering.length > 0) {
    ports.notice({ kind: "tampering", what: control.tampering, restored: true, diff: control.diff });
  }
  if (control.benign.length > 0) ports.notice({ kind: "benign-normalized", what: control.benign });
}

async function verify(
  context: RunContext,
  request: IterationRequest,
  facts: { report: AgentReport | null; collected: Collected; control: Control; journalDir: string },
): Promise<{ judgment: Judgment; verification: Verification | null }> {
  const end = facts.report?.end ?? { kind: "finished", finalText: "", saidComplete: true };
  const { plan, failures } = request.observation;
  const early = judgeEnd(end, plan.tampering === "warn" ? [] : facts.control.tampering, failures);
  if (early !== null) return { judgment: early, verification: null };
  const verification = await verifyWork(context, request, facts.collected, facts.journalDir);
  if (context.signal.aborted) return { judgment: interrupted, verification: null };
  const outside = await context.ports.lanes.outside();
  if (outside.tampering.length > 0) {
    context.ports.notice({ kind: "tampering", what: outside.tampering, restored: true, diff: outside.diff });
    const late = plan.tampering === "warn" ? null : judgeEnd(end, outside.tampering, request.observation.failures);
    if (late !== null) return { judgment: late, verification };
  }
  const judgment = judgeWork({
    plan,
    step: request.step,
    work: facts.collected,
    verification,
    mayMeanDone: request.agent?.id === "command" || (end.kind === "finished" && end.finalText.trim() !== ""),
  });
  if (facts.control.tampering.length > 0 && judgment.summary === "") {
    judgment.summary = `passed, although it changed what belongs to the runner: ${facts.control.tampering.join("; ")}`;
  }
  const isOvertaken = request.parked !== null && judgment.outcome !== "passed";
  return { judgment: isOvertaken ? overtaken(judgment) : judgment, verification };
}

/** Parked work that passed when it was made, and no longer does: no agent failed, so no attempt is lost. */
function overtaken(judgment: Judgment): Judgment {
  const summary = `it passed before, and does not on the branch as it is now: ${judgment.summary}`;
  return { ...judgment, outcome: "superseded", evidence: null, question: null, summary };
}

const interrupted: Judgment = {
  outcome: "interrupted",
  evidence: null,
  summary: "interrupted during verification",
  feedback: "",
  question: null,
};
