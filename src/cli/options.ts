import { type LimitKey, limitKeys, type Limits, type LimitScope, limitScopes } from "../model/limits.ts";
import type { SandboxLevel } from "../model/sandbox-level.ts";

/** What `loop` was asked to do. Limits that are absent come from the plan, then from the registry. */
export interface LoopOptions {
  /** Absolute directory to work in. */
  dir: string;
  /** The plan as the person named it, relative to `dir`. */
  plan?: string;
  /** How a person writes a command that continues this one (`npm run loop -- -C ../shop`). */
  invocation: string;
  /** `--limit`, and what the `--max-…` flags and `--once` say of the run. */
  limits: Limits;
  /** How long a limited agent may be waited for. */
  maxWaitMs?: number;
  /** Works on this step alone. */
  step?: string;
  /** Used for every step in place of what the plan says. */
  agent?: string;
  /** Lands on this branch in place of the plan's. */
  branch?: string;
  /** Decides and assembles the brief; spawns and changes nothing. */
  dryRun: boolean;
  /** `true`: to the branch's own remote; a string: to that one. */
  push: string | boolean;
  /** `false` leaves the checkout as it is. */
  checkout: boolean;
  /** In place of the plan's `sandbox`. */
  sandbox?: SandboxLevel;
}

/** How events are shown. `auto`: live in a terminal, else lines. */
export interface OutputOptions {
  format: "auto" | "json" | "quiet";
  verbose: boolean;
  timestamps: boolean;
}

export type Parsed<T> = { ok: true; value: T } | { ok: false; message: string };

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90m`, `2h`, `1h30m`, `45s` as milliseconds. A number without a unit is refused: hours and seconds look alike. */
export function parseDuration(text: string): Parsed<number> {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) {
    return { ok: false, message: `needs a unit: ${trimmed}s, ${trimmed}m or ${trimmed}h` };
  }
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(trimmed)) {
    return { ok: false, message: `is not a duration such as 90m, 2h or 1h30m` };
  }
  let ms = 0;
  for (const [, number, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) ms += Number(number) * units[unit!]!;
  return ms > 0 ? { ok: true, value: Math.round(ms) } : { ok: false, message: "must be longer than nothing" };
}

/** A whole number of at least 1. */
export function parseCount(text: string): Parsed<number> {
  const value = Number(text);
  return /^\d+$/.test(text.trim()) && Number.isSafeInteger(value) && value >= 1
    ? { ok: true, value }
    : { ok: false, message: "must be a whole number of at least 1" };
}

/** An amount of US dollars above zero: `5`, `0.50`, `$5`. */
export function parseDollars(text: string): Parsed<number> {
  const value = Number(text.trim().replace(/^\$/, ""));
  return /^\$?\d*\.?\d+$/.test(text.trim()) && value > 0
    ? { ok: true, value }
    : { ok: false, message: "must be an amount in US dollars such as 5 or 0.50" };
}

/** The flags of `loop` as they were written on the command line. */
export interface LoopFlags {
  once?: boolean;
  maxIterations?: number;
  maxTime?: number;
  maxCost?: number;
  maxTokens?: number;
  limit?: OneLimit[];
  maxWait?: number;
  step?: string;
  agent?: string;
  branch?: string;
  dryRun?: boolean;
  push?: string | boolean;
  checkout?: boolean;
  sandbox?: SandboxLevel;
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  timestamps?: boolean;
}

/** Flags that exclude each other are one message. */
export function conflictIn(flags: LoopFlags): string | null {
  if (flags.once === true && flags.maxIterations !== undefined) return "--once and --max-iterations exclude each other";
  const given = limitsGiven(flags).map(nameOf);
  const twice = given.find((name, index) => given.indexOf(name) < index);
  if (twice !== undefined) return `the limit ${twice} is given twice`;
  if (flags.json === true && flags.quiet === true) return "--json and --quiet exclude each other";
  if (flags.quiet === true && flags.verbose === true) return "--quiet and --verbose exclude each other";
  return null;
}

/** Flags as options. Pure. */
export function loopOptions(flags: LoopFlags, place: Pick<LoopOptions, "dir" | "plan" | "invocation">): LoopOptions {
  return {
    ...place,
    limits: limitsOf(limitsGiven(flags)),
    ...(flags.maxWait === undefined ? {} : { maxWaitMs: flags.maxWait }),
    ...(flags.step === undefined ? {} : { step: flags.step }),
    ...(flags.agent === undefined ? {} : { agent: flags.agent }),
    ...(flags.branch === undefined ? {} : { branch: flags.branch }),
    ...(flags.sandbox === undefined ? {} : { sandbox: flags.sandbox }),
    dryRun: flags.dryRun === true,
    push: flags.push ?? false,
    checkout: flags.checkout !== false,
  };
}

/** One limit as the command line gives it. */
export interface OneLimit {
  scope: LimitScope;
  key: LimitKey;
  value: number;
}

/** `day.usd=20`: a scope and a key of registries/limits.json, and an amount above zero. */
export function parseLimit(text: string): Parsed<OneLimit> {
  const [, scope = "", key = "", amount = ""] = /^([a-z]+)\.([a-z]+)=(.*)$/i.exec(text.trim()) ?? [];
  const names = limitScopes.flatMap((one) => limitKeys[one].map((name) => `${one}.${name}`));
  const knownScope = limitScopes.find((one) => one === scope);
  const knownKey = knownScope && limitKeys[knownScope].find((name) => name === key);
  if (knownScope === undefined || knownKey === undefined) {
    return { ok: false, message: `must be one of ${names.join(", ")}, with an amount: day.usd=20` };
  }
  const fractional = knownKey === "usd" || knownKey === "minutes";
  const value = fractional ? parseDollars(amount) : parseCount(amount);
  if (value.ok) return { ok: true, value: { scope: knownScope, key: knownKey, value: value.value } };
  return {
    ok: false,
    message: `needs ${fractional ? "an amount above zero" : "a whole number of at least 1"} behind the =`,
  };
}

/** Every limit that the flags give; `--max-…` are short for those of the run. */
function limitsGiven(flags: LoopFlags): OneLimit[] {
  const run = (key: LimitKey, value: number | undefined): OneLimit[] =>
    value === undefined ? [] : [{ scope: "run", key, value }];
  return [
    ...flags.limit ?? [],
    ...run("iterations", flags.maxIterations),
    ...run("minutes", flags.maxTime === undefined ? undefined : flags.maxTime / 60_000),
    ...run("usd", flags.maxCost),
    ...run("tokens", flags.maxTokens),
    ...run("iterations", flags.once === true ? 1 : undefined),
  ];
}

function nameOf({ scope, key }: OneLimit): string {
  return `${scope}.${key}`;
}

function limitsOf(given: readonly OneLimit[]): Limits {
  const scopes = limitScopes.map((scope) => [
    scope,
    Object.fromEntries(given.filter((one) => one.scope === scope).map(({ key, value }) => [key, value])),
  ]);
  return Object.fromEntries(scopes.filter(([, values]) => Object.keys(values as object).length > 0)) as Limits;
}

/** How the events of `loop` are shown. Pure. */
export function outputOptions(flags: LoopFlags): OutputOptions {
  return {
    format: flags.json === true ? "json" : flags.quiet === true ? "quiet" : "auto",
    verbose: flags.verbose === true,
    timestamps: flags.timestamps === true,
  };
}
