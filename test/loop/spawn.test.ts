import { expect, test } from "vitest";
import type { Halt } from "../../src/model/halt.ts";
import type { IterationRequest, RunContext } from "../../src/loop/context.ts";
import type { Caps } from "../../src/loop/limits.ts";
import type { AgentChoice, Ports } from "../../src/loop/ports.ts";
import { type Prepared, spawnAgent } from "../../src/loop/spawn.ts";
import type { AgentEnd, AgentReport } from "../../src/model/outcome.ts";
import { planSchema } from "../../src/model/plan.ts";

/** What a limit makes of the way in which an agent ended. */
async function endedBy(
  end: AgentEnd,
  caps: Partial<Caps>,
  report: Partial<AgentReport> = {},
): Promise<AgentEnd | null> {
  const ports = {
    clock: { now: () => 0 },
    briefs: { assemble: () => Promise.resolve({ text: "brief", bytes: 5, sha256: "", sections: [] }) },
    journal: { write: () => Promise.resolve() },
    repository: { markInflight: () => Promise.resolve(null) },
    agents: { run: () => Promise.resolve({ end, swept: 0, durationMs: 90_000, costUsd: 0.6, ...report }) },
    emit: () => undefined,
  };
  const plan = planSchema.parse({ steps: [{ id: "US-001", title: "One" }] });
  const request = {
    step: plan.steps[0]!,
    caps: { time: null, money: null, tokens: null, ...caps },
    observation: { plan, ledger: { steps: {} } },
  };
  const spawned = await spawnAgent(
    { ports, markOf: () => "mark" } as unknown as RunContext,
    request as unknown as IterationRequest,
    { id: "claude" } as AgentChoice,
    { lane: {}, carry: null, journalDir: "", redFirst: null } as unknown as Prepared,
  );
  return spawned.ok ? spawned.report.end : null;
}

test("an agent that held its budget itself has reached the limit that this budget was the rest of", async () => {
  const fault = { class: "budget-limit", message: "Reached maximum budget" } as const;
  const money = { scope: "day", limit: "money", used: 19.5, allowed: 20, left: 0.5 } as const;
  const reached = { scope: "day", limit: "money", used: 20.1, allowed: 20 };
  expect(await endedBy({ kind: "agent-error", fault }, { money })).toEqual({ kind: "over-limit", reached });
  expect(await endedBy({ kind: "agent-error", fault }, {})).toEqual({ kind: "agent-error", fault });
});

test("a time limit that is not the step's own says whose it is", async () => {
  const timeout = { kind: "timeout", limitMs: 90_000 } as const;
  const time = { scope: "run", limit: "time", used: 30_000, allowed: 120_000, left: 90_000 } as const;
  const reached = { scope: "run", limit: "time", used: 120_000, allowed: 120_000 };
  expect(await endedBy(timeout, { time })).toEqual({ kind: "over-limit", reached });
  expect(await endedBy(timeout, { time: { ...time, left: 7_200_000 } })).toEqual(timeout);
});

test("no agent is started when it can't be noted that one is at work: its work could not be found after a crash", async () => {
  const full: Halt = { reason: "repository", problem: { kind: "disk", message: "ENOSPC" } };
  const done: string[] = [];
  const ports = {
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    briefs: { assemble: () => Promise.resolve({ text: "brief", bytes: 5, sha256: "", sections: [] }) },
    journal: { begin: () => Promise.resolve("journal"), write: () => Promise.resolve() },
    repository: { markInflight: () => Promise.resolve(full) },
    agents: { run: () => Promise.reject(new Error("started")) },
    emit: ({ kind }: { kind: string }) => void done.push(kind),
  } as unknown as Ports;
  const { signal } = new AbortController();
  const context = { ports, signal, planId: () => "plan", markOf: () => "mark" } as unknown as RunContext;
  const plan = planSchema.parse({ steps: [{ id: "US-001", title: "One" }] });
  const request = {
    iteration: 1,
    step: plan.steps[0]!,
    attempt: 1,
    caps: { time: null, money: null, tokens: null },
    observation: { plan, ledger: { steps: {} } },
  } as unknown as IterationRequest;
  const agent = {
    id: "claude",
    version: null,
    reportsCost: true,
    reportsTokens: true,
    fallbackModels: [],
    countsAtWork: true,
  };
  const lane = { dir: "/lane", base: "b", home: "/home", planText: "", progressText: "" };
  const prepared = { lane, carry: null, journalDir: "journal", redFirst: null };
  expect(await spawnAgent(context, request, agent, prepared)).toEqual({ ok: false, halt: full });
  expect(done).toEqual(["brief"]);
});
