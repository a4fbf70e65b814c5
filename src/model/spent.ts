/** A local calendar day, in epoch milliseconds: `startsAt` belongs to it, `endsAt` to the next. */
export interface Day {
  startsAt: number;
  endsAt: number;
}

/** What iterations used. `costUnknown` counts those that reported no cost, `costAbout` is the part that is an estimate. */
export interface Spent {
  iterations: number;
  /** Milliseconds of iterations, without waiting. */
  durationMs: number;
  costUsd: number;
  costAbout: number;
  costUnknown: number;
  tokens: number;
}

/** What iterations that ended in one quarter of an hour used. `quarter` counts quarters since the epoch. */
export interface SpentQuarter extends Spent {
  quarter: number;
}

/** The longest local day has 25 hours; every zone's midnight, and every change of its offset, is at a whole quarter. */
export const quartersKept = 128;
const quarterMs = 15 * 60_000;

export const nothingSpent: Spent = {
  iterations: 0,
  durationMs: 0,
  costUsd: 0,
  costAbout: 0,
  costUnknown: 0,
  tokens: 0,
};

/**
 * The quarters after one more iteration that ended at `at` (ISO 8601; without a time nothing is added). The newest
 * ones by the order of the records are kept, not by the clock: a record from the future must not push out today.
 */
export function addSpent(quarters: readonly SpentQuarter[], at: string, spent: Spent): SpentQuarter[] {
  const time = Date.parse(at);
  if (Number.isNaN(time)) return [...quarters];
  const quarter = Math.floor(time / quarterMs);
  const known = quarters.find((one) => one.quarter === quarter);
  if (known !== undefined) {
    return quarters.map((one) => (one === known ? { quarter, ...sum(known, spent) } : one));
  }
  return [...quarters, { quarter, ...spent }].slice(-quartersKept);
}

/** What was used within a day, whatever zone the machines were in that wrote it down. */
export function spentIn(quarters: readonly SpentQuarter[], { startsAt, endsAt }: Day): Spent {
  return quarters
    .filter(({ quarter }) => quarter * quarterMs >= startsAt && quarter * quarterMs < endsAt)
    .reduce(sum, nothingSpent);
}

function sum(a: Spent, b: Spent): Spent {
  return {
    iterations: a.iterations + b.iterations,
    durationMs: a.durationMs + b.durationMs,
    costUsd: a.costUsd + b.costUsd,
    costAbout: a.costAbout + b.costAbout,
    costUnknown: a.costUnknown + b.costUnknown,
    tokens: a.tokens + b.tokens,
  };
}
