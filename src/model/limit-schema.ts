import type { Limits } from "./limits.ts";
import { z } from "./zod.ts";

const positive = z.number().positive();
const whole = z.int().positive();

const minutes = positive.optional().describe("Minutes of work; waiting for a limited agent counts for a run only");
const usd = positive.optional().describe("US dollars");
const tokens = whole.optional().describe("Tokens, cached ones too");
const iterations = whole.optional();

/** The scopes that a limit may have; an absent key is no limit. */
const scopes = {
  iteration: z.strictObject({ minutes, usd, tokens }).optional().describe("What one iteration may use"),
  step: z.strictObject({ attempts: whole.optional(), minutes, usd, tokens }).optional().describe(
    "What all attempts on one step may use, over all runs",
  ),
  run: z.strictObject({ iterations, minutes, usd, tokens }).optional().describe("What one run may use"),
  day: z.strictObject({ iterations, minutes, usd, tokens }).optional().describe(
    "What all runs of the plan may use in one day, from midnight to midnight",
  ),
};

/** `registries/limits.json`. Keys that an overlaying file gives replace those below, one by one. */
export const limitsSchema: z.ZodType<Limits> = z.strictObject(scopes);

/** The plan's `limits`: the same, and the keys of `run` may stand at the top. */
export const planLimits = z.object({ iterations, minutes, usd, tokens, ...scopes });
