import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";

/** A repository whose one step is done by `mine`: a program on PATH, declared by JSON alone. */
async function withAgent(script: string, entry: Record<string, unknown> = {}): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await mkdir(join(repo.base, "bin"));
  await writeFile(join(repo.base, "bin", "mine"), `#!/bin/sh\n${script}\n`);
  await chmod(join(repo.base, "bin", "mine"), 0o755);
  repo.env.PATH = `${join(repo.base, "bin")}:${repo.env.PATH}`;
  await repo.commit("chore: start", {
    "prd.json": planText([{ id: "US-001", agent: "mine", validators: ["one"], maxAttempts: 2 }]),
    "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    "registries/agents.json": JSON.stringify({
      mine: { title: "Mine", launch: { binary: ["mine"] }, format: "claude-stream-json", args: ["--go"], ...entry },
    }),
  });
  return repo;
}

const says = (value: unknown) => `echo '${JSON.stringify(value)}'`;
const result = (more: Record<string, unknown>) =>
  says({
    subtype: "success",
    is_error: false,
    type: "result",
    result: "Done",
    total_cost_usd: 0.25,
    usage: { input_tokens: 10, output_tokens: 5 },
    ...more,
  });

describe("an agent declared by JSON alone", () => {
  test("gets the brief on standard input, and what it reports is recorded", async () => {
    await using repo = await withAgent(`grep -q US-001 && echo one > one.txt\n${result({})}`);
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(run.events.at(-1)).toMatchObject({ kind: "halted", summary: { costUsd: 0.25, costUnknown: 0 } });
    expect(await repo.git("log", "-1", "--format=%(trailers:key=Capstan-Cost-USD)", "capstan/test")).toContain(
      "0.2500",
    );
  });

  test("that is limited costs no attempt, and a wait beyond --max-wait ends with 6", async () => {
    const resetsAt = Math.floor(Date.now() / 1000) + 7200;
    await using repo = await withAgent([
      says({ type: "rate_limit_event", rate_limit_info: { status: "rejected", resetsAt, rateLimitType: "five_hour" } }),
      says({
        type: "assistant",
        error: "rate_limit",
        message: { model: "<synthetic>", content: [{ type: "text", text: "Claude usage limit reached" }] },
      }),
      result({ is_error: true, api_error_status: 429, result: "Claude usage limit reached" }),
      "exit 1",
    ].join("\n"));
    const run = await loop(repo, ["--max-wait", "1m"]);
    expect(run.code).toBe(6);
    expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({ outcome: "limited" });
    const again = await loop(repo, ["--max-wait", "1m"]);
    expect(again.code).toBe(6);
    expect(again.events.some(({ kind }) => kind === "iteration-started")).toBe(false);
    expect((await capstan(repo, ["explain", "US-001"])).stdout).toContain("0 of 2 attempts used");
  });

  test("that is not logged in ends the run with 6 at once", async () => {
    await using repo = await withAgent([
      says({
        type: "assistant",
        error: "authentication_failed",
        message: { model: "<synthetic>", content: [{ type: "text", text: "Not logged in" }] },
      }),
      result({ is_error: true, api_error_status: 401, result: "Not logged in" }),
      "exit 1",
    ].join("\n"));
    const run = await loop(repo);
    expect(run.code).toBe(6);
    expect(run.events.filter(({ kind }) => kind === "iteration-started")).toHaveLength(1);
  });

  test("whose cost is unknown is never counted as zero, and refused under a money limit", async () => {
    await using repo = await withAgent("echo one > one.txt; echo Done", { format: "text" });
    expect((await loop(repo, ["--max-cost", "5"])).code).toBe(2);
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(run.events.at(-1)).toMatchObject({ summary: { costUnknown: 1 } });
    expect((await capstan(repo, ["status"])).stdout).toMatch(/unknown/);
  });
});

test("when no agent is ready, says what was looked for and how to get one, and ends with 6", async () => {
  await using repo = await createRepo({
    files: {
      "prd.json": planText([{ id: "US-001", validators: ["one"] }]),
      "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    },
  });
  const run = await capstan(repo, []);
  expect(run.code).toBe(6);
  for (const word of ["claude", "codex", "gemini", "copilot", "opencode", "pi", "ANTHROPIC_API_KEY", "npm install"]) {
    expect(run.stdout).toContain(word);
  }
  expect(run.stdout).not.toContain("tape");
  expect((await loop(repo)).events.some(({ kind }) => kind === "iteration-started")).toBe(false);
});

test("a brief is the same bytes up to the step's own part", async () => {
  await using repo = await createRepo({
    files: {
      "prd.json": planText([{ id: "US-001", validators: ["one"] }, { id: "US-002", validators: ["one"] }]),
      "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    },
  });
  const [first, second] = await Promise.all(["US-001", "US-002"].map(async (step) => {
    const { stdout, stderr } = await capstan(repo, ["brief", "--step", step]);
    expect(stderr).toMatch(/\d/);
    return stdout;
  }));
  let same = 0;
  while (first![same] === second![same]) same += 1;
  expect(first!.slice(same - 200, same + 200)).toContain("US-00");
  expect(same).toBeGreaterThan(first!.length / 2);
});
