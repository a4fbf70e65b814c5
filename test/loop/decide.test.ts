import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Breaker, coolDownMs, type Trial, type TripKind } from "../../src/model/breaker.ts";
import { stepHash } from "../../src/plan/step-hash.ts";
import { carryFor, decide, type DecideState, type Decision } from "../../src/loop/decide.ts";
import { failures } from "../support/failures.ts";
import { runLimits } from "../../src/loop/limits.ts";
import { emptyLedger, newStep } from "../../src/model/fold.ts";
import type { AttemptRecord, LedgerState, StepState } from "../../src/model/ledger.ts";
import { nothingSpent } from "../../src/model/spent.ts";
import { type Plan, planSchema } from "../../src/model/plan.ts";

const noLimits = runLimits([], 3_600_000);
const unused = { iterations: 0, costUsd: 0, costAbout: 0, costUnknown: 0, tokens: 0, waitedMs: 0 };

function plan(steps: Record<string, unknown>[], more: Record<string, unknown> = {}): Plan {
  return planSchema.parse({ steps: steps.map((step) => ({ title: "t", ...step })), ...more });
}

function stepState(more: Partial<StepState> = {}): StepState {
  return { ...newStep(), ...more };
}

function ledger(steps: Record<string, StepState> = {}, more: Partial<LedgerState> = {}): LedgerState {
  return { ...emptyLedger(), steps, ...more };
}

function state(more: Partial<DecideState> & { plan: Plan }): DecideState {
  return {
    ledger: ledger(),
    use: { startedAt: 0, now: 0, ...unused },
    limits: noLimits,
    day: { startsAt: 0, endsAt: 86_400_000 },
    only: null,
    agent: null,
    chosen: {},
    fallbackModels: {},
    unusable: {},
    failures,
    unverifiable: new Set(),
    interrupted: null,
    ...more,
  };
}

/** A decision in a few words, so that tables stay readable. */
function inWords(decision: Decision): string {
  if (decision.kind === "halt") {
    const { halt } = decision;
    return `halt ${halt.reason}${"step" in halt ? ` ${halt.step}` : ""}${"limit" in halt ? ` ${halt.limit}` : ""}`;
  }
  return decision.kind === "wait" ? `wait ${decision.agent}` : `${decision.kind} ${decision.step.id}`;
}

/** One dollar, spent in this quarter of an hour. */
const spentAt = (quarter: number) => ({ ...nothingSpent, quarter, iterations: 1, costUsd: 1 });

/** A breaker that opened at 0 for a step of this text. */
function tripped(step: Record<string, unknown> = { id: "A" }, kind: TripKind = "same-failure"): Breaker {
  const hash = stepHash(plan([step]).steps[0]!);
  const trial: Trial = {
    step: String(step.id),
    stepHash: hash,
    attempt: 3,
    at: "1970-01-01T00:00:00.000Z",
    agent: "claude",
    outcome: "failed",
    counts: "same-failure",
    failure: "f",
    signature: "",
    gauge: { failing: null, percent: null, tree: null },
    summary: "",
  };
  return { trials: [trial], trip: { kind, at: trial.at, times: 1, tried: [trial], evidence: "" } };
}

const approved = { state: "approved", by: "ann", at: "", note: "" } as const;
const list = plan([{ id: "A" }, { id: "B" }]);
const gated = plan([{ id: "A", passes: true }, { id: "G", type: "gate" }, { id: "B" }]);
const graph = plan([{ id: "A" }, { id: "B" }, { id: "C", needs: ["A"] }]);

describe("decide", () => {
  test.each<[string, Partial<DecideState> & { plan: Plan }, string]>([
    ["takes the first open step", { plan: list }, "iterate A"],
    [
      "lets priority go before file order",
      { plan: plan([{ id: "A", priority: 2 }, { id: "B", priority: 1 }]) },
      "iterate B",
    ],
    ["puts steps without a priority last", { plan: plan([{ id: "A" }, { id: "B", priority: 9 }]) }, "iterate B"],
    ["is complete when every step passes", { plan: plan([{ id: "A", passes: true }]) }, "halt complete"],
    [
      "sees completion before any limit, also on the last allowed iteration",
      {
        plan: plan([{ id: "A", passes: true }]),
        limits: { ...noLimits, iterations: 1 },
        use: { startedAt: 0, now: 0, ...unused, iterations: 1 },
      },
      "halt complete",
    ],
    ["halts at a gate that nobody opened", { plan: gated }, "close-gate G"],
    ["keeps a rejected gate closed", {
      plan: gated,
      ledger: ledger({ G: stepState({ gate: { ...approved, state: "rejected" } }) }),
    }, "close-gate G"],
    ["opens an approved gate", { plan: gated, ledger: ledger({ G: stepState({ gate: approved }) }) }, "open-gate G"],
    ["halts at an open question", {
      plan: list,
      ledger: ledger({ A: stepState({ question: { text: "which one?", at: "" } }) }),
    }, "halt question A"],
    [
      "halts when a step is out of attempts",
      { plan: list, ledger: ledger({ A: stepState({ attempts: 5 }) }) },
      "halt out-of-attempts A",
    ],
    [
      "halts at an open breaker",
      { plan: list, ledger: ledger({ A: stepState({ breaker: tripped() }) }) },
      "halt breaker A",
    ],
    ["allows an attempt after the cool-down", {
      plan: list,
      ledger: ledger({ A: stepState({ breaker: tripped() }) }),
      use: { startedAt: 0, now: coolDownMs, ...unused },
    }, "iterate A"],
    ["says that attempts are used up rather than that the breaker is open: a retry would not help", {
      plan: list,
      ledger: ledger({ A: stepState({ attempts: 5, breaker: tripped() }) }),
    }, "halt out-of-attempts A"],
    ["has no breaker for a step that was rewritten", {
      plan: plan([{ id: "A", description: "said better" }]),
      ledger: ledger({ A: stepState({ breaker: tripped() }) }),
    }, "iterate A"],
    ["stops no validation step less than any other", {
      plan: plan([{ id: "A", type: "validation" }]),
      ledger: ledger({ A: stepState({ breaker: tripped({ id: "A", type: "validation" }) }) }),
    }, "halt breaker A"],
    ["goes on with what does not need a step whose breaker is open", {
      plan: graph,
      ledger: ledger({ A: stepState({ breaker: tripped() }) }),
    }, "iterate B"],
    ["does not ask an agent again whose logins failed", {
      plan: plan([{ id: "A", agent: "claude" }]),
      ledger: ledger({ A: stepState({ breaker: tripped({ id: "A", agent: "claude" }, "auth") }) }),
    }, "halt breaker A"],
    ["asks the next agent of the step when the logins of one failed", {
      plan: plan([{ id: "A", agent: ["claude", "codex"] }]),
      ledger: ledger({ A: stepState({ breaker: tripped({ id: "A", agent: ["claude", "codex"] }, "auth") }) }),
    }, "iterate A"],
    ["asks another agent that the command line forces when the logins of one failed", {
      plan: plan([{ id: "A", agent: "claude" }]),
      ledger: ledger({ A: stepState({ breaker: tripped({ id: "A", agent: "claude" }, "auth") }) }),
      agent: "codex",
    }, "iterate A"],
    ["knows what auto came to when its logins failed", {
      plan: list,
      ledger: ledger({ A: stepState({ breaker: tripped({ id: "A" }, "auth") }) }),
      chosen: { auto: "claude" },
    }, "halt breaker A"],
    ["halts at the open breaker of the plan, whatever step is next", {
      plan: graph,
      ledger: ledger({}, { breaker: tripped({ id: "C" }) }),
    }, "halt breaker C"],
    ["opens gates while the plan's breaker is open: nothing is tried there", {
      plan: gated,
      ledger: ledger({ G: stepState({ gate: approved }) }, { breaker: tripped() }),
    }, "open-gate G"],
    ["honors maxAttempts", {
      plan: plan([{ id: "A", maxAttempts: 7 }]),
      ledger: ledger({ A: stepState({ attempts: 5 }) }),
    }, "iterate A"],
    ["goes on with what does not need a blocked step", {
      plan: graph,
      ledger: ledger({ A: stepState({ attempts: 5 }) }),
    }, "iterate B"],
    ["halts at the blocked step when nothing else is ready", {
      plan: plan([{ id: "A" }, { id: "C", needs: ["A"] }]),
      ledger: ledger({ A: stepState({ attempts: 5 }) }),
    }, "halt out-of-attempts A"],
    ["waits for needs", { plan: plan([{ id: "C", needs: ["A"] }, { id: "A" }]) }, "iterate A"],
    ["counts a skipped step as settled", {
      plan: plan([{ id: "A", when: { field: "tool", equals: "x" } }, { id: "B", needs: ["A"] }], {
        decisions: { tool: "y" },
      }),
    }, "iterate B"],
    ["says what it is stuck on", { plan: plan([{ id: "A", when: { field: "tool", equals: "x" } }]) }, "halt stuck"],
    ["does not spawn what nothing can verify", { plan: list, unverifiable: new Set(["A"]) }, "halt unverifiable A"],
    ["works on the wanted step only", { plan: list, only: "B" }, "iterate B"],
    [
      "is complete when the wanted step passes",
      { plan: plan([{ id: "A", passes: true }, { id: "B" }]), only: "A" },
      "halt complete A",
    ],
    ["stops on a signal before anything else", { plan: list, interrupted: "SIGINT" }, "halt interrupted"],
    ["stops at the iteration limit", {
      plan: list,
      limits: { ...noLimits, iterations: 3 },
      use: { startedAt: 0, now: 0, ...unused, iterations: 3 },
    }, "halt limit iterations"],
    ["stops at the time limit", {
      plan: list,
      limits: { ...noLimits, timeMs: 10 },
      use: { startedAt: 0, now: 10, ...unused },
    }, "halt limit time"],
    ["stops at the money limit", {
      plan: list,
      limits: { ...noLimits, usd: 1 },
      use: { startedAt: 0, now: 0, ...unused, costUsd: 1.2 },
    }, "halt limit money"],
    ["stops at the limit of the day, whatever this run used", {
      plan: list,
      limits: { ...noLimits, day: { ...noLimits.day, usd: 2 } },
      ledger: ledger({}, { spent: [spentAt(1), spentAt(3)] }),
    }, "halt limit money"],
    ["does not count yesterday", {
      plan: list,
      limits: { ...noLimits, day: { ...noLimits.day, usd: 2 } },
      ledger: ledger({}, { spent: [spentAt(-1), spentAt(3)] }),
    }, "iterate A"],
    ["halts at a step that used up its tokens", {
      plan: plan([{ id: "A", budgetTokens: 10 }, { id: "B" }]),
      ledger: ledger({ A: stepState({ tokens: 10 }) }),
    }, "halt out-of-budget A tokens"],
    ["halts at a step that used up its time", {
      plan: plan([{ id: "A", budgetMinutes: 1 }]),
      ledger: ledger({ A: stepState({ durationMs: 60_000 }) }),
    }, "halt out-of-budget A time"],
    ["opens an approved gate even when the limit is reached: that costs nothing", {
      plan: gated,
      ledger: ledger({ G: stepState({ gate: approved }) }),
      limits: { ...noLimits, iterations: 0 },
    }, "open-gate G"],
    ["waits for a limited agent", {
      plan: list,
      agent: "claude",
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "wait claude"],
    ["sees the limit of the agent that auto came to", {
      plan: list,
      chosen: { auto: "codex" },
      ledger: ledger({}, { waits: { codex: { until: 1000, why: "", times: 1 } } }),
    }, "wait codex"],
    ["does not wait longer than --max-wait", {
      plan: list,
      agent: "claude",
      limits: { ...noLimits, maxWaitMs: 10 },
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "halt agent-limited A"],
    ["does not wait past the time limit", {
      plan: list,
      agent: "claude",
      limits: { ...noLimits, timeMs: 500 },
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "halt agent-limited A"],
    ["forgets a limit that is over", {
      plan: list,
      agent: "claude",
      use: { startedAt: 0, now: 2000, ...unused },
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "iterate A"],
    ["does not wait while another agent's step is ready", {
      plan: plan([{ id: "A", agent: "claude" }, { id: "B", agent: "codex" }, { id: "C", needs: ["A"] }]),
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "iterate B"],
    ["waits in a list, where what follows was written for afterwards", {
      plan: plan([{ id: "A", agent: "claude" }, { id: "B", agent: "codex" }]),
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "wait claude"],
    ["waits for an agent before it halts at what a person has to decide elsewhere", {
      plan: plan([{ id: "G", type: "gate" }, { id: "A", agent: "claude" }, { id: "X", needs: ["G"] }]),
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "wait claude"],
    ["halts at what a person has to decide rather than at an agent that rests for too long", {
      plan: plan([{ id: "A", agent: "claude" }, { id: "G", type: "gate", needs: ["X"] }, { id: "X", passes: true }]),
      limits: { ...noLimits, maxWaitMs: 10 },
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "close-gate G"],
    ["says that nobody can work before it says that a limit is reached", {
      plan: list,
      agent: "claude",
      limits: { ...noLimits, iterations: 0 },
      unusable: { claude: { kind: "failed", class: "auth", message: "not logged in", times: null } },
    }, "halt agent-unusable"],
    ["says that a limit is reached rather than wait", {
      plan: list,
      agent: "claude",
      limits: { ...noLimits, iterations: 0 },
      ledger: ledger({}, { waits: { claude: { until: 1000, why: "", times: 1 } } }),
    }, "halt limit iterations"],
    ["halts at a step that a failure blocked", {
      plan: list,
      ledger: ledger({ A: stepState({ blocked: { class: "refused", why: "no" } }) }),
    }, "halt blocked A"],
    ["runs an agent again where the branch's own changes conflict with the work", {
      plan: list,
      ledger: ledger({
        A: stepState({
          carry: { attempt: 1, work: "abc" },
          recent: [{ outcome: "superseded", evidence: null, attempt: 1 } as AttemptRecord],
        }),
      }),
    }, "iterate A"],
    ["runs a validation step without an agent", { plan: plan([{ id: "V", type: "validation" }]) }, "validate V"],
  ])("%s", (_promise, given, expected) => {
    expect(inWords(decide(state(given)))).toBe(expected);
  });

  test("a limit says which, how sure its sum is, and when the day's frees again", () => {
    const spent = [{ ...spentAt(1), costAbout: 0.4, costUnknown: 2 }];
    const limits = { ...noLimits, day: { ...noLimits.day, usd: 1 } };
    expect(decide(state({ plan: list, limits, ledger: ledger({}, { spent }) }))).toEqual({
      kind: "halt",
      halt: {
        reason: "limit",
        scope: "day",
        limit: "money",
        used: 1,
        allowed: 1,
        about: true,
        unknown: 2,
        freesAt: 86_400_000,
      },
    });
  });

  test("--agent replaces the plan's agents, but never a command or a tape", () => {
    const steps = plan([{ id: "A", agent: "codex" }]);
    expect(decide(state({ plan: steps, agent: "claude" }))).toMatchObject({ agent: "claude" });
    expect(decide(state({ plan: plan([{ id: "A", agent: "tape", tape: "t.json" }]), agent: "claude" }))).toMatchObject({
      agent: "tape",
    });
    expect(decide(state({ plan: plan([{ id: "A", command: "make fmt" }]) }))).toMatchObject({ agent: "command" });
    expect(decide(state({ plan: plan([{ id: "A" }]) }))).toMatchObject({ agent: "auto" });
  });

  test("asks for a smaller brief with every time in a row that the context was too small", () => {
    const overflow = { outcome: "overflow", failure: { class: "overflow", costsAttempt: true } } as AttemptRecord;
    const other = { outcome: "failed", failure: { class: "failed", costsAttempt: true } } as AttemptRecord;
    const shrinkAfter = (...recent: AttemptRecord[]) => {
      const decision = decide(state({ plan: list, ledger: ledger({ A: stepState({ recent }) }) }));
      return decision.kind === "iterate" ? decision.shrink : null;
    };
    expect(shrinkAfter()).toBe(0);
    expect(shrinkAfter(overflow, overflow)).toBe(2);
    expect(shrinkAfter(overflow, other)).toBe(0);
    expect(shrinkAfter(other, overflow)).toBe(1);
  });

  test("numbers attempts by every iteration ever spent on the step", () => {
    const known = ledger({ A: stepState({ attempts: 1, iterations: 4 }) });
    expect(decide(state({ plan: list, ledger: known }))).toMatchObject({ attempt: 5 });
  });

  test("is total and deterministic: any plan and ledger give one decision, the same each time", () => {
    const ids = ["A", "B", "C", "D"];
    const arbitrary = fc.record({
      steps: fc.array(
        fc.record({
          needs: fc.subarray(ids),
          passes: fc.boolean(),
          type: fc.constantFrom("agent", "gate", "validation"),
          attempts: fc.integer({ min: 0, max: 6 }),
          asks: fc.boolean(),
          gate: fc.constantFrom("none", "approved", "rejected"),
        }),
        { minLength: 4, maxLength: 4 },
      ),
      iterations: fc.integer({ min: 0, max: 3 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ steps, iterations }) => {
        const built = plan(steps.map(({ needs, passes, type }, index) => ({ id: ids[index], needs, passes, type })));
        const known = Object.fromEntries(steps.map((step, index) => [
          ids[index],
          stepState({
            attempts: step.attempts,
            question: step.asks ? { text: "?", at: "" } : null,
            gate: step.gate === "none" ? null : { ...approved, state: step.gate as "approved" },
          }),
        ]));
        const given = state({
          plan: built,
          ledger: ledger(known),
          limits: { ...noLimits, iterations: 2 },
          use: { startedAt: 0, now: 0, ...unused, iterations },
        });
        const decision = decide(given);
        expect(decide(given)).toEqual(decision);
        if (decision.kind === "iterate") {
          expect(iterations).toBeLessThan(2);
          expect(decision.step.passes).toBe(false);
          expect(decision.step.needs.every((id) => built.steps.find((step) => step.id === id)?.passes)).toBe(true);
        }
        if (decision.kind === "open-gate") expect(known[decision.step.id]?.gate?.state).toBe("approved");
        if (decision.kind === "halt" && decision.halt.reason === "complete") {
          expect(built.steps.every((step) => step.passes)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("carryFor", () => {
  const carry = { attempt: 2, work: "abc" };
  const attempt = (outcome: string, fingerprint: string) => ({ outcome, fingerprint }) as AttemptRecord;
  const [step] = plan([{ id: "A" }]).steps;
  const [stepNone] = plan([{ id: "A", carry: "none" }]).steps;

  test.each([
    ["starts from the kept work", step, [attempt("failed", "x")], carry],
    ["starts from the branch when the step says so", stepNone, [attempt("failed", "x")], null],
    ["starts from the branch after two equal failures", step, [attempt("failed", "x"), attempt("failed", "x")], null],
    ["keeps the work when the failure changed", step, [attempt("failed", "x"), attempt("failed", "y")], carry],
    [
      "does not take two empty fingerprints for equal failures",
      step,
      [attempt("timeout", ""), attempt("timeout", "")],
      carry,
    ],
    ["starts from the branch after tampering", step, [attempt("tampered", "")], null],
  ])("%s", (_promise, given, recent, expected) => {
    expect(carryFor(given!, stepState({ carry, recent }))).toEqual(expected);
  });

  test.each(
    [
      ["same-failure", null],
      ["oscillation", null],
      ["timeouts", carry],
      ["auth", carry],
      ["no-progress", carry],
    ] as const,
  )("the attempt that a breaker allows after %s starts from %o", (kind, expected) => {
    const recent = [attempt("failed", "x"), attempt("failed", "y")];
    expect(carryFor(step!, stepState({ carry, recent, breaker: tripped({ id: "A" }, kind) }))).toEqual(expected);
  });
});
