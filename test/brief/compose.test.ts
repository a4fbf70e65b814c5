import { describe, expect, it } from "vitest";
import { type AttemptRecord } from "../../src/model/ledger.ts";
import { type Plan, planSchema } from "../../src/model/plan.ts";
import type { Validator } from "../../src/model/validator.ts";
import { type BriefInput, composeBrief, defaultMaxBytes } from "../../src/brief/compose.ts";
import { rules } from "../../src/brief/rules.ts";
import { attemptOf, stepState } from "./facts.ts";

const validators: Validator[] = [
  {
    id: "test",
    origin: "registry",
    command: "npm test",
    timeoutMinutes: 10,
    protects: ["test/frozen/**"],
    title: "All tests",
  },
  {
    id: "add",
    origin: "registry",
    command: "node --test test/add.ts",
    paths: ["src/**"],
    timeoutMinutes: 10,
    protects: [],
  },
];

function planOf(steps: object[], more: object = {}): Plan {
  return planSchema.parse({ project: "Sums", description: "Adds numbers.", steps, ...more });
}

const two = planOf([
  { id: "US-001", title: "Add", passes: true },
  {
    id: "US-002",
    title: "Subtract",
    description: "Subtract two numbers.",
    acceptanceCriteria: ["3 - 1 is 2"],
    needs: ["US-001"],
    validators: ["add"],
    completionCriteria: ["test -f src/sub.ts"],
    paths: ["src/**"],
    produces: ["src/sub.ts"],
    notes: "Mind the sign.",
  },
]);

function inputOf(more: Partial<BriefInput> = {}): BriefInput {
  const plan = more.plan ?? two;
  return {
    plan,
    planPath: "prd.json",
    progressPath: "progress.txt",
    branch: "ralph/sums",
    validators,
    patterns: "",
    ownPrompt: null,
    step: plan.steps.find(({ passes }) => !passes) ?? plan.steps[0]!,
    redFirst: null,
    attempt: 1,
    maxAttempts: 5,
    carry: null,
    state: null,
    rejections: [],
    entries: "",
    guides: [],
    ...more,
  };
}

const compose = (more: Partial<BriefInput> = {}) => composeBrief(inputOf(more));

describe("the rules", () => {
  it("fit into 6 KB and come first in every brief", () => {
    expect(Buffer.byteLength(rules)).toBeLessThanOrEqual(6 * 1024);
    const other = planOf([{ id: "X", title: "Other" }], { project: "Else" });
    for (const brief of [compose(), compose({ plan: other, branch: "b", validators: [] })]) {
      expect(brief.text.startsWith(rules.trimEnd())).toBe(true);
    }
  });
});

describe("composeBrief", () => {
  it("holds what the step asks for and how it is checked", () => {
    const { text } = compose();
    for (
      const part of [
        "# The plan: Sums",
        "Adds numbers.",
        "- Branch: ralph/sums",
        "## Steps: 1 of 2 passed",
        "- US-001: Add",
        "- test: `npm test` (All tests; protects test/frozen/**)",
        "# Your step: US-002 - Subtract",
        "Subtract two numbers.",
        "- Builds on US-001: Add",
        "- Only these paths may change: src/**",
        "- These files must exist at the end: src/sub.ts",
        "Notes: Mind the sign.",
        "- 3 - 1 is 2",
        "## What must pass for this step\n\n- add: `node --test test/add.ts` (for src/**)\n- `test -f src/sub.ts`",
        "- Attempt: 1 (1 of the 5 that may fail)",
        "- The files are those of the branch.",
      ]
    ) expect(text).toContain(part);
  });

  it("carries the output of failed attempts, the newest in full, and says when it fails in the same way", () => {
    const state = stepState({
      attempts: 2,
      recent: [
        attemptOf({
          attempt: 1,
          summary: "test failed",
          feedback: `old ${"x".repeat(3000)} end of old`,
          fingerprint: "f",
        }),
        attemptOf({ attempt: 2, summary: "test failed", feedback: "```\nerror: 3 - 1 is 4\n```", fingerprint: "f" }),
      ],
    });
    const { text } = compose({ state, attempt: 3, carry: 2 });
    expect(text).toContain("Attempt 2: failed (test failed)\n\n````\n```\nerror: 3 - 1 is 4\n```\n````");
    expect(text.indexOf("Attempt 2:")).toBeLessThan(text.indexOf("Attempt 1:"));
    expect(text).not.toContain("end of old");
    expect(text).toContain("The last two failed in the same way");
    expect(text).toContain("- Attempt: 3 (3 of the 5 that may fail)");
    expect(text).toContain("The files hold the unfinished work of attempt 2");
  });

  it("carries what people said: answers, remarks and rejections", () => {
    const state = stepState({
      answers: [{ question: "Which sign?", answer: "Minus.", by: "Ada", at: "2026-01-01T00:00:00Z" }],
      remarks: ["Use integers."],
    });
    const { text } = compose({ state, rejections: [{ gate: "G1", by: "Ada", note: "Too slow." }] });
    expect(text).toContain(
      "- Asked: Which sign?\n  Answer (Ada): Minus.\n- Use integers.\n- Rejected at G1 (Ada): Too slow.",
    );
  });

  it("includes a prompt written for Ralph, and says which of its rules the runner has taken over", () => {
    const { text } = compose({
      ownPrompt: { path: "scripts/ralph/CLAUDE.md", text: "Pick the highest priority story" },
    });
    expect(text).toContain("(scripts/ralph/CLAUDE.md)");
    expect(text).toContain("<instructions>\nPick the highest priority story\n</instructions>");
    expect(text).toContain("the runner has taken over");
  });

  it("measures itself: the sections add up to the whole", () => {
    const brief = compose({ patterns: "- naïve: „ü“", entries: "## x", guides: ["AGENTS.md"] });
    expect(brief.bytes).toBe(Buffer.byteLength(brief.text));
    expect(brief.sections.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(brief.bytes);
    expect(brief.sections.map(({ name }) => name)).toEqual([
      "rules",
      "plan",
      "overview",
      "validators",
      "patterns",
      "step",
      "criteria",
      "progress",
      "guides",
    ]);
    expect(brief.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it("differs before the step's part in no byte between two iterations on the same plan state", () => {
    const huge = "word ".repeat(9000);
    const open = planOf([{ id: "A", title: "a" }, { id: "B", title: "b", description: huge }], { description: huge });
    const same = { plan: open, patterns: huge, ownPrompt: { path: "prompt.md", text: huge } };
    const many = Array.from({ length: 300 }, (_, at) => ({ ...validators[0]!, id: `v${at}` }));
    const briefs = [
      compose({ ...same, validators: many, step: open.steps[0]! }),
      compose({
        ...same,
        validators: many,
        step: open.steps[1]!,
        attempt: 4,
        carry: 3,
        state: stepState({ recent: [attemptOf({ feedback: "error ".repeat(900) })] }),
        entries: "entry ".repeat(2000),
      }),
    ];
    const [one, other] = briefs.map(({ text }) => text.slice(0, text.indexOf("# Your step:")));
    expect(one).toBe(other);
    expect(one?.length).toBeGreaterThan(rules.length);
  });

  it("stays within its bound whatever it is made of, and says what was cut", () => {
    const huge = "word € ".repeat(20_000);
    const plan = planOf(
      Array.from({ length: 300 }, (_, at) => ({
        id: `US-${at}`,
        title: huge.slice(0, 500),
        description: huge,
        acceptanceCriteria: Array.from({ length: 200 }, () => huge.slice(0, 300)),
        needs: [],
      })),
      { description: huge },
    );
    const brief = compose({
      plan,
      patterns: huge,
      entries: huge,
      ownPrompt: { path: "prompt.md", text: huge },
      validators: Array.from({ length: 300 }, (_, at) => ({ ...validators[0]!, id: `v${at}` })),
      state: stepState({
        recent: [attemptOf({ feedback: huge }), attemptOf({ feedback: huge })],
        remarks: [huge],
      }),
      guides: Array.from({ length: 200 }, (_, at) => `packages/p${at}/AGENTS.md`),
    });
    expect(brief.bytes).toBeLessThanOrEqual(defaultMaxBytes);
    expect(brief.text).not.toContain("\uFFFD");
    expect(brief.text).toContain("more bytes left out; see progress.txt]");
    expect(brief.text).toContain("more bytes left out; see step US-0 in prd.json]");
    expect(brief.sections.map(({ name }) => name)).toContain("criteria");
    const small = compose({ plan, patterns: huge, entries: huge, maxBytes: 16 * 1024 });
    expect(small.bytes).toBeLessThanOrEqual(16 * 1024);
  });

  it("does not grow with what has landed", () => {
    const at = (landed: number) => {
      const plan = planOf(
        Array.from({ length: landed + 20 }, (_, index) => ({
          id: `US-${String(index).padStart(4, "0")}`,
          title: "A step with a title of usual length",
          passes: index < landed,
        })),
      );
      return compose({ plan }).bytes;
    };
    expect(at(500) / at(10)).toBeLessThanOrEqual(1.1);
  });

  it("is the same text for the same input", () => {
    expect(compose().sha256).toBe(compose().sha256);
  });
});

describe("an attempt without output", () => {
  it.each<[AttemptRecord["outcome"]]>([["timeout"], ["no-change"], ["tampered"]])(
    "is told in a line: %s",
    (outcome) => {
      const { text } = compose({
        state: stepState({ recent: [attemptOf({ outcome, summary: "why", feedback: "" })] }),
      });
      expect(text).toContain(`Attempt 1: ${outcome} (why)\n`);
    },
  );
});
