import type { Usage } from "./agent-event.ts";
import { globMatcher } from "./glob.ts";

/** US dollars per million tokens. A cache without a price costs what `input` costs. */
interface Rates {
  input: number;
  output: number;
  cacheRead?: number | undefined;
  cacheWrite?: number | undefined;
}

export interface Price extends Rates {
  /** What a request costs whose whole prompt is longer than `above` tokens. */
  longPrompt?: Rates & { above: number } | undefined;
}

/** One vendor's list prices, with the day on which they were true and where they were taken from. */
export interface PriceList {
  asOf: string;
  source: string;
  /** By model name; `*` stands for any characters. */
  models: Record<string, Price>;
}

export type PriceLists = Record<string, PriceList>;

/**
 * The price of a model, or `null` when no list has it: unknown, which is not the same as free. The name itself goes
 * before a glob, the longest glob before a shorter one. A dated name (`claude-haiku-4-5-20251001`, `gpt-5-2025-08-07`),
 * one with a provider in front (`openai/gpt-5`) or a window behind it (`[1m]`) costs what its model costs.
 */
export function priceIn(lists: PriceLists, model: string): Price | null {
  const name = model.replace(/^.*\//, "").replace(/\[[^\]]*\]$/, "");
  const undated = name.replace(/-\d{8}$|-\d{4}-\d{2}-\d{2}$/, "");
  const all = Object.values(lists).flatMap(({ models }) => Object.entries(models));
  for (const wanted of [model, name, undated]) {
    const exact = all.find(([key]) => key === wanted);
    if (exact !== undefined) return exact[1];
  }
  const globs = all.filter(([key]) => key.includes("*") && globMatcher([key])(undated));
  return globs.toSorted(([a], [b]) => b.length - a.length)[0]?.[1] ?? null;
}

/** What one request cost, in US dollars. */
export function costOf(price: Price, usage: Usage): number {
  const promptTokens = usage.inputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
  const { longPrompt } = price;
  return costAt(longPrompt !== undefined && promptTokens > longPrompt.above ? longPrompt : price, usage);
}

/** About what many requests cost together: nobody knows which of them had a long prompt. */
export function aboutCost(price: Price, usage: Usage): number {
  return costAt(price, usage);
}

function costAt({ input, output, cacheRead = input, cacheWrite = input }: Rates, usage: Usage) {
  return (usage.inputTokens * input + usage.outputTokens * output + usage.cacheWriteTokens * cacheWrite +
    usage.cacheReadTokens * cacheRead) / 1_000_000;
}
