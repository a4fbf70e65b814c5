import { gateHalt } from "../model/gate.ts";
import type { Halt } from "../model/halt.ts";
import type { Step } from "../model/plan.ts";
import { oneLine } from "../model/text.ts";
import { editPlan } from "../plan/edit.ts";
import { appendProgress } from "../plan/progress.ts";
import type { RunContext } from "./context.ts";
import type { Landing, Observation } from "./ports.ts";

/** What halting for a person needs. */
export interface GateDeps extends RunContext {
  /** Writes the handoff of a gate or question and returns its text. */
  handoff(step: Step, observation: Observation, question: string | null): Promise<string>;
}

/** Writes the handoff of a gate that nobody opened yet and notes in the ledger that it is reached. */
export async function closeGate(deps: GateDeps, step: Step, observation: Observation): Promise<Halt> {
  const handoff = await deps.handoff(step, observation, null);
  const known = observation.ledger.steps[step.id]?.gate;
  if (known === null || known === undefined) {
    const { id, title } = step;
    const failed = await deps.ports.repository.append({ kind: "gate-closed", step: id, title, handoff });
    if (failed !== null) return failed;
  }
  return gateHalt(observation.plan, observation.ledger, step, handoff);
}

/** An approved gate passes like any step: by a commit of the runner that changes control files only. */
export async function openGate(deps: GateDeps, step: Step, observation: Observation): Promise<Halt | null> {
  const { ports } = deps;
  const gate = observation.ledger.steps[step.id]?.gate;
  const by = gate && gate.state !== "closed" ? gate.by : "unknown";
  const landing = await ports.repository.land({
    work: null,
    base: observation.tip,
    step,
    planText: editPlan(observation.planText, { steps: { [step.id]: { passes: true } } }),
    progressText: withPending(observation),
    message: `chore(gate): open ${step.id} - ${oneLine(step.title)}\n\n` +
      `Capstan-Plan: ${deps.planId()}\nCapstan-Step: ${step.id}\nCapstan-Approved-By: ${oneLine(by)}\n`,
    record: { kind: "gate-opened", step: step.id, commit: "" },
  });
  switch (landing.kind) {
    case "landed":
      ports.emit({ kind: "gate-opened", step: step.id, commit: landing.commit });
      return await ports.repository.push();
    case "moved":
      return null;
    case "parked": {
      const { kind: _, ...parked } = landing;
      return { reason: "parked", step: step.id, ...parked };
    }
    case "failed":
      return landing.halt;
  }
}

/**
 * Brings progress.txt up to date before a person looks: what failed attempts taught waits for the next landing, and a
 * run that halts for a person may have none. When it can't land now the entries go on waiting in the ledger.
 */
export async function landProgress(deps: RunContext, observation: Observation): Promise<Landing | null> {
  const { pendingProgress, pendingPatterns } = observation.ledger;
  if (pendingProgress.length === 0 && pendingPatterns.length === 0) return null;
  return await deps.ports.repository.land({
    work: null,
    base: observation.tip,
    step: null,
    planText: observation.planText,
    progressText: withPending(observation),
    message: `chore(progress): note what the last attempts taught\n\nCapstan-Plan: ${deps.planId()}\n`,
    record: { kind: "progress-landed", commit: "" },
  });
}

/** progress.txt with everything that waits to be written down. */
export function withPending({ progressText, ledger }: Observation): string {
  return appendProgress(progressText, { patterns: ledger.pendingPatterns, entries: ledger.pendingProgress });
}
