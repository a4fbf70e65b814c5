import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";

/** One line of an agent's output that says how it failed. */
const fails = (name: string, more: Record<string, unknown> = {}) =>
  `echo '${JSON.stringify({ kind: "error", fault: { class: name, message: `${name} it is`, ...more } })}'; exit 1`;
const works = `echo one > one.txt; echo '${JSON.stringify({ kind: "end", ok: true, finalText: "Done" })}'`;
/** Runs the first command so many times, then the second. */
const firstThen = (times: number, first: string, then: string) =>
  `n=$(cat $COUNT 2>/dev/null || echo 0); n=$((n+1)); echo $n > $COUNT; if [ $n -le ${times} ]; then ${first}; fi; ${then}`;

interface Rig {
  agents: Record<string, string | Record<string, unknown>>;
  step?: Record<string, unknown>;
  plan?: Record<string, unknown>;
  failures?: Record<string, unknown>;
}

/** A repository whose one step is for the first of the agents, each of them a line of shell, or for what `step` says. */
async function withAgents({ agents, step = {}, plan = {}, failures }: Rig): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await mkdir(join(repo.base, "counts"));
  const entries = Object.entries(agents).map(([id, agent]) => {
    const { script, ...more } = typeof agent === "string" ? { script: agent } : agent;
    const count = join(repo.base, "counts", id);
    return [id, {
      title: id,
      launch: { binary: ["sh"] },
      brief: "none",
      format: "capstan-jsonl",
      args: ["-c", String(script).replaceAll("$COUNT", count), { when: "model", args: ["{model}"] }],
      ...more,
    }];
  });
  await repo.commit("chore: start", {
    "prd.json": planText([{ id: "US-001", agent: Object.keys(agents)[0], validators: ["one"], ...step }], plan),
    "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    "registries/agents.json": JSON.stringify(Object.fromEntries(entries)),
    ...failures === undefined ? {} : { "registries/failures.json": JSON.stringify(failures) },
  });
  return repo;
}

const quick = { policy: { kind: "back-off", firstSeconds: 0.01, mostSeconds: 0.02, times: 3 } };
const noticesOf = (events: readonly Event[]) =>
  events.flatMap((event) => (event.kind === "notice" ? [event.notice.kind] : []));
const startsOf = (events: readonly Event[]) =>
  events.flatMap((event) => (event.kind === "iteration-started" ? [event.agent] : []));

test("a provider that fails for a while costs no attempt: the loop backs off and goes on", async () => {
  await using repo = await withAgents({
    agents: { mine: firstThen(2, fails("server"), works) },
    step: { maxAttempts: 1 },
    failures: { server: quick },
  });
  const run = await loop(repo);
  expect(run.code).toBe(0);
  expect(startsOf(run.events)).toHaveLength(3);
  expect(noticesOf(run.events).filter((kind) => kind === "failure-handled")).toHaveLength(2);
  const told = await capstan(repo, ["explain", "US-001"]);
  expect(told.stdout).toContain("provider error: server it is");
  expect(told.stdout).toContain("cost no attempt");
});

test("one that goes on failing ends the run with 6, says how often, and the next run asks once", async () => {
  await using repo = await withAgents({ agents: { mine: fails("network") }, failures: { network: quick } });
  const run = await capstan(repo, []);
  expect(run.code).toBe(6);
  expect(run.stdout).toContain("mine failed 3 times in a row: network it is");
  const again = await loop(repo);
  expect(again.code).toBe(6);
  expect(startsOf(again.events)).toHaveLength(1);
  expect((await capstan(repo, ["explain", "US-001"])).stdout).toContain("0 of 5 attempts used");
});

test("while the first agent of a list rests, the next one works; that survives a restart", async () => {
  const resumeAt = Date.now() + 3_600_000;
  await using repo = await withAgents({
    agents: { first: fails("rate-limit", { resumeAt }), second: firstThen(1, "exit 0", works) },
    step: { agent: ["first", "second"] },
  });
  const run = await loop(repo, ["--max-iterations", "2"]);
  expect(startsOf(run.events)).toEqual(["first", "second"]);
  await capstan(repo, ["status"]).then(({ stdout }) => expect(stdout).toContain("agent second"));
  const again = await loop(repo);
  expect(again.code).toBe(0);
  expect(startsOf(again.events)).toEqual(["second"]);
});

test("an agent of a list that is not there, or not logged in, leaves the step to the next one", async () => {
  await using repo = await withAgents({
    agents: { second: fails("auth"), third: works, first: { script: "", launch: { binary: ["nowhere-to-be-found"] } } },
    step: { agent: ["first", "second", "third"] },
  });
  const run = await loop(repo);
  expect(run.code).toBe(0);
  expect(startsOf(run.events)).toEqual(["second", "third"]);
  expect(noticesOf(run.events)).toEqual(expect.arrayContaining(["agent-missing", "failure-handled"]));
});

test("status says until when the loop would wait, and why; a person may have the agent asked at once", async () => {
  await using repo = await withAgents({ agents: { mine: fails("rate-limit", { resumeAt: Date.now() + 3_600_000 }) } });
  expect((await loop(repo, ["--max-wait", "1m"])).code).toBe(6);
  const { stdout } = await capstan(repo, ["status"]);
  expect(stdout).toMatch(/mine rests until [-\d: ]+$/m);
  expect(stdout).toContain("rate limited: rate-limit it is");
  expect((await capstan(repo, ["retry", "US-001"])).code).toBe(0);
  expect(startsOf((await loop(repo, ["--max-wait", "1m"])).events)).toEqual(["mine"]);
});

test("an account without credit ends the run at once and says what to do", async () => {
  await using repo = await withAgents({ agents: { mine: fails("billing") } });
  const run = await capstan(repo, ["--once"]);
  expect(run.code).toBe(6);
  expect(run.stdout).toContain("mine cannot be used: billing it is");
  expect(run.stdout).toContain("Add credit");
});

test("another model of the agent stands in for one that is not available", async () => {
  const onlyModel = `if [ "$0" = small ]; then ${works}; else ${fails("model")}; fi`;
  await using repo = await withAgents({
    agents: { mine: { script: onlyModel, fallbackModels: ["small"] } },
    step: { model: "big" },
  });
  const run = await loop(repo);
  expect(run.code).toBe(0);
  expect(startsOf(run.events)).toHaveLength(2);
});

test("a command has no provider: what it prints about connections is its own failure, and costs an attempt", async () => {
  await using repo = await withAgents({
    agents: { mine: works },
    step: { agent: "command", command: "echo 'connection refused' >&2; exit 1", maxAttempts: 1 },
  });
  expect((await loop(repo)).code).toBe(4);
});

test("an overflow makes the next brief smaller", async () => {
  await using repo = await withAgents({
    agents: { mine: firstThen(1, fails("overflow"), works) },
    step: { description: "word ".repeat(3_000), acceptanceCriteria: ["is done ".repeat(1_000)] },
    plan: { description: "plan ".repeat(3_000) },
  });
  await repo.commit("docs: a prompt", {
    "prompt.md": `Read prd.json and progress.txt. ${"Do it well. ".repeat(1_000)}`,
  });
  const run = await loop(repo);
  expect(run.code).toBe(0);
  const [before, after] = run.events.flatMap((event) => (event.kind === "brief" ? [event.bytes] : []));
  expect(after).toBeLessThan(before!);
});

test("a class that blocks ends the run with 4, and a person opens the step again", async () => {
  await using repo = await withAgents({
    agents: { mine: firstThen(1, fails("refused"), works) },
    failures: { refused: { policy: { kind: "block" } } },
  });
  const run = await capstan(repo, []);
  expect(run.code).toBe(4);
  expect(run.stdout).toContain("US-001 is blocked: refused by the model: refused it is");
  expect((await loop(repo)).code).toBe(4);
  await capstan(repo, ["reopen", "US-001"]);
  expect((await loop(repo)).code).toBe(0);
});
