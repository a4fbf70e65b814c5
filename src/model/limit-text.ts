import { type LimitedThing, type LimitScope, type Reached } from "./limits.ts";
import { dollars, duration, quantity } from "./text.ts";

/** A limit's scope as it follows an amount: `$5.00 a day`. */
export const scopeTexts: Record<LimitScope, string> = {
  iteration: "an iteration",
  step: "a step",
  run: "a run",
  day: "a day",
};

const amounts: Record<LimitedThing, (amount: number) => string> = {
  iterations: (amount) => `${amount} ${amount === 1 ? "iteration" : "iterations"}`,
  time: duration,
  money: dollars,
  tokens: (amount) => `${quantity(amount)} tokens`,
};

/** `12 iterations`, `2h 00m`, `$5.00`, `1.2M tokens`. */
export function amountText(limit: LimitedThing, amount: number): string {
  return amounts[limit](amount);
}

/** `the limit of $5.00 a day ($5.02 used)`. */
export function reachedText({ scope, limit, used, allowed }: Reached): string {
  return `the limit of ${amountText(limit, allowed)} ${scopeTexts[scope]} (${amountText(limit, used)} used)`;
}
