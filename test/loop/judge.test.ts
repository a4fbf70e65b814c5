import { describe, expect, test } from "vitest";
import { judgeEnd, judgeWork } from "../../src/loop/judge.ts";
import type { Collected } from "../../src/loop/ports.ts";
import type { AgentEnd } from "../../src/model/outcome.ts";
import { planSchema } from "../../src/model/plan.ts";
import type { Evidence, Verdict, Verification } from "../../src/model/verdict.ts";
import { failures } from "../support/failures.ts";

const finished: AgentEnd = { kind: "finished", finalText: "done", saidComplete: true };

function plan(step: Record<string, unknown> = {}, more: Record<string, unknown> = {}) {
  return planSchema.parse({ steps: [{ id: "A", title: "t", ...step }], ...more });
}

function work(...paths: string[]): Collected {
  return {
    tree: "t",
    changed: paths.map((path) => ({ path, status: "modified" })),
    planText: "",
    progressText: "",
    tampering: [],
    diff: "",
    benign: [],
  };
}

function verification(passed: boolean, evidence: Evidence = "repo", verdicts: Verdict[] = []): Verification {
  return { passed, evidence, verdicts, fingerprint: passed ? "" : "f" };
}

const red: Verdict = {
  validator: "tests",
  status: "fail",
  attribution: "regressed",
  named: true,
  blocks: true,
  exit: { kind: "code", code: 1 },
  durationMs: 1,
  digest: "1 test failed",
  fix: "run the tests",
  log: null,
  cached: false,
};

function judge(given: {
  step?: Record<string, unknown>;
  plan?: Record<string, unknown>;
  work: Collected;
  verification: Verification;
  saidSomething?: boolean;
}) {
  const built = plan(given.step, given.plan);
  return judgeWork({
    plan: built,
    step: built.steps[0]!,
    work: given.work,
    verification: given.verification,
    mayMeanDone: given.saidSomething ?? true,
  });
}

describe("judgeEnd", () => {
  test.each(
    [
      ["iteration", "over-limit"],
      ["step", "over-limit"],
      ["run", "interrupted"],
      ["day", "interrupted"],
    ] as const,
  )("the limit of %s makes an attempt %s: those of run and day are no fault of the step", (scope, outcome) => {
    const reached = { scope, limit: "money", used: 2.04, allowed: 2 } as const;
    const judged = judgeEnd({ kind: "over-limit", reached }, [], failures);
    expect(judged?.outcome).toBe(outcome);
    expect(judged?.summary).toMatch(/^stopped at the limit of \$2\.00 an? \w+ \(\$2\.04 used\)$/);
  });

  test("a finished agent's claim decides nothing: its work must be verified", () => {
    expect(judgeEnd(finished, [], failures)).toBeNull();
  });

  test.each<[AgentEnd, string]>([
    [{ kind: "timeout", limitMs: 60_000 }, "timeout"],
    [{ kind: "stalled", limitMs: 600_000 }, "stalled"],
    [{ kind: "limited", fault: { class: "rate-limit", message: "later" } }, "limited"],
    [{ kind: "auth", fault: { class: "auth", message: "log in" } }, "auth"],
    [{ kind: "agent-error", fault: { class: "server", message: "500" } }, "agent-error"],
    [{ kind: "overflow", fault: { class: "overflow", message: "too long" } }, "overflow"],
    [{ kind: "refused", fault: { class: "refused", message: "no" } }, "refused"],
    [{ kind: "interrupted", signal: "SIGINT" }, "interrupted"],
  ])("an unfinished agent's work is kept, not verified: $kind", (end, outcome) => {
    expect(judgeEnd(end, [], failures)?.outcome).toBe(outcome);
  });

  test("tampering fails the attempt whatever else it did", () => {
    expect(judgeEnd({ ...finished, question: "may I?" }, ["set B to passed"], failures)?.outcome).toBe("tampered");
  });

  test("a question goes to a person with its text", () => {
    expect(judgeEnd({ ...finished, question: "Which color?" }, [], failures)).toMatchObject({
      outcome: "asked",
      question: "Which color?",
    });
  });
});

describe("judgeWork", () => {
  test.each([
    ["green work passes", { work: work("a.ts"), verification: verification(true, "step") }, "passed"],
    ["red work fails", { work: work("a.ts"), verification: verification(false, "repo", [red]) }, "failed"],
    [
      "nothing changed and red is no-change",
      { work: work(), verification: verification(false, "repo", [red]) },
      "no-change",
    ],
    ["nothing changed but the step's own validators are green", {
      work: work(),
      verification: verification(true, "already-true"),
    }, "passed"],
    ["nothing changed and only the repository's validators are green: a person decides", {
      work: work(),
      verification: verification(true, "repo"),
    }, "asked"],
    ["an empty response is no question", {
      work: work(),
      verification: verification(true, "repo"),
      saidSomething: false,
    }, "no-change"],
    ["a path outside of the step's paths fails", {
      step: { paths: ["src/**"] },
      work: work("src/a.ts", "ci.yml"),
      verification: verification(true),
    }, "failed"],
    ["AGENTS.md may always change", {
      step: { paths: ["src/**"] },
      work: work("src/a.ts", "AGENTS.md", "lib/AGENTS.md"),
      verification: verification(true),
    }, "passed"],
    ["evidence below what the plan requires fails", {
      plan: { requireEvidence: "step" },
      work: work("a.ts"),
      verification: verification(true, "repo"),
    }, "failed"],
    ["evidence as required passes", {
      plan: { requireEvidence: "repo" },
      work: work("a.ts"),
      verification: verification(true, "step"),
    }, "passed"],
  ])("%s", (_promise, given, outcome) => {
    expect(judge(given).outcome).toBe(outcome);
  });

  test("the failing output and how to fix it go into the feedback, capped", () => {
    const long = { ...red, digest: "x".repeat(10_000) };
    expect(judge({ work: work("a"), verification: verification(false, "repo", [red]) }).feedback)
      .toContain("1 test failed\nHow to fix it: run the tests");
    expect(judge({ work: work("a"), verification: verification(false, "repo", [long]) }).feedback).toHaveLength(4096);
  });
});

test("a change that breaks an earlier step is told which one, in the summary and in the next brief", () => {
  const breaking = { ...red, named: false, breaks: ["US-001", "US-002"] };
  const judgment = judge({ work: work("a.ts"), verification: verification(false, "repo", [breaking]) });
  expect(judgment.summary).toBe("tests (breaks US-001, US-002) failed");
  expect(judgment.feedback).toContain("This change breaks US-001, US-002, which passed on it.");
});
