import { createHash } from "node:crypto";
import type { Step } from "../model/plan.ts";

/**
 * A sha256 over what a step demands: its words, criteria, checks, type, and the argv or tape that does it. How and when it
 * is done (agent, limits, priority, needs) and how it went (passes, notes) do not change it.
 */
export function stepHash(step: Step): string {
  const demand = [
    step.id,
    step.title,
    step.description,
    step.acceptanceCriteria,
    step.type,
    step.validators ?? [],
    step.completionCriteria ?? [],
    step.produces ?? [],
    step.paths ?? [],
    step.command ?? null,
    step.tape ?? null,
    step.gate ?? null,
  ];
  return createHash("sha256").update(JSON.stringify(demand)).digest("hex");
}
