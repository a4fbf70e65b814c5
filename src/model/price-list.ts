import type { PriceLists } from "./prices.ts";
import { z } from "./zod.ts";

const amount = z.number().nonnegative();

const rates = {
  input: amount.describe("Tokens of the prompt that come from no cache"),
  output: amount.describe("Tokens that the model writes, its thoughts too"),
  cacheRead: amount.optional().describe("Tokens of the prompt that come from a cache; `input` when absent"),
  cacheWrite: amount.optional().describe("Tokens of the prompt that go into a cache; `input` when absent"),
};

const priceSchema = z.strictObject({
  ...rates,
  longPrompt: z.strictObject({ above: z.int().positive(), ...rates }).optional().describe(
    "What a request costs whose whole prompt is longer than `above` tokens",
  ),
});

/** One entry of `registries/prices.json`: a vendor's list prices in US dollars per million tokens. */
export const priceListSchema = z.strictObject({
  asOf: z.iso.date({ error: "must be a date such as 2026-11-10" }).describe("The day on which the list was true"),
  source: z.string().min(1).describe("Where the list was taken from"),
  models: z.record(z.string().min(1), priceSchema).describe("By model name; `*` stands for any characters"),
});

export const pricesSchema: z.ZodType<PriceLists> = z.record(z.string().min(1), priceListSchema);
