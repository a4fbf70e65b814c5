import type { Event, EventBody, RunSummary } from "../../src/model/event.ts";
import type { AgentReport } from "../../src/model/outcome.ts";
import type { Verdict } from "../../src/model/verdict.ts";
import { createStyle } from "../../src/report/style.ts";

export const plainStyle = createStyle({ color: false, unicode: false });

/** Events as a run emits them: numbered, timed from `start`, `stepMs` apart unless a body says `after`. */
export function stamp(bodies: readonly EventBody[], start = Date.UTC(2026, 0, 2, 3, 4, 5), stepMs = 1000): Event[] {
  return bodies.map((body, index) => ({
    v: 1,
    seq: index + 1,
    at: new Date(start + index * stepMs).toISOString(),
    run: "r1",
    ...body,
  }));
}

export function verdict(facts: Partial<Verdict> = {}): Verdict {
  return {
    validator: "test",
    status: "pass",
    attribution: "clean",
    named: false,
    blocks: false,
    exit: { kind: "code", code: 0 },
    durationMs: 1200,
    digest: "",
    fix: null,
    log: null,
    cached: false,
    ...facts,
  };
}

export function agentReport(facts: Partial<AgentReport> = {}): AgentReport {
  return {
    end: { kind: "finished", finalText: "Done", saidComplete: true },
    exit: { kind: "code", code: 0 },
    usage: { inputTokens: 1200, outputTokens: 340, cacheReadTokens: 18_000, cacheWriteTokens: 900 },
    costUsd: 0.042,
    durationMs: 63_000,
    model: "claude-sonnet",
    toolCalls: 7,
    swept: 0,
    ...facts,
  };
}

export function summary(facts: Partial<RunSummary> = {}): RunSummary {
  return {
    project: "Tally",
    branch: "capstan/quickstart",
    steps: [
      {
        id: "US-001",
        title: "Add a total over all entries",
        state: "passed",
        evidence: "step",
        attempts: 2,
        costUsd: 0.084,
        costAbout: 0,
        costUnknown: 0,
        durationMs: 126_000,
      },
      {
        id: "US-002",
        title: "Print amounts with two decimals in the locale of the person who asks for them",
        state: "passed",
        evidence: "repo",
        attempts: 1,
        costUsd: 0,
        costAbout: 0,
        costUnknown: 1,
        durationMs: 48_000,
      },
      {
        id: "US-003",
        title: "Read entries from a file",
        state: "passed",
        evidence: "by-hand",
        attempts: 0,
        costUsd: 0,
        costAbout: 0,
        costUnknown: 0,
        durationMs: 0,
      },
      {
        id: "US-004",
        title: "Release gate",
        state: "gate",
        evidence: null,
        attempts: 0,
        costUsd: 0,
        costAbout: 0,
        costUnknown: 0,
        durationMs: 0,
      },
      {
        id: "US-005",
        title: "Publish",
        state: "waiting",
        evidence: null,
        attempts: 0,
        costUsd: 0,
        costAbout: 0,
        costUnknown: 0,
        durationMs: 0,
      },
    ],
    iterations: 3,
    durationMs: 187_000,
    costUsd: 0.084,
    costAbout: 0,
    costUnknown: 1,
    tokens: 61_320,
    forecast: null,
    commits: ["0123456789abcdef0123456789abcdef01234567", "89abcdef0123456789abcdef0123456789abcdef"],
    ...facts,
  };
}

const base = "fedcba9876543210fedcba9876543210fedcba98";
const started = (step: string, title: string, attempt: number, iteration: number): EventBody => ({
  kind: "iteration-started",
  iteration,
  step,
  title,
  attempt,
  counted: attempt,
  maxAttempts: 3,
  agent: "claude",
  carry: attempt === 1 ? null : attempt - 1,
  base,
});

/** A run as people meet it: a lie, its refutation, a pass, an agent without prices, a gate. */
export const ordinaryRun: EventBody[] = [
  {
    kind: "run-started",
    plan: "prd.json",
    project: "Tally",
    branch: "capstan/quickstart",
    steps: 5,
    passed: 1,
    resumed: false,
    pace: { steps: 0, durationMs: 0, priced: 0, costUsd: 0 },
    left: 4,
    version: "0.1.0",
  },
  { kind: "notice", notice: { kind: "branch-created", branch: "capstan/quickstart", from: "main" } },
  {
    kind: "notice",
    notice: { kind: "sandbox", level: "none", why: null },
  },
  {
    kind: "notice",
    notice: { kind: "agent-chosen", agent: "claude", version: "2.1.4", among: ["claude", "codex"] },
  },
  started("US-001", "Add a total over all entries", 1, 1),
  { kind: "brief", step: "US-001", bytes: 6230, sections: [{ name: "fixed", bytes: 5800 }] },
  { kind: "agent", step: "US-001", event: { kind: "start", model: "claude-sonnet", version: "2.1.4" } },
  {
    kind: "agent",
    step: "US-001",
    event: { kind: "text", text: "I will look at how entries are stored.\nThen add `total`." },
  },
  {
    kind: "agent",
    step: "US-001",
    event: { kind: "tool-start", id: "1", name: "Read", detail: "examples/tally/src/entries.js" },
  },
  { kind: "agent", step: "US-001", event: { kind: "tool-end", id: "1", ok: true, detail: "" } },
  {
    kind: "agent",
    step: "US-001",
    event: {
      kind: "usage",
      usage: { inputTokens: 500, outputTokens: 90, cacheReadTokens: 9000, cacheWriteTokens: 300 },
    },
  },
  {
    kind: "agent",
    step: "US-001",
    event: {
      kind: "tool-start",
      id: "2",
      name: "Bash",
      detail: "npm test -- --reporter=dot --filter 'a very long pattern that does not fit on a line' && echo all green",
    },
  },
  { kind: "agent", step: "US-001", event: { kind: "cost", usd: 0.021 } },
  { kind: "agent-ended", step: "US-001", report: agentReport({ costUsd: 0.042 }) },
  { kind: "validator-started", step: "US-001", validator: "test", on: "result" },
  { kind: "validator-started", step: "US-001", validator: "lint", on: "result" },
  { kind: "validator-finished", step: "US-001", verdict: verdict({ validator: "lint", durationMs: 640 }) },
  {
    kind: "validator-finished",
    step: "US-001",
    verdict: verdict({
      status: "fail",
      attribution: "regressed",
      blocks: true,
      named: true,
      exit: { kind: "code", code: 1 },
      digest: "not ok 3 - total of no entries is 0\n  expected: 0\n  actual: NaN",
    }),
  },
  {
    kind: "attempt-ended",
    step: "US-001",
    attempt: 1,
    outcome: "failed",
    summary: "test fails: total of no entries is 0",
    durationMs: 66_000,
    costUsd: 0.042,
  },
  started("US-001", "Add a total over all entries", 2, 2),
  {
    kind: "agent",
    step: "US-001",
    event: { kind: "tool-start", id: "1", name: "Edit", detail: "examples/tally/src/total.js" },
  },
  { kind: "agent-ended", step: "US-001", report: agentReport() },
  { kind: "validator-started", step: "US-001", validator: "test", on: "result" },
  { kind: "validator-finished", step: "US-001", verdict: verdict({ named: true, attribution: "fixed" }) },
  {
    kind: "landed",
    step: "US-001",
    title: "Add a total over all entries",
    commit: "0123456789abcdef0123456789abcdef01234567",
    evidence: "step",
    files: 3,
    attempts: 2,
    durationMs: 60_000,
    costUsd: 0.042,
    took: { durationMs: 126_000, costUsd: 0.084, costUnknown: 0 },
  },
  started("US-002", "Print amounts with two decimals in the locale of the person who asks for them", 1, 3),
  { kind: "agent-ended", step: "US-002", report: agentReport({ costUsd: null, usage: null }) },
  { kind: "validator-started", step: "US-002", validator: "test", on: "result" },
  { kind: "validator-finished", step: "US-002", verdict: verdict() },
  {
    kind: "landed",
    step: "US-002",
    title: "Print amounts with two decimals in the locale of the person who asks for them",
    commit: "89abcdef0123456789abcdef0123456789abcdef",
    evidence: "repo",
    files: 1,
    attempts: 1,
    durationMs: 48_000,
    costUsd: null,
  },
  {
    kind: "halted",
    halt: {
      reason: "gate",
      step: "US-004",
      handoff:
        "## What to decide\nRelease the tally package?\n\n## What changed\n3 files, see git show capstan/quickstart",
    },
    exitCode: 3,
    summary: summary(),
  },
];
