import { join } from "node:path";
import { expect, test } from "vitest";
import { createRepo } from "../support/repo.ts";
import { capstan } from "./cli.ts";

test("the quick start goes from a new directory through its gate to the end, and starts over", async () => {
  await using base = await createRepo();
  const { env } = base;
  const dir = join(base.base, "qs");
  const made = await capstan({ cwd: base.base, env }, "quickstart", "qs");
  expect(made.code).toBe(0);
  expect(made.out).toMatch(/-C qs +runs it/);
  const run = (...args: string[]) => capstan({ cwd: dir, env }, ...args);
  const git = (...args: string[]) => base.gitIn(dir, ...args);

  const first = await run();
  expect(first.code).toBe(3);
  expect(first.out).toMatch(/US-001 attempt 1 failed/);
  expect(first.out).toMatch(/US-001 .* verified/);
  expect(first.out).toContain("## What to decide");
  expect(first.out).toMatch(/approve GATE-001 +go on/);
  expect((await run("explain", "US-001")).out).toMatch(/attempt 1 failed[\s\S]*attempt 2 passed, verified/);

  const approved = await run("approve", "GATE-001", "--note", "good wording");
  expect(approved.out).toMatch(/GATE-001 approved by .*good wording/);
  expect((await run("status")).out).toContain("opens the approved gate GATE-001");

  const events = (await run("--json")).out.trimEnd().split("\n").map((line) => JSON.parse(line) as { kind: string });
  expect(events.at(-1)).toMatchObject({ v: 1, kind: "halted", exitCode: 0, halt: { reason: "complete" } });
  expect((await run("log", "-n", "1")).out).toMatch(/US-003 attempt 1 passed/);
  expect(await run("--quiet")).toMatchObject({ code: 0, out: "" });

  expect((await run("reopen", "US-002", "--note", "also weeks")).code).toBe(0);
  expect(await git("log", "-1", "--format=%s")).toMatch(/^chore\(plan\): reopen US-002 - /);
  expect(await git("status", "--porcelain")).toBe("");
  expect((await run("status")).out).toMatch(/works on US-002, attempt 2/);

  const reset = await run("quickstart", "--reset");
  expect(reset.code).toBe(0);
  expect(await git("branch", "--format=%(refname:short)")).toBe("main");
  expect(await git("for-each-ref", "refs/capstan/ledger", "refs/capstan/attempts")).toBe("");
  expect((await run("status")).out).toContain("0 of 4 steps pass");
}, 90_000);

test("a reader that goes away neither stops nor fails the run", async () => {
  await using base = await createRepo();
  const { env } = base;
  const dir = join(base.base, "qs");
  await capstan({ cwd: base.base, env }, "quickstart", "qs");
  const { code, out, err } = await capstan({ cwd: dir, env, closeAfterBytes: 1 }, "--json");
  expect({ code, err }).toEqual({ code: 3, err: "" });
  expect(out).not.toContain(`"kind":"halted"`);
  expect(await base.gitIn(dir, "log", "--format=%s", "capstan/quickstart")).toContain("feat: US-002");
});

test("a reset keeps uncommitted changes of the quick start's files", async () => {
  await using base = await createRepo();
  const { env } = base;
  const dir = join(base.base, "qs");
  await capstan({ cwd: base.base, env }, "quickstart", "qs");
  await base.gitIn(dir, "switch", "-q", "-c", "capstan/quickstart");
  await base.gitIn(dir, "rm", "-q", "examples/duration/README.md");
  const { code, err } = await capstan({ cwd: dir, env }, "quickstart", "--reset");
  expect(code).toBe(2);
  expect(err).toContain("examples/duration/README.md");
  expect(await base.gitIn(dir, "branch", "--show-current")).toBe("capstan/quickstart");
});
