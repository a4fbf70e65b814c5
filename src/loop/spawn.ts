import type { Halt } from "../model/halt.ts";
import type { AgentReport } from "../model/outcome.ts";
import type { RedFirst } from "../model/verdict.ts";
import type { Step } from "../model/plan.ts";
import { stepHash } from "../plan/step-hash.ts";
import type { IterationRequest, RunContext } from "./context.ts";
import type { AgentChoice, Lane } from "./ports.ts";
import { type Caps, reachedBy } from "./limits.ts";
import { maxAttemptsOf } from "./ready.ts";

/** Minutes an agent gets when the step does not say. */
const defaultTimeoutMinutes = 60;
/** Minutes without a byte of output, while no tool call is open, after which an agent counts as stalled. */
const defaultIdleMinutes = 10;

/** How long an agent may work on the step, in milliseconds. */
export function timeoutMsOf({ timeoutMinutes = defaultTimeoutMinutes }: Pick<Step, "timeoutMinutes">): number {
  return timeoutMinutes * 60_000;
}

/** The lane an agent works in. `carry` is the attempt whose work it holds. */
export interface Prepared {
  lane: Lane;
  carry: number | null;
  journalDir: string;
  redFirst: RedFirst | null;
}

/** No agent is started where nothing could be found of its work should the runner die. */
export type Spawned = { ok: true; report: AgentReport } | { ok: false; halt: Halt };

/** Assembles the brief, notes that an iteration is under way, and runs one fresh agent to its end. */
export async function spawnAgent(
  context: RunContext,
  request: IterationRequest,
  agent: AgentChoice,
  { lane, carry, journalDir, redFirst }: Prepared,
): Promise<Spawned> {
  const { ports } = context;
  const { step, observation, attempt, caps } = request;
  const brief = await ports.briefs.assemble({
    observation,
    step,
    attempt,
    maxAttempts: maxAttemptsOf(step),
    lane,
    carry,
    redFirst,
    shrink: request.shrink,
  });
  ports.emit({ kind: "brief", step: step.id, bytes: brief.bytes, sections: brief.sections });
  const mark = context.markOf(request.iteration);
  const inflight = {
    step: step.id,
    title: step.title,
    stepHash: stepHash(step),
    attempt,
    agent: agent.id,
    mark,
    startedAt: new Date(ports.clock.now()).toISOString(),
    lane,
  };
  const [unnoted] = await Promise.all([
    ports.repository.markInflight(inflight),
    ports.journal.write(journalDir, "brief.md", brief.text),
  ]);
  if (unnoted !== null) return { ok: false, halt: unnoted };
  const ownMs = timeoutMsOf(step);
  const timeoutMs = caps.time === null ? ownMs : Math.max(1, Math.min(ownMs, caps.time.left));
  const ended = await ports.agents.run({
    agent,
    step,
    attempt,
    model: request.model,
    brief: brief.text,
    lane,
    mark,
    timeoutMs,
    idleMs: (step.idleMinutes ?? defaultIdleMinutes) * 60_000,
    caps,
    journalDir,
    signal: context.signal,
    onAnomaly: (anomaly, killed) => ports.notice({ kind: "anomaly", step: step.id, anomaly, killed }),
    onEvent: (event) => ports.emit({ kind: "agent", step: step.id, event }),
  });
  const report = withCap(ended, caps, ownMs);
  ports.emit({ kind: "agent-ended", step: step.id, report });
  // Whoever was stopped had no time to tidy up.
  if (report.swept > 0 && report.end.kind === "finished") {
    ports.notice({ kind: "processes-swept", count: report.swept });
  }
  return { ok: true, report };
}

/** Whose limit ended it: a time limit that is not its own, or a budget that it was told and held itself. */
function withCap({ end, ...report }: AgentReport, { time, money }: Caps, ownMs: number): AgentReport {
  if (end.kind === "timeout" && time !== null && time.left < ownMs) {
    return { ...report, end: { kind: "over-limit", reached: reachedBy(time, report.durationMs) } };
  }
  if (end.kind === "agent-error" && end.fault.class === "budget-limit" && money !== null) {
    return { ...report, end: { kind: "over-limit", reached: reachedBy(money, report.costUsd ?? money.left) } };
  }
  return { ...report, end };
}
