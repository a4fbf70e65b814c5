import {
  type Limit,
  type LimitKey,
  limitKeys,
  type Limits,
  type LimitScope,
  limitScopes,
  type LimitSource,
  limitSources,
  type Reached,
} from "../model/limits.ts";
import type { StepState } from "../model/ledger.ts";
import type { Plan, Step } from "../model/plan.ts";
import type { RunLimits } from "./decide.ts";
import type { Spent } from "../model/spent.ts";

/** Everything one scope may use; `null` is no limit. */
export interface Allowance {
  iterations: number | null;
  timeMs: number | null;
  usd: number | null;
  tokens: number | null;
}

/** What was written where. The plan's own keys of steps (`maxAttempts` …) are stronger than its `limits`. */
export interface LimitLayers {
  commandLine: Limits;
  plan: Plan["limits"];
  /** `registries/limits.json` of the repository, and the one that comes with Capstan. */
  registry: Limits;
  builtIn: Limits;
}

/** All limits that hold: command line, then plan, then the repository's registry, then the built-in ones. Pure. */
export function mergeLimits({ commandLine, plan, registry, builtIn }: LimitLayers): Limit[] {
  const { iteration, step, run, day, ...flat } = plan;
  const layers: Record<LimitSource, Limits> = {
    "command-line": commandLine,
    plan: { iteration, step, run: { ...run, ...flat }, day },
    registry,
    "built-in": builtIn,
  };
  return limitScopes.flatMap((scope) =>
    limitKeys[scope].flatMap((key): Limit[] => {
      for (const source of limitSources) {
        const allowed = written(layers[source], scope, key);
        if (allowed !== undefined) return [{ scope, key, allowed, source }];
      }
      return [];
    })
  );
}

function written(limits: Limits, scope: LimitScope, key: LimitKey): number | undefined {
  return (limits[scope] as Partial<Record<LimitKey, number>> | undefined)?.[key];
}

/** Keys of a step that are limits, by the limit that fills them in. */
const stepKeys = [
  { key: "maxAttempts", limit: "step.attempts" },
  { key: "budgetMinutes", limit: "step.minutes" },
  { key: "budgetUsd", limit: "step.usd" },
  { key: "budgetTokens", limit: "step.tokens" },
  { key: "timeoutMinutes", limit: "iteration.minutes" },
] as const;

/** The plan with the limits on its steps: what a step does not say itself, and what the command line says of all. Pure. */
export function withLimits(plan: Plan, limits: readonly Limit[]): Plan {
  const given = stepKeys.flatMap(({ key, limit }) => {
    const found = limits.find((one) => `${one.scope}.${one.key}` === limit);
    return found === undefined ? [] : [{ key, allowed: found.allowed, isForced: found.source === "command-line" }];
  });
  const filled = (step: Step): Partial<Step> =>
    Object.fromEntries(
      given.filter(({ key, isForced }) => isForced || step[key] === undefined).map((
        { key, allowed },
      ) => [key, allowed]),
    );
  return { ...plan, steps: plan.steps.map((step) => ({ ...step, ...filled(step) })) };
}

/** How long a run waits for a limited agent when nobody says (`--max-wait`). */
const defaultMaxWaitMs = 6 * 3_600_000;

/** The limits that decisions rest on; those of steps stand on the steps (`withLimits`). */
export function runLimits(limits: readonly Limit[], maxWaitMs: number = defaultMaxWaitMs): RunLimits {
  return {
    ...allowanceOf(limits, "run"),
    iteration: allowanceOf(limits, "iteration"),
    day: allowanceOf(limits, "day"),
    maxWaitMs,
  };
}

/** What one scope may use, as the decision wants it. */
function allowanceOf(limits: readonly Limit[], scope: LimitScope): Allowance {
  const of = (key: LimitKey) => limits.find((limit) => limit.scope === scope && limit.key === key)?.allowed ?? null;
  const minutes = of("minutes");
  return {
    iterations: of("iterations"),
    timeMs: minutes === null ? null : minutes * 60_000,
    usd: of("usd"),
    tokens: of("tokens"),
  };
}

type Used = Pick<Spent, "iterations" | "durationMs" | "costUsd" | "tokens">;

/** The first limit of a scope that is reached. */
export function reachedIn(scope: LimitScope, used: Used, allowance: Allowance): Reached | null {
  return checks(used, allowance).map((check): Reached | null =>
    check.allowed !== null && check.used >= check.allowed ? { scope, ...check, allowed: check.allowed } : null
  ).find((reached) => reached !== null) ?? null;
}

function checks(used: Used, allowed: Allowance) {
  return [
    { limit: "iterations", used: used.iterations, allowed: allowed.iterations },
    { limit: "time", used: used.durationMs, allowed: allowed.timeMs },
    { limit: "money", used: used.costUsd, allowed: allowed.usd },
    { limit: "tokens", used: used.tokens, allowed: allowed.tokens },
  ] as const;
}

/** What all attempts on a step may use. */
export function stepAllowance(step: Step): Allowance {
  return {
    iterations: null,
    timeMs: step.budgetMinutes === undefined ? null : step.budgetMinutes * 60_000,
    usd: step.budgetUsd ?? null,
    tokens: step.budgetTokens ?? null,
  };
}

/** The first of a step's own budgets that is used up. */
export function stepReached(step: Step, known: StepState | undefined): Reached | null {
  return known === undefined ? null : reachedIn("step", known, stepAllowance(step));
}

/** The tightest limit on one agent process: what it may still use of it, and what was used before it. */
export interface Cap extends Reached {
  left: number;
}

/** The tightest limits on one agent process; absent where nothing is limited. */
export interface Caps {
  time: Cap | null;
  money: Cap | null;
  tokens: Cap | null;
}

/** What the next process may use: of its own, the step's, the run's and the day's allowance whichever is the least. Pure. */
export function capsOf(scopes: readonly { scope: LimitScope; used: Used; allowance: Allowance }[]): Caps {
  const all = scopes.flatMap(({ scope, used, allowance }) =>
    checks(used, allowance).flatMap((check): Cap[] =>
      check.allowed === null ? [] : [{ scope, ...check, allowed: check.allowed, left: check.allowed - check.used }]
    )
  );
  const least = (limit: Reached["limit"]) =>
    all.filter((cap) => cap.limit === limit).toSorted((a, b) => a.left - b.left)[0] ?? null;
  return { time: least("time"), money: least("money"), tokens: least("tokens") };
}

/** The limit of a cap with what the process itself used of it added. */
export function reachedBy({ scope, limit, used, allowed }: Cap, more: number): Reached {
  return { scope, limit, used: used + more, allowed };
}
