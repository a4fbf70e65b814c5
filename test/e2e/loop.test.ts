import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, subjects, validatorsText } from "./rig.ts";

/** A repository with a plan of steps that each write their own file, and a validator for each. */
function twoSteps(): Promise<TestRepo> {
  return createRepo({
    files: {
      "README.md": "# test\n",
      "prd.json": planText([
        { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
        { id: "US-002", command: "cat one.txt > two.txt", validators: ["two"] },
      ]),
      "registries/validators.json": validatorsText({ one: "grep -q one one.txt", two: "grep -q one two.txt" }),
    },
  });
}

describe("the loop", () => {
  test("lands each step as one verified commit and ends with 0", async () => {
    await using repo = await twoSteps();
    const run = await loop(repo);
    expect(run.stderr).toBe("");
    expect(run.code).toBe(0);
    expect((await subjects(repo, "capstan/test")).slice(0, 2)).toEqual([
      "feat: US-002 - Step US-002",
      "feat: US-001 - Step US-001",
    ]);
    expect(await repo.git("branch", "--show-current")).toBe("capstan/test");
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.read("two.txt")).toBe("one\n");
    const trailers = await repo.git("log", "-1", "--format=%(trailers:only,unfold)", "capstan/test");
    expect(trailers).toMatch(/^Capstan-Plan: /m);
    expect(trailers).toMatch(/^Capstan-Step: US-002$/m);
    expect(trailers).toMatch(/^Capstan-Attempt: 1$/m);
    expect(trailers).toMatch(/^Capstan-Evidence: step$/m);
    expect(trailers).toMatch(/^Capstan-Validators: .*two$/m);
    const plan = JSON.parse(await repo.read("prd.json")) as { userStories: { passes: boolean }[] };
    expect(plan.userStories.map(({ passes }) => passes)).toEqual([true, true]);
    expect(await repo.read("progress.txt")).toMatch(/## .* - US-001[\s\S]*## .* - US-002/);
  });

  test("has nothing left to do when it is started again, and changes nothing", async () => {
    await using repo = await twoSteps();
    await loop(repo);
    const before = await repo.git("for-each-ref");
    const again = await loop(repo);
    expect(again.code).toBe(0);
    expect(await repo.git("for-each-ref")).toBe(before);
  });

  test("continues with the same attempts and spend after everything but the repository was deleted", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([{ id: "US-001", command: "echo no > one.txt", validators: ["one"], maxAttempts: 4 }]),
        "registries/validators.json": validatorsText({ one: "grep -q one one.txt" }),
      },
    });
    expect((await loop(repo, ["--max-iterations", "2"])).code).toBe(5);
    await rm(join(repo.dir, ".capstan"), { recursive: true });
    await rm(repo.env.XDG_STATE_HOME!, { recursive: true });
    const run = await loop(repo, ["--max-iterations", "1"]);
    expect(run.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ attempt: 3 });
    // The third of three equal failures, two of which nothing but the repository remembers.
    expect(run.events.at(-1)).toMatchObject({ kind: "halted", exitCode: 4, halt: { reason: "breaker" } });
  });

  test("a failed attempt's output is in the next brief, its work is where the next attempt starts", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([{
          id: "US-001",
          // The second attempt finds what the first one left, and only then finishes the work.
          command: "if [ -f draft.txt ]; then echo one > one.txt; else echo begun > draft.txt; fi",
          validators: ["one"],
        }]),
        "registries/validators.json": validatorsText({
          one: { command: "cat one.txt || { echo the reason it fails; exit 1; }", fix: "write one.txt" },
        }),
      },
    });
    const first = await loop(repo, ["--once"]);
    expect(first.code).toBe(5);
    expect(first.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({ outcome: "failed" });
    expect(await subjects(repo, "capstan/test")).not.toContain("feat: US-001 - Step US-001");
    const brief = await capstan(repo, ["brief", "--step", "US-001"]);
    expect(brief.stdout).toContain("the reason it fails");
    expect(brief.stdout).toContain("write one.txt");
    const second = await loop(repo);
    expect(second.code).toBe(0);
    expect(second.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ attempt: 2, carry: 1 });
    expect(await repo.read("progress.txt")).toContain("Attempt 1: failed");
    expect(await repo.git("for-each-ref", "refs/capstan/attempts")).toBe("");
  });

  test("an agent's claim is a hint: COMPLETE without work never passes", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([{
          id: "US-001",
          command: "sed -i 's/\"passes\": false/\"passes\": true/' prd.json; echo '<promise>COMPLETE</promise>'",
          validators: ["one"],
          maxAttempts: 1,
        }]),
        "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
      },
    });
    const run = await loop(repo);
    expect(run.code).toBe(4);
    expect(JSON.parse((await repo.show("capstan/test", "prd.json"))!)).toMatchObject({
      userStories: [{ passes: false }],
    });
  });

  test("halts at a gate until a person opens it", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([
          { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
          { id: "GATE-1", type: "gate" },
          { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
        ]),
        "registries/validators.json": validatorsText({ one: "test -f one.txt", two: "test -f two.txt" }),
      },
    });
    expect((await capstan(repo, ["approve", "GATE-1"])).code).toBe(2);
    const halted = await loop(repo);
    expect(halted.code).toBe(3);
    expect((await loop(repo)).code).toBe(3);
    expect((await capstan(repo, ["reject", "GATE-1", "--note", "not yet"])).code).toBe(0);
    expect((await loop(repo)).code).toBe(3);
    const approved = await capstan(repo, ["approve", "GATE-1", "--note", "fine"]);
    expect(approved.code).toBe(0);
    expect((await loop(repo)).code).toBe(0);
    expect((await subjects(repo, "capstan/test"))[1]).toMatch(/^chore\(gate\): open GATE-1/);
  });

  test("a setup that fails in the middle of a run blocks: what has landed stays, and code 2 would be untrue", async () => {
    await using repo = await createRepo();
    const broken = join(repo.base, "broken");
    await repo.commit("chore: plan", {
      "prd.json": planText([
        { id: "US-001", command: "echo '{}' > package-lock.json", validators: ["locked"] },
        { id: "US-002", command: "echo two > two.txt", validators: ["locked"] },
      ], { setup: `test ! -f ${broken}` }),
      "registries/validators.json": validatorsText({ locked: `test -f package-lock.json && touch ${broken}` }),
    });
    const run = await loop(repo);
    expect(run.events.at(-1)).toMatchObject({ halt: { reason: "repository", problem: { kind: "setup-failed" } } });
    expect(run.code).toBe(4);
    expect((await subjects(repo, "capstan/test"))[0]).toBe("feat: US-001 - Step US-001");
  });

  test("work that cannot be set up is no start for the next attempt, and does not end the run", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([
          { id: "US-001", command: "touch seen; echo '{}' > package-lock.json", validators: ["seen"], maxAttempts: 2 },
        ], { setup: "test ! -f package-lock.json" }),
        "registries/validators.json": validatorsText({ seen: "test -f seen" }),
      },
    });
    const run = await loop(repo);
    expect(run.events.filter(({ kind }) => kind === "iteration-started")).toHaveLength(2);
    expect(run.events.at(-1)).toMatchObject({ halt: { reason: "out-of-attempts" }, exitCode: 4 });
  });

  test("halts at an agent's question, and the answer is in the next brief", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([{
          id: "US-001",
          command: "echo one > one.txt; [ -f /nonexistent ] || echo '<gate>Which color?</gate>'",
          validators: ["one"],
        }]),
        "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
      },
    });
    const run = await loop(repo);
    expect(run.code).toBe(3);
    expect(run.events.at(-1)).toMatchObject({ kind: "halted", halt: { reason: "question", question: "Which color?" } });
    expect((await capstan(repo, ["answer", "US-001", "a calm blue"])).code).toBe(0);
    const brief = await capstan(repo, ["brief", "--step", "US-001"]);
    expect(brief.stdout).toContain("Which color?");
    expect(brief.stdout).toContain("a calm blue");
  });
});
