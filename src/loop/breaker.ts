import { type Breaker, breakerState, coolDownEnd, type Trip } from "../model/breaker.ts";
import type { Notice } from "../model/event.ts";
import type { Halt } from "../model/halt.ts";
import type { LedgerState } from "../model/ledger.ts";
import type { Step } from "../model/plan.ts";
import { stepHash } from "../plan/step-hash.ts";
import { maxAttemptsOf } from "./ready.ts";
import { agentsFor, type Crew } from "./turn.ts";

/** Who may be asked, and when. */
type Asked = Pick<Crew, "agent" | "chosen" | "now">;

type BreakerHalt = Extract<Halt, { reason: "breaker" }>;

/** Why no attempt at the step is allowed now: its own breaker, or that of the whole plan, is open. Pure. */
export function openBreaker(ledger: LedgerState, step: Step, crew: Asked): BreakerHalt | null {
  const { now } = crew;
  const known = ledger.steps[step.id];
  const left = Math.max(0, maxAttemptsOf(step) - (known?.attempts ?? 0));
  const halt = (trip: Trip, scope: "step" | "plan"): BreakerHalt => ({
    reason: "breaker",
    step: scope === "step" ? step.id : trip.tried.at(-1)?.step ?? step.id,
    scope,
    trip,
    until: coolDownEnd(trip),
    left,
  });
  const own = known?.breaker;
  if (own?.trip && stops(own.trip, step, crew) && breakerState(own, now, stepHash(step)) === "open") {
    return halt(own.trip, "step");
  }
  const { breaker } = ledger;
  const stopsAll = breaker.trip !== null && stops(breaker.trip, step, crew) && breakerState(breaker, now) === "open";
  return stopsAll ? halt(breaker.trip!, "plan") : null;
}

/** Logins that failed stop a step only while every agent that may work on it is one of those. */
function stops(trip: Trip, step: Step, { agent, chosen }: Asked): boolean {
  const failed = new Set(trip.tried.map((trial) => trial.agent));
  return trip.kind !== "auth" || agentsFor(step, agent).every((name) => failed.has(chosen[name] ?? name));
}

/** The breaker that allows this one attempt at the step after its cool-down, or `null`. Pure. */
export function halfOpenBreaker(
  ledger: LedgerState,
  step: Step,
  now: number,
): { scope: "step" | "plan"; trip: Trip } | null {
  const own = ledger.steps[step.id]?.breaker;
  if (own?.trip && breakerState(own, now, stepHash(step)) === "half-open") return { scope: "step", trip: own.trip };
  const { breaker } = ledger;
  return breaker.trip !== null && breakerState(breaker, now) === "half-open"
    ? { scope: "plan", trip: breaker.trip }
    : null;
}

/** What an attempt at `step` did to the breakers, for people. Pure. */
export function breakerNews(before: LedgerState, after: LedgerState, step: string): Notice[] {
  const opened = (was: Breaker | undefined, is: Breaker | undefined): Trip | null =>
    is?.trip && is.trip.at !== was?.trip?.at ? is.trip : null;
  const own = opened(before.steps[step]?.breaker, after.steps[step]?.breaker);
  const plans = opened(before.breaker, after.breaker);
  return [
    ...own === null ? [] : [{ kind: "breaker", state: "open", step, scope: "step", trip: own } as const],
    ...plans === null ? [] : [{ kind: "breaker", state: "open", step, scope: "plan", trip: plans } as const],
  ];
}
