import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { agent } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";

/** A shell command that runs a program of test/agents the first time, and `honest` from then on. */
function firstThen(repo: TestRepo, bad: string[], honest: string): string {
  const once = join(repo.base, "once");
  return `if [ ! -e ${once} ]; then : > ${once}; exec ${bad.join(" ")}; else ${honest}; fi`;
}

function ended(events: readonly Event[]): (Event & { kind: "attempt-ended" })[] {
  return events.filter((event) => event.kind === "attempt-ended");
}

/** The brief of the n-th iteration of a run. */
function briefOf(repo: TestRepo, events: readonly Event[], iteration: string): Promise<string> {
  return readFile(join(repo.dir, ".capstan/runs", events[0]!.run, iteration, "brief.md"), "utf8");
}

describe.concurrent("an agent that", { timeout: 60_000 }, () => {
  test("breaks an earlier step fails, is told which one, and lands once it does not", async () => {
    await using repo = await createRepo({ files: false });
    const breaks = agent("breaks-an-earlier-step", "two.txt", "greeting.txt");
    await repo.commit("chore: start", {
      "prd.json": planText([
        { id: "US-001", command: "echo hello > greeting.txt", completionCriteria: ["grep -q hello greeting.txt"] },
        {
          id: "US-002",
          command: firstThen(repo, breaks, "echo done > two.txt; echo hello > greeting.txt"),
          validators: ["two"],
        },
      ]),
      "registries/validators.json": validatorsText({ two: "test -f two.txt" }),
    });
    const run = await loop(repo);
    expect(run.stderr).toBe("");
    expect(ended(run.events)).toMatchObject([{
      step: "US-002",
      outcome: "failed",
      summary: "US-001:criterion-1 (breaks US-001) failed",
    }]);
    expect(await briefOf(repo, run.events, "0003-US-002-2")).toContain(
      "This change breaks US-001, which passed on it.",
    );
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "greeting.txt")).toBe("hello\n");
  });

  test("skips the test that fails is not fooled by its green, and is shown its lines", async () => {
    await using repo = await createRepo({ files: false });
    const suite = '@test "works" {\n  run cat one.txt\n  [ "$output" = one ]\n}\n';
    // The suite is green when it has no test: what bats does as well.
    const runner = "grep -q '^@test' test/sum.bats || exit 0; [ \"$(cat one.txt)\" = one ]";
    await repo.commit("chore: start", {
      "prd.json": planText([{
        id: "US-001",
        command: firstThen(repo, agent("skips-tests"), "git checkout -q HEAD test; echo one > one.txt"),
        validators: ["suite"],
      }]),
      "registries/validators.json": validatorsText({ suite: runner }),
      "test/sum.bats": suite,
    });
    const run = await loop(repo);
    expect(run.stderr).toBe("");
    expect(ended(run.events)).toMatchObject([{ outcome: "failed", summary: "test-guard failed" }]);
    expect(await briefOf(repo, run.events, "0002-US-001-2")).toContain(
      'test/sum.bats:1: deletes a test (tests)\n  - @test "works" {',
    );
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "test/sum.bats")).toBe(suite);
  });

  test("works on a step whose validators prove nothing is told so, and so is everybody else", async () => {
    await using repo = await createRepo({ files: false });
    await repo.commit("chore: start", {
      "prd.json": planText([
        { id: "US-001", command: "echo one > one.txt", validators: ["any"] },
        { id: "US-002", command: "true", validators: ["any"] },
        { id: "US-003", command: "echo three > three.txt", validators: ["any", "three"] },
      ]),
      "registries/validators.json": validatorsText({ any: "test -f prd.json", three: "test -f three.txt" }),
    });
    const run = await loop(repo);
    expect(run.stderr).toBe("");
    expect(run.code).toBe(0);
    const landed = run.events.flatMap((event) => event.kind === "landed" ? [[event.step, event.evidence]] : []);
    expect(landed).toEqual([["US-001", "vacuous"], ["US-002", "already-true"], ["US-003", "step"]]);
    const notices = run.events.flatMap((event) => event.kind === "notice" ? [event.notice] : []);
    expect(notices.filter(({ kind }) => kind === "red-first")).toEqual([
      { kind: "red-first", step: "US-001", found: { kind: "vacuous", validators: ["any"] } },
      { kind: "red-first", step: "US-002", found: { kind: "vacuous", validators: ["any"] } },
    ]);
    expect(await briefOf(repo, run.events, "0001-US-001-1")).toContain("any: green already before your work");
    expect(await repo.git("log", "--format=%(trailers:key=Capstan-Evidence,valueonly)", "-1", "capstan/test~2"))
      .toContain("vacuous");
    expect((await capstan(repo, ["status"])).stdout).toMatch(/US-001 .* vacuous/);
    expect((await capstan(repo, ["explain", "US-001"])).stdout).toContain("they prove nothing about it");
  });

  test("replaces what its plan retires lands", async () => {
    await using repo = await createRepo({ files: false });
    const [program, ...args] = agent("breaks-an-earlier-step", "two.txt", "greeting.txt");
    await repo.commit("chore: start", {
      "prd.json": planText([
        { id: "US-001", command: "echo hello > greeting.txt", completionCriteria: ["grep -q hello greeting.txt"] },
        { id: "US-002", command: [program, ...args], validators: ["two"], retires: ["US-001:criterion-1"] },
        { id: "US-003", command: "echo three > three.txt", validators: ["two"] },
      ]),
      "registries/validators.json": validatorsText({ two: "test -f two.txt" }),
    });
    const run = await loop(repo);
    expect(ended(run.events)).toEqual([]);
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "greeting.txt")).toBe("bye\n");
  });
});
