import { normalizeAgentProgress } from "../plan/progress.ts";
import type { Halt } from "../model/halt.ts";
import { timeoutMsOf } from "./spawn.ts";
import type { RunContext } from "./context.ts";

/**
 * Takes over what a dead runner left behind: its lane's work becomes the kept work of an `interrupted` attempt, which
 * costs the step nothing, so that the next attempt may start where the last one was cut off. Returns why it could not.
 */
export async function recoverLeftover(context: RunContext): Promise<Halt | null> {
  const { ports } = context;
  const left = await ports.repository.leftover();
  if (left === null) return null;
  const observed = await ports.repository.observe();
  if (!observed.ok) return observed.halt;
  const { plan, validators } = observed.value;
  const known = observed.value.ledger.steps[left.step];
  const isRecorded = (known?.iterations ?? 0) >= left.attempt || known?.passed != null;
  if (!isRecorded) {
    const step = plan.steps.find(({ id }) => id === left.step) ?? {};
    const read = await ports.lanes.collect(left.lane, ports.validators.frozen(validators, plan, []));
    if (!read.ok) return read.halt;
    const { base } = left.lane;
    const { work, lines } = await ports.validators.withhold({ base, work: read.work, step, validators });
    if (lines.length > 0) ports.notice({ kind: "withheld", step: left.step, lines });
    const progress = ports.hide(
      normalizeAgentProgress({ before: left.lane.progressText, after: work.progressText }),
    );
    const failed = await ports.repository.keep({
      kind: "attempt",
      step: left.step,
      title: left.title,
      stepHash: left.stepHash,
      attempt: left.attempt,
      outcome: "interrupted",
      evidence: null,
      commit: null,
      base: left.lane.base,
      work: null,
      agent: left.agent,
      model: null,
      costUsd: null,
      usage: null,
      // Nobody knows when the runner died; time in which nothing ran must not use up a budget.
      durationMs: Math.min(Math.max(0, ports.clock.now() - Date.parse(left.startedAt)), timeoutMsOf(step)),
      verdicts: [],
      fingerprint: "",
      summary: "the runner died while it was under way",
      feedback: "",
      progress: progress.addedEntries.join(""),
      patterns: progress.addedPatterns,
      notes: null,
      question: null,
    }, work.changed.length === 0 ? null : work);
    if (failed !== null) return failed;
    const fate = work.changed.length === 0 ? "it left no work" : "its work was kept";
    ports.notice({ kind: "recovered", what: `attempt ${left.attempt} of ${left.step}: ${fate}` });
  }
  await ports.lanes.release(left.lane);
  await ports.repository.clearInflight();
  return null;
}
