import {
  costsAttempt,
  type FailureAction,
  type FailureClass,
  failureOf,
  type Failures,
  type Policy,
  type RecordedFailure,
  restKey,
} from "../model/failure.ts";
import type { Rest } from "../model/ledger.ts";
import type { AgentEnd, OutcomeKind } from "../model/outcome.ts";

/** Added to a stated reset time: the clocks of two machines differ, and a request a second early is refused again. */
const slackMs = 5_000;
/** No provider's window is longer than a week; a later time was misread. */
const longestRestMs = 8 * 86_400_000;

/** A failed attempt, and what is known about who made it. */
export interface FailedAttempt {
  class: FailureClass;
  agent: string;
  /** The model that was asked for, `null` for the agent's own choice. */
  model: string | null;
  /** When it can be asked again, as its provider said; epoch milliseconds. */
  resumeAt: number | undefined;
  rests: Readonly<Record<string, Rest>>;
  now: number;
  /** What the jitter comes from: the same seed gives the same rest. */
  seed: string;
}

/** What the policy of its class makes of a failure. Pure: the same facts, the same rest. */
export function afterFailure(failures: Failures, failed: FailedAttempt): FailureAction {
  const { policy } = failures[failed.class];
  switch (policy.kind) {
    case "retry":
    case "shrink":
    case "block":
      return { kind: policy.kind };
    case "wait": {
      const until = statedEnd(failed) ?? failed.now + policy.restMinutes * 60_000;
      return { kind: "rest", until, ...whoRests(policy, failed) };
    }
    case "back-off": {
      const who = whoRests(policy, failed);
      const before = failed.rests[restKey(failed.agent, who.model)]?.times ?? 0;
      if (before + 1 >= policy.times) return { kind: "give-up", times: before + 1, ...who };
      const until = failed.now + backOffMs(policy, before, failed.seed);
      return { kind: "rest", until: Math.max(until, statedEnd(failed) ?? 0), ...who };
    }
    case "give-up":
      return { kind: "give-up", times: null, ...whoRests(policy, failed) };
  }
}

/**
 * The rest after `before` earlier failures in a row, in milliseconds: doubled each time up to the longest, then up to a
 * quarter more or less, so that many runners do not come back at the same moment.
 */
export function backOffMs(policy: { firstSeconds: number; mostSeconds: number }, before: number, seed: string): number {
  const seconds = Math.min(policy.firstSeconds * 2 ** before, policy.mostSeconds);
  return Math.round(seconds * 1000 * (0.75 + 0.5 * fraction(seed)));
}

/** The class of an attempt's failure, `null` when it is none. */
export function classOf(outcome: OutcomeKind, end: AgentEnd | null): FailureClass | null {
  if (outcome === "stalled" && end?.kind === "anomaly") return "anomaly";
  return failureOf(outcome, end !== null && "fault" in end ? end.fault : null);
}

/** What the ledger keeps of it. */
export function recordedFailure(name: FailureClass, after: FailureAction, policy: Policy): RecordedFailure {
  const costs = costsAttempt(policy);
  if (after.kind === "rest") {
    const { until, ...who } = after;
    return { class: name, costsAttempt: costs, rest: { ...who, until: new Date(until).toISOString() } };
  }
  return { class: name, costsAttempt: costs, ...after.kind === "block" ? { blocks: true } : {} };
}

function statedEnd({ resumeAt, now }: FailedAttempt): number | null {
  return resumeAt === undefined ? null : Math.min(Math.max(resumeAt, now) + slackMs, now + longestRestMs);
}

function whoRests({ who }: { who: "agent" | "model" }, { model }: FailedAttempt): { model?: string | null } {
  return who === "model" ? { model } : {};
}

/** A number from 0 to below 1 that looks like chance (FNV-1a). */
function fraction(seed: string): number {
  let hash = 0x811c9dc5;
  for (const character of seed) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
