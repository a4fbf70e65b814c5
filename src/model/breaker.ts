import type { Measured } from "./measure.ts";
import type { OutcomeKind } from "./outcome.ts";

/** What a breaker opens for. */
export const tripKinds = ["same-failure", "empty", "timeouts", "oscillation", "auth", "no-progress"] as const;

export type TripKind = (typeof tripKinds)[number];

/** How many in a row open it: attempts, and for `oscillation` rounds through the same two states. */
export const breakerThresholds: Record<TripKind, number> = {
  "same-failure": 3,
  empty: 3,
  timeouts: 3,
  oscillation: 2,
  auth: 2,
  "no-progress": 4,
};

/** How long an open breaker stops everything, in milliseconds; then one attempt is allowed. */
export const coolDownMs = 30 * 60_000;

/** One attempt as a breaker sees it. Bounded, whatever the attempt printed. */
export interface Trial {
  step: string;
  stepHash: string;
  attempt: number;
  at: string;
  agent: string;
  outcome: OutcomeKind;
  /** What it is one of, when it is one of many in a row. */
  counts: "same-failure" | "empty" | "timeouts" | "auth";
  /** Equal for equal failures, whatever the step. */
  failure: string;
  /** Equal when nothing moved: what was left behind, what the validators said, how it failed. */
  signature: string;
  /** What can show that a failure is on its way out. */
  gauge: Gauge;
  summary: string;
}

/** `tree` is the work where nothing verified it. */
export interface Gauge extends Measured {
  tree: string | null;
}

/** Why a breaker opened. */
export interface Trip {
  kind: TripKind;
  /** When it opened last, ISO 8601: after the attempt that a cool-down allowed, that is. */
  at: string;
  /** How often it opened for this. */
  times: number;
  /** The attempts that opened it, oldest first. */
  tried: Trial[];
  /** The newest failing output, cut. */
  evidence: string;
}

/** What a breaker knows. `trials` are the newest attempts that say something about it, oldest first. */
export interface Breaker {
  trials: Trial[];
  trip: Trip | null;
}

export type BreakerState = "closed" | "open" | "half-open";

/** A breaker that knows of nothing. */
export const newBreaker: Breaker = { trials: [], trip: null };

/** When one attempt is allowed again, epoch milliseconds. */
export function coolDownEnd(trip: Trip): number {
  return Date.parse(trip.at) + coolDownMs;
}

/**
 * Where a breaker stands at `now`. A step that was rewritten since (`stepHash`) is another step: its breaker is closed.
 * A clock that went back must not keep it open: a cool-down that seems to last twice as long as it can is over.
 */
export function breakerState({ trip }: Breaker, now: number, stepHash?: string): BreakerState {
  if (trip === null) return "closed";
  if (stepHash !== undefined && trip.tried.at(-1)?.stepHash !== stepHash) return "closed";
  const left = coolDownEnd(trip) - now;
  return left > 0 && left <= 2 * coolDownMs ? "open" : "half-open";
}
