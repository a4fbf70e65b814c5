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
