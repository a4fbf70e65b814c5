import { type Breaker, breakerThresholds, newBreaker, type Trial, type Trip, type TripKind } from "./breaker.ts";
import type { AttemptRecord } from "./ledger.ts";
import { masked } from "./mask.ts";
import { freeOutcomes } from "./outcome.ts";
import { shortLine } from "./text.ts";

/** Enough for the longest rule. */
const window = Math.max(...Object.values(breakerThresholds), 2 * breakerThresholds.oscillation);
const evidenceLength = 600;

/** The breaker of one step after one more attempt at it. Pure. */
export function afterAttempt(breaker: Breaker, record: AttemptRecord, trial: Trial | null): Breaker {
  if (record.outcome === "passed") return newBreaker;
  if (trial === null) return breaker;
  const { trip } = breaker;
  if (trip !== null) {
    return isAgain(trip, trial) ? reopened(breaker, trip, trial, record) : { trials: [trial], trip: null };
  }
  const trials = [...breaker.trials, trial].slice(-window);
  return { trials, trip: opened(trippedBy(trials), record) };
}

/**
 * The breaker of the whole plan: different steps, one after the other, that fail in the same way. It counts steps, not
 * attempts, so one stubborn step never opens it, and an attempt that left work where nothing judged it does not count.
 */
export function afterAnyAttempt(breaker: Breaker, record: AttemptRecord, trial: Trial | null): Breaker {
  if (record.outcome === "passed") return newBreaker;
  if (trial === null) return breaker;
  if (trial.gauge.tree !== null) return newBreaker;
  const { trip, trials } = breaker;
  const isSame = trials[0]?.failure === trial.failure;
  if (trip !== null && isSame) return reopened(breaker, trip, trial, record);
  const next = isSame ? [...trials.filter(({ step }) => step !== trial.step), trial].slice(-window) : [trial];
  const isMany = next.length >= breakerThresholds[trial.counts];
  return { trials: next, trip: isMany ? opened({ kind: trial.counts, tried: next }, record) : null };
}

/** An attempt as breakers see it; `null` for what says nothing about the step: it waits, was stopped, asks a person, or was verified and could not land. */
export function trialOf(record: AttemptRecord): Trial | null {
  const counts = countsTowards(record);
  if (counts === null) return null;
  const { step, stepHash, attempt, at, agent, outcome, fingerprint, tree = null, summary } = record;
  const isMeasuredByWork = record.verdicts.length === 0 && outcome !== "auth";
  return {
    step,
    stepHash,
    attempt,
    at,
    agent,
    outcome,
    counts,
    failure: failureOf(record, counts),
    signature: [tree ?? "", ...record.verdicts.map(({ validator, status }) => `${validator} ${status}`), fingerprint]
      .join("\n"),
    gauge: { ...record.measured ?? { failing: null, percent: null }, tree: isMeasuredByWork ? tree : null },
    summary: shortLine(summary, 200),
  };
}

function countsTowards(record: AttemptRecord): Trial["counts"] | null {
  if (record.outcome === "auth") return "auth";
  // A provider that is waited for has its own policy.
  if (record.outcome === "passed" || !(record.failure?.costsAttempt ?? !freeOutcomes.has(record.outcome))) return null;
  if (record.outcome === "no-change") return "empty";
  const isSlow = record.outcome === "timeout" || record.outcome === "stalled";
  return isSlow && record.fingerprint === "" ? "timeouts" : "same-failure";
}

function failureOf({ outcome, agent, fingerprint, summary }: AttemptRecord, counts: Trial["counts"]): string {
  switch (counts) {
    case "auth":
      return `auth ${agent}`;
    case "empty":
    case "timeouts":
      return counts;
    case "same-failure":
      return `${outcome} ${fingerprint === "" ? masked(shortLine(summary, 200)) : fingerprint}`;
  }
}

function trippedBy(trials: readonly Trial[]): { kind: TripKind; tried: Trial[] } | null {
  const row = rowOf(trials);
  const counts = row.at(-1)?.counts;
  if (counts !== undefined && row.length >= breakerThresholds[counts]) return { kind: counts, tried: row };
  const rounds = trials.slice(-2 * breakerThresholds.oscillation);
  if (isOscillating(rounds)) return { kind: "oscillation", tried: rounds };
  const last = trials.slice(-breakerThresholds["no-progress"]);
  const isStuck = last.length === breakerThresholds["no-progress"] &&
    last.every((trial) => trial.signature === last[0]!.signature && trial.stepHash === last[0]!.stepHash);
  return isStuck ? { kind: "no-progress", tried: last } : null;
}

/** The newest attempts that failed in the same way, without headway among them. */
function rowOf(trials: readonly Trial[]): Trial[] {
  let row: Trial[] = [];
  for (const trial of trials) row = row.length > 0 && continues(row, trial) ? [...row, trial] : [trial];
  return row;
}

function continues(row: readonly Trial[], trial: Trial): boolean {
  const [first] = row;
  return first?.failure === trial.failure && first.stepHash === trial.stepHash && !isHeadway(row, trial);
}

/** Fewer failures than ever, higher shares than ever, or work that was not there before. */
function isHeadway(row: readonly Trial[], { gauge }: Trial): boolean {
  const gauges = row.map((trial) => trial.gauge);
  const fewest = Math.min(...gauges.flatMap((known) => known.failing ?? []));
  const highest = Math.max(...gauges.flatMap((known) => known.percent ?? []));
  if (gauge.failing !== null && Number.isFinite(fewest) && gauge.failing < fewest) return true;
  if (gauge.percent !== null && Number.isFinite(highest) && gauge.percent > highest) return true;
  return gauge.tree !== null && gauges.every(({ tree }) => tree !== gauge.tree);
}

/** Equal states would have been a row before. */
function isOscillating(trials: readonly Trial[]): boolean {
  const states = trials.map(({ failure, stepHash, gauge }) => JSON.stringify([failure, stepHash, gauge]));
  return states.length === 2 * breakerThresholds.oscillation &&
    states.every((state, index) => state === states[index % 2]);
}

/** Whether the attempt that the cool-down allowed ended as those before it. */
function isAgain({ kind, tried }: Trip, trial: Trial): boolean {
  if (kind === "no-progress") return tried.some(({ signature }) => signature === trial.signature);
  const alike = tried.filter(({ failure }) => failure === trial.failure);
  return continues(alike, trial);
}

function opened(found: { kind: TripKind; tried: Trial[] } | null, { at, feedback }: AttemptRecord): Trip | null {
  return found === null ? null : { ...found, at, times: 1, evidence: feedback.trim().slice(0, evidenceLength) };
}

function reopened({ trials }: Breaker, trip: Trip, trial: Trial, { at, feedback }: AttemptRecord): Breaker {
  return {
    trials: [...trials, trial].slice(-window),
    trip: {
      ...trip,
      at,
      times: trip.times + 1,
      tried: [...trip.tried, trial].slice(-window),
      evidence: feedback.trim().slice(0, evidenceLength),
    },
  };
}
