import { expect, test } from "vitest";
import { aboutCost, costOf, type Price, priceIn, type PriceLists } from "../../src/model/prices.ts";

const list = (models: Record<string, Price>) => ({ asOf: "2026-11-01", source: "test", models });
const price = (input: number): Price => ({ input, output: 10 });
const lists: PriceLists = {
  ours: list({ "gpt-6*": price(1), "gpt-6-sol*": price(2), "vendor/odd": price(7) }),
  theirs: list({ "gpt-6-sol-fast": price(3), "claude-x-4-5": price(4) }),
};
const usage = { inputTokens: 1_000_000, outputTokens: 0, cacheReadTokens: 1_000_000, cacheWriteTokens: 0 };

test.each([
  ["gpt-6-sol-fast", 3],
  ["gpt-6-sol-slow", 2],
  ["gpt-6", 1],
  ["openai/gpt-6-luna", 1],
  ["vendor/odd", 7],
  ["claude-x-4-5-20251001", 4],
  ["claude-x-4-5[1m]", 4],
  ["claude-x-4-5-2025-10-01", 4],
  ["gpt-5", null],
  ["constructor", null],
  ["", null],
])("the model %s costs %s: its name, then the longest pattern", (model, input) => {
  expect(priceIn(lists, model)?.input ?? null).toBe(input);
});

test("a cache without a price costs what input costs, and only a request has a long prompt", () => {
  const long = { ...price(1), longPrompt: { above: 1000, input: 5, output: 20 } };
  expect(costOf(price(1), usage)).toBeCloseTo(2);
  expect(costOf({ ...price(1), cacheRead: 0.1 }, usage)).toBeCloseTo(1.1);
  expect(costOf(long, usage)).toBeCloseTo(10);
  expect(aboutCost(long, usage)).toBeCloseTo(2);
});
