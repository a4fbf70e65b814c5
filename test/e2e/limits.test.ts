import { expect, test } from "vitest";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, subjects, validatorsText } from "./rig.ts";

function repoOf(steps: Record<string, unknown>[], more: Record<string, unknown> = {}): Promise<TestRepo> {
  return createRepo({
    files: {
      "prd.json": planText(steps, more),
      "registries/validators.json": validatorsText({ one: "test -f one.txt", two: "test -f two.txt", red: "exit 1" }),
    },
  });
}

test("--max-time ends an agent that is at work, and that costs the step no attempt", async () => {
  await using repo = await repoOf([{
    id: "US-001",
    command: "echo begun > draft.txt; sleep 600",
    validators: ["one"],
  }]);
  const run = await loop(repo, ["--max-time", "2s"]);
  expect(run.code).toBe(5);
  expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({ outcome: "interrupted" });
  expect((await capstan(repo, ["explain", "US-001"])).stdout).toContain("0 of 5 attempts used");
});

test("the plan's own limits are read again before every decision", async () => {
  const lower = `sed -i 's/"iterations": 5/"iterations": 1/' "$CHECKOUT/prd.json"; echo one > one.txt`;
  await using repo = await repoOf([
    { id: "US-001", command: lower, validators: ["one"] },
    { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
  ], { limits: { iterations: 5 } });
  const run = await loop(repo, [], { CHECKOUT: repo.dir });
  expect(run.code).toBe(5);
  expect(run.events.filter(({ kind }) => kind === "iteration-started")).toHaveLength(1);
});

test("a money limit of the plan that an agent of any open step can't hold is refused before anything is started", async () => {
  await using repo = await createRepo({ files: false });
  await repo.commit("chore: start", {
    "prd.json": planText([
      { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
      { id: "US-002", agent: "mine", validators: ["two"] },
    ], { limits: { usd: 5 } }),
    "registries/validators.json": validatorsText({ one: "test -f one.txt", two: "test -f two.txt" }),
    "registries/agents.json": JSON.stringify({
      mine: { title: "Mine", launch: { binary: ["sh"] }, format: "text", args: ["-c", "echo two > two.txt"] },
    }),
  });
  const run = await loop(repo);
  expect(run.code).toBe(2);
  expect(run.events.some(({ kind }) => kind === "iteration-started")).toBe(false);
});

/** An agent that says what it has used. It waits for nobody: who does not stop it waits for ten minutes. */
function countingAgent(script: string, more: Record<string, unknown> = {}): Record<string, string> {
  const launch = { binary: ["sh"] };
  const mine = { title: "Mine", launch, args: ["-c", script], format: "capstan-jsonl", reportsCost: true, ...more };
  return { "registries/agents.json": JSON.stringify({ mine }) };
}

/** All of it in one write. */
const says = (...events: Record<string, unknown>[]) =>
  `printf '%s\\n' ${events.map((event) => `'${JSON.stringify(event)}'`).join(" ")}; `;
const usage = (inputTokens: number) => ({ kind: "usage", usage: { inputTokens } });
const used = (inputTokens: number) => says(usage(inputTokens));
const end = { kind: "end", ok: true, finalText: "done" };
const done = says(end);

/** A zone in which it is about noon: a day of these tests does not end while they run. */
const noon = { TZ: `Etc/GMT${new Date().getUTCHours() >= 12 ? "+" : "-"}${Math.abs(new Date().getUTCHours() - 12)}` };

async function counting(
  script: string,
  { plan = {}, files = {}, agent = {} }: { plan?: object; files?: Record<string, string>; agent?: object } = {},
): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await repo.commit("chore: start", {
    "prd.json": planText(["one", "two", "three"].map((id) => ({ id, validators: [id] })), {
      defaults: { agent: "mine", ...plan },
    }),
    "registries/validators.json": validatorsText({ one: "test -f one", two: "test -f two", three: "test -f three" }),
    ...countingAgent(script, agent as Record<string, unknown>),
    ...files,
  });
  return repo;
}

/** Makes the file of the step that it works on, at this price. */
const paid = (usd: number) => `touch "$CAPSTAN_STEP"; ${says({ kind: "cost", usd }, end)}`;

test("an agent is stopped as soon as it has used up its iteration, and its work is kept", async () => {
  await using repo = await counting(`echo begun > draft.txt; ${used(200)}${used(600)}sleep 600`);
  const run = await loop(repo, ["--limit", "iteration.tokens=500", "--limit", "step.attempts=1"]);
  expect(run.code).toBe(4);
  const reached = { scope: "iteration", limit: "tokens", used: 600, allowed: 500 };
  expect(run.events.find(({ kind }) => kind === "agent-ended")).toMatchObject({
    report: { end: { kind: "over-limit", reached }, exit: { why: { kind: "limit", reached } } },
  });
  expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({
    outcome: "over-limit",
    summary: "stopped at the limit of 500 tokens an iteration (600 tokens used)",
  });
  expect(await repo.git("for-each-ref", "refs/capstan/attempts")).not.toBe("");
});

test("an agent that is stopped at the run's limit costs the step no attempt", async () => {
  await using repo = await counting(`${used(600)}sleep 600`);
  const run = await loop(repo, ["--max-tokens", "500"]);
  expect(run.code).toBe(5);
  expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({ outcome: "interrupted" });
  expect(run.events.at(-1)).toMatchObject({
    halt: { reason: "limit", scope: "run", limit: "tokens", used: 600, allowed: 500 },
  });
});

test("what is finished is verified, whatever it cost", async () => {
  await using repo = await counting(`touch "$CAPSTAN_STEP"; ${says(usage(600), { kind: "cost", usd: 3 }, end)}`);
  const run = await loop(repo, ["--max-cost", "2"]);
  expect(run.code).toBe(5);
  expect(run.events.filter(({ kind }) => kind === "landed")).toHaveLength(1);
});

test("runs of one day share its budget, and the halt says when it frees again", async () => {
  await using repo = await counting(paid(0.6), {
    files: { "registries/limits.json": JSON.stringify({ day: { usd: 1 } }) },
  });
  const before = Date.now();
  for (let night = 0; night < 2; night += 1) {
    const run = await loop(repo, ["--once"], noon);
    expect(run.events.at(-1)).toMatchObject({ exitCode: 5, halt: { scope: "run", limit: "iterations" } });
  }
  const third = await loop(repo, ["--once"], noon);
  expect(third.events.some(({ kind }) => kind === "iteration-started")).toBe(false);
  const last = third.events.at(-1)!;
  expect(last).toMatchObject({ exitCode: 5, halt: { scope: "day", limit: "money", used: 1.2, allowed: 1 } });
  const { freesAt = 0 } = (last as typeof last & { halt: { freesAt?: number } }).halt;
  expect(freesAt - before).toBeGreaterThan(10 * 3_600_000);
  expect(freesAt - before).toBeLessThan(14 * 3_600_000);

  const status = await capstan(repo, ["status"], noon);
  expect(status.stdout).toContain("about $0.60 and a minute for the step left");
  expect(status.stdout).toContain("a day         $1.00 (registries/limits.json) - today: $1.20");
  expect(status.stdout).toContain("The limit of $1.00 a day is reached ($1.20 used)");
  const more = await loop(repo, ["--once", "--limit", "day.usd=2"], noon);
  expect(more.events.filter(({ kind }) => kind === "landed")).toHaveLength(1);
});

const ownPrice = {
  "registries/prices.json": JSON.stringify({
    ours: { asOf: "2026-11-20", source: "a contract", models: { "mine-1*": { input: 1000, output: 1 } } },
  }),
};

test("tokens at a list price stand in for a cost that is not reported, and are shown as about", async () => {
  const script = `touch "$CAPSTAN_STEP"; ${says(usage(2000), end)}`;
  await using repo = await counting(script, {
    plan: { model: "mine-1b" },
    files: ownPrice,
    agent: { reportsCost: false },
  });
  const run = await capstan(repo, ["--max-cost", "3"]);
  expect(run.code, run.stdout + run.stderr).toBe(5);
  expect(run.stdout).toContain("about $2.00");
  expect(run.stdout).toContain("The limit of $3.00 a run is reached (about $4.00 used)");
  expect(await repo.git("log", "-1", "--format=%B", "capstan/test")).toContain("Capstan-Cost-USD: about 2.0000");
});

test("a limit in dollars is refused where neither a report nor a price makes the cost known", async () => {
  await using repo = await counting(done, { plan: { model: "other" }, files: ownPrice, agent: { reportsCost: false } });
  for (const limit of ["run.usd=3", "day.usd=3", "step.usd=3", "iteration.usd=3"]) {
    const run = await capstan(repo, ["--limit", limit]);
    expect(run.code).toBe(2);
    expect(run.stdout + run.stderr).toContain("registries/prices.json has no price of its model other");
  }
});

test("an agent that turns out to keep its cost to itself does not go on under a limit in dollars", async () => {
  await using repo = await counting(`touch "$CAPSTAN_STEP"; ${says(usage(2000), end)}`);
  const run = await loop(repo, ["--max-cost", "3"]);
  expect(run.events.filter(({ kind }) => kind === "iteration-started")).toHaveLength(1);
  expect(run.events.filter(({ kind }) => kind === "landed")).toHaveLength(1);
  expect(run.events.at(-1)).toMatchObject({ halt: { reason: "limit-unenforceable", limit: "money", agent: "mine" } });
});

test("a limit of an iteration is refused with an agent that counts at its end only", async () => {
  await using repo = await counting(done, { agent: { format: "gemini-stream-json" } });
  const run = await loop(repo, ["--limit", "iteration.tokens=500"]);
  expect(run.events.at(-1)).toMatchObject({ exitCode: 2, halt: { reason: "limit-unenforceable", late: true } });
});

test("validate says which limits hold and where each is written", async () => {
  await using repo = await counting(done, {
    files: { "registries/limits.json": JSON.stringify({ run: { usd: 9 }, step: { attempts: 2 } }) },
  });
  const { stdout } = await capstan(repo, ["validate"]);
  expect(stdout).toContain("a step        2 attempts (registries/limits.json)");
  expect(stdout).toContain("a run         100 iterations (default) - $9.00 (registries/limits.json)");
});

test("--once counts validation steps too", async () => {
  await using repo = await repoOf([
    { id: "V-1", type: "validation", validators: ["prd"] },
    { id: "V-2", type: "validation", validators: ["prd"] },
  ]);
  await repo.commit("chore: validators", { "registries/validators.json": validatorsText({ prd: "test -f prd.json" }) });
  const run = await loop(repo, ["--once"]);
  expect(run.code).toBe(5);
  expect(run.events.filter(({ kind }) => kind === "landed")).toHaveLength(1);
});

test("--step says that the step passes, and how many are left", async () => {
  await using repo = await repoOf([
    { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
    { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
  ]);
  const run = await capstan(repo, ["--step", "US-001"]);
  expect(run.code).toBe(0);
  expect(run.stdout).toContain("US-001 passes");
  expect(run.stdout).not.toContain("Every step passes");
});

test("a command that changes nothing under repository-wide validators is a question, not a burnt attempt", async () => {
  await using repo = await createRepo({
    files: {
      "prd.json": planText([{ id: "US-001", command: "true" }]),
      "registries/validators.json": validatorsText({ all: "true" }),
    },
  });
  const run = await loop(repo);
  expect(run.code).toBe(3);
  expect(run.events.filter(({ kind }) => kind === "iteration-started")).toHaveLength(1);
});

test("what failed attempts taught is in progress.txt when a run ends blocked, patterns among the patterns", async () => {
  const teach = `printf '\\n## now - US-001\\n- tried it\\n---\\n' >> progress.txt; ` +
    `sed -i 's/^---$/\\n## Codebase Patterns\\n- never do that\\n---/;t' progress.txt; echo x >> other.txt`;
  await using repo = await repoOf([{ id: "US-001", command: teach, validators: ["red"], maxAttempts: 2 }]);
  expect((await loop(repo)).code).toBe(4);
  const progress = await repo.read("progress.txt");
  expect(progress).toContain("- tried it");
  expect(progress).toContain("Attempt 2: failed");
  expect((await subjects(repo, "capstan/test"))[0]).toMatch(/^chore\(progress\)/);
  expect(await repo.git("status", "--porcelain", "--untracked-files=no")).toBe("");
});

test("opening a gate loses no entry that waits to be written down", async () => {
  await using repo = await repoOf([
    { id: "US-001", command: "echo x >> x.txt", validators: ["red"], maxAttempts: 1, needs: ["US-000"] },
    { id: "US-000", command: "echo one > one.txt", validators: ["one"] },
    { id: "GATE-1", type: "gate", needs: ["US-000"] },
  ]);
  await loop(repo);
  await capstan(repo, ["approve", "GATE-1"]);
  await loop(repo);
  expect((await repo.read("progress.txt")).match(/US-001\n- Attempt 1: failed/g)).toHaveLength(1);
});
