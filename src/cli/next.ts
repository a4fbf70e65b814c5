import { decide, type Decision } from "../loop/decide.ts";
import { runLimits } from "../loop/limits.ts";
import type { Observation } from "../loop/ports.ts";
import type { Agent } from "../model/agents.ts";
import type { Limit } from "../model/limits.ts";
import { systemClock } from "../system/clock.ts";
import { verifiable } from "../validators/select.ts";

/** What a run would be asked to do, for commands that only look. */
export interface NextOptions {
  now: number;
  only?: string | undefined;
  agent?: string | undefined;
  maxWaitMs: number;
  /** Those that a run would be bound by; a fresh run has used none of its own. @default {none} */
  limits?: readonly Limit[];
  /** Whose models stand in for one another. @default {nobody's} */
  agents?: readonly Pick<Agent, "id" | "fallbackModels">[];
}

/** What a run that started now would do first. Pure. */
export function nextDecision(
  observation: Observation,
  { now, only, agent, maxWaitMs, limits = [], agents = [] }: NextOptions,
): Decision {
  const { plan, ledger, failures } = observation;
  return decide({
    plan,
    ledger,
    use: { startedAt: now, now, iterations: 0, costUsd: 0, costAbout: 0, costUnknown: 0, tokens: 0, waitedMs: 0 },
    limits: runLimits(limits, maxWaitMs),
    day: systemClock.dayOf(now),
    only: only ?? null,
    agent: agent ?? null,
    chosen: lastChosen(observation),
    fallbackModels: Object.fromEntries(agents.map(({ id, fallbackModels }) => [id, fallbackModels])),
    unusable: {},
    failures,
    unverifiable: unverifiableSteps(observation),
    interrupted: null,
  });
}

/** Steps that no validator can verify, by id. */
export function unverifiableSteps({ plan, validators }: Observation): Set<string> {
  return new Set(plan.steps.filter((step) => !step.passes && !verifiable(step, validators)).map(({ id }) => id));
}

/** What `auto` came to last: looking it up again would start programs. */
export function lastChosen({ ledger }: Observation): Record<string, string> {
  const newest = Object.values(ledger.steps)
    .flatMap(({ recent }) => recent.at(-1) ?? [])
    .toSorted((a, b) => a.at < b.at ? -1 : 1)
    .at(-1);
  return newest === undefined ? {} : { auto: newest.agent };
}
