/** What may be limited for each scope, in the words of the files and in the order in which it is shown. */
export const limitKeys = {
  iteration: ["minutes", "usd", "tokens"],
  step: ["attempts", "minutes", "usd", "tokens"],
  run: ["iterations", "minutes", "usd", "tokens"],
  day: ["iterations", "minutes", "usd", "tokens"],
} as const;

export type LimitScope = keyof typeof limitKeys;

export type LimitKey = (typeof limitKeys)[LimitScope][number];

export const limitScopes = Object.keys(limitKeys) as LimitScope[];

/** Limits as they were written in one place. */
export type Limits = { [S in LimitScope]?: { [K in (typeof limitKeys)[S][number]]?: number | undefined } | undefined };

/** Where a limit that holds was written; the earlier one is the stronger. */
export const limitSources = ["command-line", "plan", "registry", "built-in"] as const;
export type LimitSource = (typeof limitSources)[number];

/** One limit that holds. `allowed` is in the unit of its key. */
export interface Limit {
  scope: LimitScope;
  key: LimitKey;
  allowed: number;
  source: LimitSource;
}

/** What is used up when a limit is reached: `time` in milliseconds, `money` in US dollars. */
export type LimitedThing = "iterations" | "time" | "money" | "tokens";

/** One limit reached: how much was used of what is allowed. */
export interface Reached {
  scope: LimitScope;
  limit: LimitedThing;
  used: number;
  allowed: number;
}
