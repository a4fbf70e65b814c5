import type { AgentEvent, Usage } from "../../model/agent-event.ts";
import { costOf, type Price } from "../../model/prices.ts";

/** Adds up what the requests of one process used. */
export interface Meter {
  /** Counts one request and returns the totals so far as events. */
  add(usage: Usage, price: Price | null): AgentEvent[];
}

/** A meter at zero. One request without a known price makes the whole cost unknown: it is not reported from then on. */
export function createMeter(): Meter {
  const total: Usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
  let usd: number | null = 0;
  return {
    add: (usage, price) => {
      for (const key of Object.keys(total) as (keyof Usage)[]) total[key] += usage[key];
      usd = usd === null || price === null ? null : usd + costOf(price, usage);
      const events: AgentEvent[] = [{ kind: "usage", usage: { ...total } }];
      if (usd !== null) events.push({ kind: "cost", usd });
      return events;
    },
  };
}
