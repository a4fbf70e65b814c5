import { describe, expect, test } from "vitest";
import { capsOf, mergeLimits, runLimits, withLimits } from "../../src/loop/limits.ts";
import type { Limits } from "../../src/model/limits.ts";
import { planSchema } from "../../src/model/plan.ts";
import { readBuiltInRegistries } from "../../src/registries/built-in.ts";
import { loadRegistries } from "../../src/registries/load.ts";

function planOf(limits: unknown, step: Record<string, unknown> = {}) {
  return planSchema.parse({ limits, steps: [{ id: "A", title: "a", ...step }, { id: "B", title: "b" }] });
}

function merged(layers: { commandLine?: Limits; plan?: unknown; registry?: Limits; builtIn?: Limits }) {
  const { commandLine = {}, plan = {}, registry = {}, builtIn = {} } = layers;
  return mergeLimits({ commandLine, plan: planOf(plan).limits, registry, builtIn });
}

describe("merging", () => {
  test("command line, plan, registry, built in: the first that says a key holds, and each says where it is from", () => {
    const limits = merged({
      commandLine: { run: { usd: 1 } },
      plan: { usd: 2, minutes: 30, day: { usd: 20 } },
      registry: { run: { usd: 3, minutes: 60, tokens: 9 }, day: { usd: 30, tokens: 5 } },
      builtIn: { run: { iterations: 100, usd: 4 }, step: { attempts: 5 } },
    });
    expect(limits.map(({ scope, key, allowed, source }) => `${scope}.${key}=${allowed} ${source}`)).toEqual([
      "step.attempts=5 built-in",
      "run.iterations=100 built-in",
      "run.minutes=30 plan",
      "run.usd=1 command-line",
      "run.tokens=9 registry",
      "day.usd=20 plan",
      "day.tokens=5 registry",
    ]);
  });

  test("the plan may name the run, and its short form is the stronger", () => {
    expect(merged({ plan: { run: { usd: 1, tokens: 7 }, usd: 2 } })).toMatchObject([
      { scope: "run", key: "usd", allowed: 2 },
      { scope: "run", key: "tokens", allowed: 7 },
    ]);
  });

  test("decisions get minutes as milliseconds, and `null` where nothing is limited", () => {
    const limits = runLimits(merged({ plan: { minutes: 2, iteration: { tokens: 5 } } }), 9);
    expect(limits).toMatchObject({ timeMs: 120_000, usd: null, iteration: { tokens: 5, usd: null }, maxWaitMs: 9 });
    expect(limits.day).toEqual({ iterations: null, timeMs: null, usd: null, tokens: null });
  });

  test("every limit that comes with Capstan is one that the code falls back to", async () => {
    const loaded = loadRegistries(await readBuiltInRegistries(), {});
    expect(loaded.ok && loaded.registries.limits.builtIn).toEqual({
      iteration: { minutes: 60 },
      step: { attempts: 5 },
      run: { iterations: 100 },
    });
  });
});

describe("limits of steps", () => {
  const limits = { step: { attempts: 3, usd: 6, tokens: 1000, minutes: 90 }, iteration: { minutes: 20 } };

  test("hold for steps that say nothing themselves", () => {
    const plan = planOf({}, { maxAttempts: 9, budgetUsd: 1 });
    const [own, other] = withLimits(plan, merged({ registry: limits })).steps;
    expect(own).toMatchObject({
      maxAttempts: 9,
      budgetUsd: 1,
      budgetTokens: 1000,
      budgetMinutes: 90,
      timeoutMinutes: 20,
    });
    expect(other).toMatchObject({ maxAttempts: 3, budgetUsd: 6 });
    expect(plan.steps[0]).not.toHaveProperty("budgetTokens");
  });

  test("of the command line hold for every step", () => {
    const plan = planOf({}, { maxAttempts: 9 });
    const [own] = withLimits(plan, merged({ commandLine: { step: { attempts: 2 } } })).steps;
    expect(own).toMatchObject({ maxAttempts: 2 });
  });
});

test("an agent may use the least that is left of all scopes, and it is known whose that is", () => {
  const allowance = { iterations: null, timeMs: null, usd: null, tokens: null };
  const used = { iterations: 0, durationMs: 0, costUsd: 0, tokens: 0 };
  const caps = capsOf([
    { scope: "iteration", used, allowance: { ...allowance, usd: 2, tokens: 500 } },
    {
      scope: "run",
      used: { ...used, costUsd: 4.5, durationMs: 1000 },
      allowance: { ...allowance, usd: 5, timeMs: 3000 },
    },
    { scope: "day", used: { ...used, tokens: 100 }, allowance: { ...allowance, usd: 20, tokens: 700 } },
  ]);
  expect(caps).toEqual({
    time: { scope: "run", limit: "time", used: 1000, allowed: 3000, left: 2000 },
    money: { scope: "run", limit: "money", used: 4.5, allowed: 5, left: 0.5 },
    tokens: { scope: "iteration", limit: "tokens", used: 0, allowed: 500, left: 500 },
  });
});
