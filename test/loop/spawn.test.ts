import { expect, test } from "vitest";
import type { Halt } from "../../src/model/halt.ts";
import type { IterationRequest, RunContext } from "../../src/loop/context.ts";
import type { Ports } from "../../src/loop/ports.ts";
import { spawnAgent } from "../../src/loop/spawn.ts";
import { planSchema } from "../../src/model/plan.ts";

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
