import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { alive, waitUntil } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { bin, capstan } from "./cli.ts";

const plan = (...steps: unknown[]) =>
  `${JSON.stringify({ project: "Shop", branchName: "work", userStories: steps }, null, 2)}\n`;
const work = (id: string, command: string) => ({ id, title: `Do ${id}`, agent: "command", command, trust: "agent" });
const gate = { id: "G", title: "Look at it", type: "gate", gate: { question: "Is it good?" } };

test("a gate that another clone opened is open here after a fetch, and only the loop's own clone lands", async () => {
  await using repo = await createRepo({
    files: { "prd.json": plan(work("A", "echo a > a.txt"), gate, work("B", "echo b > b.txt")) },
  });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  const url = await repo.remote();
  await repo.git("push", "-q", "origin", "main");
  expect((await run("--push")).code).toBe(3);

  await using other = await repo.clone(url);
  const there = (...args: string[]) => capstan({ cwd: other.dir, env: other.env }, ...args);
  const approved = await there("approve", "G", "--push", "--note", "fine");
  expect(approved.err).toBe("");
  expect(approved.out).toContain("G approved by Test Person <person@example.com>: fine");
  expect(await other.git("branch", "--show-current")).toBe("main");
  expect((await there("approve", "G", "--push")).out).toContain("G is approved already");

  expect((await run("--push")).code).toBe(0);
  expect(await repo.git("log", "--format=%s", "work", "--", "b.txt")).toBe("feat: B - Do B");
  expect((await run("explain", "G")).out).toContain("fine");
});

test("a rejected gate stays closed and says how to have a step redone", async () => {
  await using repo = await createRepo({
    files: { "prd.json": plan(work("A", "echo a > a.txt"), { ...gate, needs: ["A"] }) },
  });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  expect((await run()).code).toBe(3);
  const rejected = await run("reject", "G", "--note", "wrong color");
  expect(rejected.out).toMatch(/reopen A --note "wrong color"/);
  expect((await run()).code).toBe(3);
  expect((await run("reopen", "A", "--note", "wrong color")).code).toBe(0);
  expect((await run("status")).out).toMatch(/A +Do A +ready/);
});

test("a rejection is shown with what helps, until a step was redone; in a list those are the steps before the gate", async () => {
  await using repo = await createRepo({
    files: { "prd.json": plan(work("A", "date +%N > a.txt"), work("A2", "date +%N > b.txt"), gate, work("B", "true")) },
  });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  const halted = await run();
  expect(halted.code).toBe(3);
  expect(halted.out).toMatch(/Is it good\?/);
  expect(halted.out.match(/approve G/g)).toHaveLength(1);
  const rejected = await run("reject", "G", "--note", "wrong color");
  expect(rejected.out).toMatch(/reopen A --note "wrong color"\n.*reopen A2 --note "wrong color"/);
  const says = /rejected by Test Person <person@example\.com>: wrong color/;
  expect((await run("status")).out).toMatch(says);
  expect((await run()).out).toMatch(/G was rejected by[\s\S]*reopen A --note/);
  const explained = await run("explain", "G");
  expect(explained.out).toMatch(says);
  expect(explained.out).not.toContain("your decision");
  expect(explained.out).toMatch(/reopen A2 --note "wrong color"[\s\S]*approve G/);
  expect((await run("reopen", "A2", "--note", "wrong color")).code).toBe(0);
  expect((await run()).code).toBe(3);
  expect((await run("explain", "G")).out).toContain("G needs your decision");
});

test("explain does not wait for what is left out", async () => {
  const left = { ...work("A", "true"), when: { field: "kind", equals: "api" } };
  const text = JSON.stringify({
    decisions: { kind: "web" },
    steps: [left, { ...work("B", "true"), needs: ["A"] }],
  });
  await using repo = await createRepo({ files: { "prd.json": text } });
  const { out } = await capstan({ cwd: repo.dir, env: repo.env }, "explain", "B");
  expect(out).toContain("ready");
  expect(out).not.toContain("needs A");
});

test("a run on another branch than the plan's goes on there with the commands that it prints", async () => {
  await using repo = await createRepo({
    files: { "prd.json": plan(work("A", "echo a > a.txt"), gate, work("B", "echo b > b.txt")) },
  });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  const halted = await run("--branch", "other");
  expect(halted.code).toBe(3);
  expect(halted.out).toMatch(/Next\n +\S.* --branch other approve G /);
  await repo.git("switch", "-q", "main");
  expect((await run("--branch", "other", "status")).out).toMatch(/branch other\n[\s\S]*A +Do A +\S.*1 attempt/);
  expect((await run("--branch", "other", "explain", "A")).out).toContain("passed");
  const approved = await run("--branch", "other", "approve", "G");
  expect(approved.out).toMatch(/Next\n +\S.* --branch other /);
  expect((await run("--branch", "other")).code).toBe(0);
  expect(await repo.git("branch", "--format=%(refname:short)")).toBe("main\nother");
});

test("explain says what a step of a list comes after, and what stands in the way of a blocked one", async () => {
  const unverified = { id: "A", title: "a", agent: "command", command: "echo a > a.txt", paths: ["a.txt"] };
  await using repo = await createRepo({ files: { "prd.json": plan(unverified, work("B", "true")) } });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  expect((await run("explain", "B")).out).toMatch(/waiting\n +comes after A, which is blocked/);
  expect((await run("explain", "A")).out).toMatch(/blocked\n +Nothing can verify A/);
  expect(JSON.parse((await run("explain", "B", "--json")).out)).toMatchObject({ status: "waiting" });
});

test("an agent's question halts, and the answer is recorded with who gave it", async () => {
  await using repo = await createRepo({ files: { "prd.json": plan(work("A", "echo '<gate>Red or blue?</gate>'")) } });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  const asked = await run();
  expect(asked.code).toBe(3);
  expect(asked.out).toContain("Red or blue?");
  expect(asked.out).toMatch(/answer A "your answer"/);
  expect((await run("status")).out).toContain("A needs your answer");
  expect((await run("answer", "A", "Blue")).out).toContain("A answered by Test Person <person@example.com>");
  expect((await run("log")).out).toMatch(/A answered by .*: Blue/);
  expect((await run("brief", "--step", "A")).out).toContain("Blue");
});

describe.skipIf("Deno" in globalThis)("the program of an old Node (not on Deno: it needs none)", () => {
  /** A run that an old Node handed over, whose agent works. */
  async function handedOver(repo: TestRepo) {
    const old = `Object.defineProperties(process, { versions: { value: { ...process.versions, node: "20.1.0" } } });`;
    const pidFile = join(repo.base, "agent");
    await repo.commit("chore: plan", {
      "prd.json": plan(work("A", `echo $$ > ${pidFile}.next && mv ${pidFile}.next ${pidFile} && exec sleep 60`)),
    });
    const child = spawn(
      process.execPath,
      ["--import", `data:text/javascript,${encodeURIComponent(old)}`, bin, "--quiet", "--sandbox", "none"],
      { cwd: repo.dir, env: repo.env, stdio: "ignore" },
    );
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    await waitUntil(() => existsSync(pidFile), 15_000);
    return { child, ended, agent: Number(await readFile(pidFile, "utf8")) };
  }

  test("brings a signal to the run", async () => {
    await using repo = await createRepo();
    const { child, ended } = await handedOver(repo);
    child.kill("SIGTERM");
    expect(await ended).toBe(143);
    expect((await capstan({ cwd: repo.dir, env: repo.env }, "log")).out).toContain("A attempt 1 was interrupted");
  });

  test("takes the run and its agent with it when it is killed", async () => {
    await using repo = await createRepo();
    const { child, ended, agent } = await handedOver(repo);
    child.kill("SIGKILL");
    await ended;
    await waitUntil(() => !alive(agent), 5000);
    const next = await capstan({ cwd: repo.dir, env: repo.env }, "--max-iterations", "1", "--max-time", "2s");
    expect(next.code).toBe(5);
  });
});
