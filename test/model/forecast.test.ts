import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addStep, forecast, noPace, outlook } from "../../src/model/forecast.ts";
import type { RunSummary } from "../../src/model/event.ts";
import { forecastText, shortForecast } from "../../src/report/forecast-text.ts";

type Row = RunSummary["steps"][number];

function row(facts: Partial<Row>): Row {
  return {
    id: "A",
    title: "a",
    state: "passed",
    evidence: "step",
    attempts: 1,
    costUsd: 0.4,
    costAbout: 0,
    costUnknown: 0,
    durationMs: 300_000,
    ...facts,
  };
}

const open = row({ state: "ready", attempts: 0, costUsd: 0, durationMs: 0 });

function of(...rows: Row[]) {
  const { pace, left } = outlook(rows);
  return forecast(pace, left);
}

describe("a forecast", () => {
  test("is the mean of the steps that passed, times the steps that are left", () => {
    expect(of(row({}), row({ costUsd: 0.6, durationMs: 500_000, attempts: 3 }), open, open)).toEqual({
      steps: 2,
      usd: 1,
      durationMs: 800_000,
    });
  });

  test("is none while nothing is known, and none when nothing is left", () => {
    expect(of(open, open)).toBeNull();
    expect(of(row({}), row({}))).toBeNull();
    expect(of(row({ attempts: 0, evidence: "by-hand" }), open)).toBeNull();
    expect(of(row({ state: "out-of-attempts" }), open)).toBeNull();
  });

  test("leaves out gates, validation steps and what is skipped", () => {
    const others = [row({ type: "gate", state: "gate" }), row({ type: "validation" }), row({ state: "skipped" })];
    expect(of(...others)).toBeNull();
    expect(of(row({}), open, ...others)?.steps).toBe(1);
  });

  test("takes no unknown cost for none: such steps say nothing about money", () => {
    expect(of(row({ costUsd: 0.1, costUnknown: 1 }), open)?.usd).toBeNull();
    expect(of(row({ costUsd: 0.1, costUnknown: 1 }), row({ costUsd: 0.5 }), open)?.usd).toBe(0.5);
  });

  test("says nothing of money where nothing costs any", () => {
    expect(of(row({ costUsd: 0 }), open)).toEqual({ steps: 1, usd: null, durationMs: 300_000 });
  });

  test("never is below zero or without a number, and steps may be added one by one", () => {
    const cost = fc.record({
      durationMs: fc.integer({ min: 0, max: 1e9 }),
      costUsd: fc.integer({ min: 0, max: 1000 }),
      costUnknown: fc.nat(2),
    });
    fc.assert(fc.property(fc.array(cost), fc.nat(100), (costs, left) => {
      const pace = costs.reduce(addStep, noPace);
      const ahead = forecast(pace, left);
      expect(ahead === null).toBe(costs.length === 0 || left === 0);
      for (const amount of [ahead?.durationMs ?? 0, ahead?.usd ?? 0]) expect(amount).toBeGreaterThanOrEqual(0);
      expect(outlook(costs.map((facts) => row(facts))).pace).toEqual(pace);
    }));
  });
});

test.each([
  [
    { steps: 7, usd: 3.2, durationMs: 2_400_000 },
    "about $3.20 and 40 minutes for the 7 steps left",
    "about $3.20, 40 minutes left",
  ],
  [{ steps: 1, usd: null, durationMs: 20_000 }, "about a minute for the step left", "about a minute left"],
  [
    { steps: 3, usd: 80, durationMs: 18_000_000 },
    "about $80.00 and 5 hours for the 3 steps left",
    "about $80.00, 5 hours left",
  ],
  [{ steps: 90, usd: null, durationMs: 864_000_000 }, "about 10 days for the 90 steps left", "about 10 days left"],
])("%j is said as it is: roughly", (ahead, text, short) => {
  expect(forecastText(ahead)).toBe(text);
  expect(shortForecast(ahead)).toBe(short);
});
