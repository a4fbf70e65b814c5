import type { RunSummary } from "./event.ts";

/** What steps took that an agent worked on and that passed, all their attempts together. */
export interface Pace {
  steps: number;
  durationMs: number;
  /** Of those, the ones whose whole cost is known, and what they cost. */
  priced: number;
  costUsd: number;
}

/** How it will go on if the steps left are like those before. `usd` is `null` when no cost is known, or there is none. */
export interface Forecast {
  steps: number;
  durationMs: number;
  usd: number | null;
}

/** What one step took in all. */
export interface StepCost {
  durationMs: number;
  costUsd: number;
  costUnknown: number;
}

export const noPace: Pace = { steps: 0, durationMs: 0, priced: 0, costUsd: 0 };

/** The pace after one more step that passed. */
export function addStep(pace: Pace, { durationMs, costUsd, costUnknown }: StepCost): Pace {
  const isPriced = costUnknown === 0;
  return {
    steps: pace.steps + 1,
    durationMs: pace.durationMs + durationMs,
    priced: pace.priced + (isPriced ? 1 : 0),
    costUsd: pace.costUsd + (isPriced ? costUsd : 0),
  };
}

/** The pace of a plan so far, and how many steps an agent still has to work on. */
export function outlook(steps: RunSummary["steps"]): { pace: Pace; left: number } {
  const worked = steps.filter(({ type = "agent" }) => type === "agent");
  const done = worked.filter(({ state, attempts }) => state === "passed" && attempts > 0);
  const left = worked.filter(({ state }) => state !== "passed" && state !== "skipped").length;
  return { pace: done.reduce(addStep, noPace), left };
}

/** What the steps left will take, at the mean of those before; `null` while nothing is known, or nothing is left. */
export function forecast({ steps, durationMs, priced, costUsd }: Pace, left: number): Forecast | null {
  if (steps === 0 || left === 0) return null;
  const usd = priced === 0 || costUsd === 0 ? null : (costUsd / priced) * left;
  return { steps: left, durationMs: (durationMs / steps) * left, usd };
}
