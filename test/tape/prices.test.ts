import { expect, test } from "vitest";
import { priceOf } from "../../src/agents/builtin/prices.ts";
import { costOf } from "../../src/model/prices.ts";

const usage = { inputTokens: 3600, outputTokens: 165, cacheReadTokens: 2400, cacheWriteTokens: 300 };

test("prices agree with what Claude Code reports for the same tokens", () => {
  // Recorded from the real program, version 2.1.329.
  expect(costOf(priceOf("claude-opus-5-5")!, usage)).toBeCloseTo(0.01968, 9);
  const small = { inputTokens: 1200, outputTokens: 55, cacheReadTokens: 800, cacheWriteTokens: 100 };
  expect(costOf(priceOf("claude-haiku-5-5")!, small)).toBeCloseTo(0.000168, 9);
});

test("a long prompt has its own price, and the cache counts as prompt", () => {
  const haiku = priceOf("claude-haiku-5-5")!;
  const long = { inputTokens: 1000, outputTokens: 1000, cacheReadTokens: 100_000, cacheWriteTokens: 0 };
  expect(costOf(haiku, long)).toBeCloseTo((1000 * 0.5 + 1000 * 2.5 + 100_000 * 0.05) / 1e6, 9);
});

test("a dated name costs what its model costs, an unknown model has no price", () => {
  expect(priceOf("claude-haiku-4-5-20251001")).toEqual(priceOf("claude-haiku-4-5"));
  expect(priceOf("claude-imaginary-9")).toBeNull();
  expect(priceOf("toString")).toBeNull();
});
