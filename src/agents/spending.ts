import type { Caps } from "../loop/limits.ts";
import { type AgentEvent, tokensOf } from "../model/agent-event.ts";
import type { Reached } from "../model/limits.ts";
import { aboutCost, priceIn, type PriceLists } from "../model/prices.ts";
import type { Tally } from "./tally.ts";

/** What an agent cost: as it says itself, else about, from its tokens and list prices; `null` when nobody knows. */
export function costSoFar(
  tally: Pick<Tally, "costUsd" | "usage" | "model">,
  model: string | null,
  prices: PriceLists,
): { costUsd: number | null; costAbout?: true } {
  if (tally.costUsd !== null) return { costUsd: tally.costUsd };
  const name = tally.model ?? model;
  const price = name === null ? null : priceIn(prices, name);
  if (price === null || tally.usage === null) return { costUsd: null };
  return { costUsd: aboutCost(price, tally.usage), costAbout: true };
}

/**
 * The cap that an agent at work has used up; `null` while it has not, and when it has ended: what is paid for and done
 * is worth verifying.
 */
export function capReached(
  events: readonly AgentEvent[],
  tally: Tally,
  costUsd: number | null,
  caps: Pick<Caps, "money" | "tokens">,
): Reached | null {
  if (tally.end !== null || !events.some(({ kind }) => kind === "usage" || kind === "cost")) return null;
  const used = [[caps.money, costUsd], [caps.tokens, tokensOf(tally.usage)]] as const;
  for (const [cap, amount] of used) {
    if (cap === null || amount === null || amount < cap.left) continue;
    const { scope, limit, allowed } = cap;
    return { scope, limit, used: cap.used + amount, allowed };
  }
  return null;
}
