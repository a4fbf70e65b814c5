import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { afterFailure, backOffMs, classOf, type FailedAttempt } from "../../src/loop/after-failure.ts";
import { agentFaultClasses } from "../../src/model/agent-event.ts";
import { type FailureClass, failureClasses, type Failures, type Policy } from "../../src/model/failure.ts";
import { outcomeKinds } from "../../src/model/outcome.ts";
import { failures } from "../support/failures.ts";

const now = Date.UTC(2026, 10, 20, 16);
const minute = 60_000;

function failed(name: FailureClass, more: Partial<FailedAttempt> = {}): FailedAttempt {
  return { class: name, agent: "claude", model: "opus", resumeAt: undefined, rests: {}, now, seed: "s", ...more };
}

function withPolicy(name: FailureClass, policy: Policy): Failures {
  return { ...failures, [name]: { ...failures[name], policy } };
}

describe("what the built-in policies make of a failure", () => {
  test.each<[FailureClass, string]>([
    ["overflow", "shrink"],
    ["billing", "give-up"],
    ["admin-disabled", "give-up"],
    ["rate-limit", "rest"],
    ["overloaded", "rest opus"],
    ["auth", "give-up"],
    ["model", "give-up opus"],
    ["network", "rest"],
    ["server", "rest"],
    ["refused", "retry"],
    ["turn-limit", "retry"],
    ["budget-limit", "retry"],
    ["anomaly", "retry"],
    ["unknown", "retry"],
    ["failed", "retry"],
    ["no-change", "retry"],
    ["timeout", "retry"],
    ["stalled", "retry"],
    ["tampered", "retry"],
  ])("%s: %s", (name, expected) => {
    const action = afterFailure(failures, failed(name));
    const model = "model" in action ? ` ${action.model}` : "";
    expect(`${action.kind}${model}`).toBe(expected);
  });

  test("every class has one", () => {
    for (const name of failureClasses) expect(failures[name]?.policy).toBeDefined();
  });
});

describe("a limit", () => {
  test("rests until the time that was named, and a little longer", () => {
    const action = afterFailure(failures, failed("rate-limit", { resumeAt: now + 90 * minute }));
    expect(action).toEqual({ kind: "rest", until: now + 90 * minute + 5_000 });
  });

  test("rests for the policy's minutes when nobody named a time", () => {
    expect(afterFailure(failures, failed("rate-limit"))).toEqual({ kind: "rest", until: now + 5 * minute });
  });

  test("never ends in the past, nor beyond what a provider's window can be", () => {
    fc.assert(fc.property(fc.integer(), (resumeAt) => {
      const action = afterFailure(failures, failed("rate-limit", { resumeAt }));
      if (action.kind !== "rest") throw new Error(action.kind);
      expect(action.until).toBeGreaterThan(now);
      expect(action.until).toBeLessThanOrEqual(now + 8 * 86_400_000);
    }));
  });
});

describe("a back-off", () => {
  const policy = { kind: "back-off", who: "agent", firstSeconds: 30, mostSeconds: 900, times: 4 } as const;
  const after = (times: number, more: Partial<FailedAttempt> = {}) =>
    afterFailure(
      withPolicy("server", policy),
      failed("server", { rests: times === 0 ? {} : { claude: { until: 0, why: "", times } }, ...more }),
    );

  test("doubles from the first rest to the longest, a quarter more or less", () => {
    for (const [before, seconds] of [30, 60, 120, 240, 480, 900, 900].entries()) {
      const ms = backOffMs(policy, before, `run/US-001/${before}`);
      expect(ms).toBeGreaterThanOrEqual(seconds * 750);
      expect(ms).toBeLessThanOrEqual(seconds * 1250);
    }
  });

  test("is the same for the same attempt, and spread over different ones", () => {
    const seeds = Array.from({ length: 200 }, (_, index) => `run-${index}/US-001/1`);
    const rests = seeds.map((seed) => backOffMs(policy, 0, seed));
    expect(rests).toEqual(seeds.map((seed) => backOffMs(policy, 0, seed)));
    expect(new Set(rests).size).toBeGreaterThan(150);
    expect(Math.min(...rests)).toBeLessThan(25_000);
    expect(Math.max(...rests)).toBeGreaterThan(35_000);
  });

  test("gives up after so many in a row", () => {
    expect(after(2).kind).toBe("rest");
    expect(after(3)).toEqual({ kind: "give-up", times: 4 });
    expect(after(99)).toMatchObject({ kind: "give-up" });
  });

  test("waits as long as the provider asked for, where that is longer", () => {
    expect(after(0, { resumeAt: now + 60 * minute })).toEqual({ kind: "rest", until: now + 60 * minute + 5_000 });
    const sooner = after(1, { resumeAt: now + 1_000 });
    expect(sooner.kind === "rest" && sooner.until).toBeGreaterThanOrEqual(now + 45_000);
  });

  test("counts a model's failures apart from those of its agent", () => {
    const ofModel = withPolicy("server", { ...policy, who: "model" });
    const rests = { claude: { until: 0, why: "", times: 9 }, "claude:opus": { until: 0, why: "", times: 2 } };
    expect(afterFailure(ofModel, failed("server", { rests }))).toMatchObject({ kind: "rest", model: "opus" });
  });
});

describe("the class of an attempt", () => {
  test("is what the agent reported, where it reported a failure", () => {
    for (const name of agentFaultClasses) {
      expect(classOf("agent-error", { kind: "agent-error", fault: { class: name, message: "" } })).toBe(name);
    }
  });

  test("is none where nothing failed", () => {
    const none = outcomeKinds.filter((outcome) => classOf(outcome, null) === null);
    expect(none).toEqual(["passed", "asked", "superseded", "interrupted"]);
  });
});
