import { describe, expect, it } from "vitest";
import { handoff, type HandoffInput } from "../../src/gates/handoff.ts";
import type { Evidence } from "../../src/model/verdict.ts";
import { planSchema } from "../../src/model/plan.ts";
import { attemptOf, ledgerOf, stepState } from "../brief/facts.ts";

const passed = (at: string, commit: string | null, evidence: Evidence = "step") =>
  stepState({ passed: { at, commit, evidence }, recent: [attemptOf({ outcome: "passed" })] });

function inputOf(more: Partial<HandoffInput> = {}): HandoffInput {
  const plan = planSchema.parse({
    steps: [
      { id: "US-001", title: "Parse", passes: true },
      { id: "G0", title: "First look", type: "gate", passes: true },
      { id: "US-002", title: "Format", passes: true, produces: ["docs/format.md"] },
      { id: "US-003", title: "Round", passes: true },
      { id: "G1", title: "Look at the whole", type: "gate", gate: { question: "Is rounding right?" } },
    ],
  });
  const ledger = ledgerOf({
    "US-001": passed("2026-01-01T00:00:00Z", "a".repeat(40)),
    G0: stepState({ gate: { state: "approved", by: "Ada", at: "2026-01-02T00:00:00Z", note: "" } }),
    "US-002": passed("2026-01-03T00:00:00Z", "b".repeat(40)),
    "US-003": {
      ...passed("2026-01-04T00:00:00Z", "c".repeat(40), "repo"),
      recent: [
        attemptOf(),
        attemptOf({
          outcome: "passed",
          verdicts: [
            { validator: "e2e", status: "flaky", attribution: null, blocks: false },
            { validator: "lint", status: "fail", attribution: "broken-before", blocks: false },
          ],
        }),
      ],
    },
  }, { costUsd: 1.5, costUnknown: 1, iterations: 4 });
  return {
    plan,
    planPath: "prd.json",
    progressPath: "progress.txt",
    ledger,
    branch: "capstan/x",
    step: plan.steps.at(-1)!,
    question: null,
    invocation: "npm run loop --",
    ...more,
  };
}

const headings = (text: string) => text.split("\n").filter((line) => line.startsWith("## "));

describe("handoff", () => {
  it("has six headings, and what was done since the last gate", () => {
    const text = handoff(inputOf());
    expect(headings(text)).toEqual([
      "## What was done",
      "## What to decide",
      "## Evidence",
      "## Changes",
      "## Risks and open questions",
      "## How to go on",
    ]);
    expect(text).toContain("# Gate G1: Look at the whole");
    expect(text).toContain("- US-002 Format (bbbbbbbbbb)\n- US-003 Round (cccccccccc)");
    expect(text).not.toContain("US-001");
    expect(text).toContain("Is rounding right?");
    expect(text).toContain("`git diff --stat bbbbbbbbbb^ cccccccccc`");
    expect(text).toContain("- Produced: docs/format.md");
  });

  it("never calls a checked step proven, and names what is risky", () => {
    const text = handoff(inputOf());
    expect(text).toContain("- repo (checked by the repository's validators only): US-003");
    expect(text).toContain("- No test of their own: US-003");
    expect(text).toContain("- Flaky: e2e (US-003)");
    expect(text).toContain("- Red before and still red: lint");
    expect(text).toContain("- Failed at first, see progress.txt: US-003");
    expect(text).toContain("- Cost so far: $1.50 in 4 iterations, unknown for 1 of them");
  });

  it.each(["npm run loop --", "capstan"])("gives commands in the form that the person used: %s", (invocation) => {
    const text = handoff(inputOf({ invocation }));
    expect(text).toContain(`\`${invocation} approve G1\``);
    expect(text).toContain(`\`${invocation} reject G1 --note "what must change"\``);
    expect(text).toContain(`- Then go on: \`${invocation.replace(" --", "")}\``);
  });

  it("asks the agent's question and says how to answer it", () => {
    const input = inputOf({ question: "# Which rounding?\n\nHalf even or half up?" });
    const text = handoff({ ...input, step: input.plan.steps[3]! });
    expect(text).toContain("# Question US-003: Round");
    expect(text).toContain("Which rounding?\nHalf even or half up?");
    expect(headings(text)).toHaveLength(6);
    expect(text).toContain(`\`npm run loop -- answer US-003 "your answer"\``);
    expect(text).not.toContain("approve");
  });

  it("says that it was rejected before, and why", () => {
    const input = inputOf();
    const gate = { state: "rejected", by: "Ada", at: "2026-01-05T00:00:00Z", note: "Too slow" } as const;
    input.ledger.steps["G1"] = stepState({ gate });
    expect(handoff(input)).toContain("- Rejected by Ada: Too slow");
  });

  it("stays under 60 lines for a plan of any size", () => {
    const steps = Array.from({ length: 500 }, (_, at) => ({
      id: `US-${at}`,
      title: `A long\ntitle ${"x".repeat(300)}`,
      passes: true,
      produces: [`out/${at}.md`],
    }));
    const gate = {
      id: "G",
      title: "Look",
      type: "gate",
      description: "many\n".repeat(50),
      acceptanceCriteria: Array.from({ length: 50 }, (_, at) => `criterion ${at}`),
    };
    const plan = planSchema.parse({ steps: [...steps, gate] });
    const levels: Evidence[] = ["step", "repo", "agent", "already-true", "by-hand", "review"];
    const ledger = ledgerOf(Object.fromEntries(steps.map(({ id }, at) => [
      id,
      passed(new Date(at * 1000).toISOString(), String(at).padStart(40, "f"), levels[at % 6]),
    ])));
    const text = handoff(inputOf({ plan, ledger, step: plan.steps.at(-1)! }));
    expect(text.split("\n").length).toBeLessThan(60);
    expect(Buffer.byteLength(text)).toBeLessThan(8 * 1024);
    expect(headings(text)).toHaveLength(6);
    expect(text).toContain("more steps)");
  });

  it("works before anything was done", () => {
    const plan = planSchema.parse({ steps: [{ id: "G", title: "Start?", type: "gate" }] });
    const text = handoff(inputOf({ plan, ledger: ledgerOf({}), step: plan.steps[0]! }));
    expect(text).toContain("No step has passed since the last gate");
    expect(text).toContain("Is this good enough to go on?");
  });
});
