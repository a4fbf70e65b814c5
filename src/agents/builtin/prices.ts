import type { Usage } from "../../model/agent-event.ts";

/** US dollars per million tokens. Cache writes are those that live for five minutes, the only kind used here. */
export interface Price {
  input: number;
  output: number;
  cacheWrite: number;
  cacheRead: number;
  /** A request whose whole prompt is longer than this many tokens costs these prices instead. */
  longPrompt?: { above: number; price: Price };
}

const opus4: Price = { input: 5, output: 25, cacheWrite: 6.25, cacheRead: 0.5 };
const sonnet4: Price = { input: 3, output: 15, cacheWrite: 3.75, cacheRead: 0.3 };
const fable5: Price = { input: 10, output: 50, cacheWrite: 12.5, cacheRead: 1 };
const fable51: Price = { ...fable5, cacheRead: 0.25 };

/**
 * List prices by model name, as https://platform.claude.com/docs/en/about-claude/pricing had them on 2026-10-24;
 * those of Opus 5.5 and Haiku 5.5 agree with what Claude Code reported on 2026-11-20. A model that is missing here has no
 * known cost, which is not the same as none.
 */
const prices: Record<string, Price> = {
  "claude-fable-5-1": fable51,
  "claude-mythos-5-1": fable51,
  "claude-fable-5": fable5,
  "claude-mythos-5": fable5,
  "claude-opus-5-5": { input: 4, output: 20, cacheWrite: 5, cacheRead: 0.2 },
  "claude-opus-5": opus4,
  "claude-opus-4-8": opus4,
  "claude-opus-4-7": opus4,
  "claude-opus-4-6": opus4,
  "claude-opus-4-5": opus4,
  "claude-sonnet-5-5": { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.1 },
  "claude-sonnet-5": { input: 2, output: 10, cacheWrite: 2.5, cacheRead: 0.2 },
  "claude-sonnet-4-6": sonnet4,
  "claude-sonnet-4-5": sonnet4,
  "claude-haiku-5-5": {
    input: 0.1,
    output: 0.5,
    cacheWrite: 0.125,
    cacheRead: 0.01,
    longPrompt: { above: 100_000, price: { input: 0.5, output: 2.5, cacheWrite: 0.625, cacheRead: 0.05 } },
  },
  "claude-haiku-4-5": { input: 1, output: 5, cacheWrite: 1.25, cacheRead: 0.1 },
};

/** The price of a model, or `null` when it is not known. A dated name (`claude-haiku-4-5-20251001`) costs what its model costs. */
export function priceOf(model: string): Price | null {
  const name = model.replace(/-\d{8}$/, "");
  return Object.hasOwn(prices, name) ? prices[name]! : null;
}

/** What one request cost, in US dollars, at list prices. */
export function costOf(price: Price, usage: Usage): number {
  const promptTokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  const { longPrompt } = price;
  const rate = longPrompt !== undefined && promptTokens > longPrompt.above ? longPrompt.price : price;
  return (usage.inputTokens * rate.input + usage.outputTokens * rate.output +
    usage.cacheWriteTokens * rate.cacheWrite + usage.cacheReadTokens * rate.cacheRead) / 1_000_000;
}
