import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { endSupervised } from "../../src/system/live.ts";
import { supervise } from "../../src/system/supervise.ts";
import { findMarked, sweepMarked } from "../../src/system/sweep.ts";
import { alive, onThisRuntime, waitUntil } from "../support/processes.ts";

const program = fileURLToPath(new URL("supervised.ts", import.meta.url));
let count = 0;

/** A small runner in a process of its own that supervises one command; see supervised.ts. */
function startRunner(command: string, mark = `watcher-test-${process.pid}.r${++count}.1`) {
  const [file = "", ...args] = onThisRuntime(program, mark, command);
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  let said = "";
  child.stdout.on("data", (chunk) => said += String(chunk));
  return {
    mark,
    pid: child.pid!,
    said: () => said,
    gone: once(child, "exit"),
    /** The process id behind this word in the output. */
    pidOf: async (word: string) => {
      const pattern = new RegExp(`^${word} (\\d+)$`, "m");
      await waitUntil(() => pattern.test(said), 10_000);
      return Number(pattern.exec(said)![1]);
    },
    [Symbol.asyncDispose]: async () => void await sweepMarked(mark),
  };
}

/** The watcher that a process started. */
function watcherOf(parent: number): number {
  const found = readdirSync("/proc").map(Number).filter((pid) => {
    if (!(pid > 0)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(ppid) === parent && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("# Capstan's watcher");
    } catch {
      return false;
    }
  });
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** Ends when it is told to, and has a child in a session of its own and one without any environment. */
const withChildren = "setsid sleep 600 & echo escaped $!; env -i /bin/sleep 600 & echo wiped $!; wait";
/** Neither it nor its child, in a session of its own, listens to SIGTERM. */
const stubborn = `trap '' TERM; setsid sh -c 'echo escaped $$; while :; do sleep 1; done' & while :; do sleep 1; done`;

describe.runIf(process.platform === "linux").concurrent("a runner that is killed", () => {
  it("takes its processes with it, escaped and anonymous ones too", async () => {
    await using runner = startRunner(withChildren);
    const pids = [await runner.pidOf("agent"), await runner.pidOf("escaped"), await runner.pidOf("wiped")];
    const watcher = watcherOf(runner.pid);
    expect([...pids, watcher].map(alive)).not.toContain(false);
    process.kill(runner.pid, "SIGKILL");
    await waitUntil(() => !pids.some(alive), 2000);
    await waitUntil(() => !alive(watcher), 5000);
  });

  it("takes those that ignore SIGTERM with it within 5 seconds, and its watcher goes too", async () => {
    await using runner = startRunner(stubborn);
    const pids = [await runner.pidOf("agent"), await runner.pidOf("escaped")];
    const watcher = watcherOf(runner.pid);
    // Its whole group, as the end of a service or of a terminal's job may do.
    process.kill(-runner.pid, "SIGKILL");
    await waitUntil(() => !pids.some(alive), 5000);
    await waitUntil(() => !alive(watcher), 5000);
  });

  it("has a watcher that outlives Ctrl-C, a closed terminal and a polite kill", async () => {
    await using runner = startRunner("sleep 600");
    const agent = await runner.pidOf("agent");
    const watcher = watcherOf(runner.pid);
    for (const signal of ["SIGINT", "SIGHUP", "SIGTERM", "SIGQUIT"] as const) process.kill(watcher, signal);
    process.kill(runner.pid, "SIGKILL");
    await waitUntil(() => !alive(agent), 2000);
  });

  it.each([
    ["", undefined],
    [", even when its own mark has no parts", `odd-${process.pid}`],
  ])("leaves the processes of other runs alone%s", async (_, mark) => {
    await using other = startRunner("sleep 600");
    await using runner = startRunner("sleep 600", mark);
    const [otherAgent, agent] = [await other.pidOf("agent"), await runner.pidOf("agent")];
    const watcher = watcherOf(runner.pid);
    process.kill(runner.pid, "SIGKILL");
    await waitUntil(() => !alive(agent) && !alive(watcher), 7000);
    expect(alive(otherAgent)).toBe(true);
    process.kill(other.pid, "SIGTERM");
    await other.gone;
  });
});

describe.runIf(process.platform === "linux").concurrent("a run that ends", () => {
  it("ends what still runs and leaves no watcher", async () => {
    await using runner = startRunner("sleep 600");
    const agent = await runner.pidOf("agent");
    const watcher = watcherOf(runner.pid);
    process.kill(runner.pid, "SIGTERM");
    expect(await runner.gone).toEqual([0, null]);
    expect([agent, watcher].map(alive)).toEqual([false, false]);
    expect(await findMarked(runner.mark)).toEqual([]);
    expect(runner.said()).toContain(`exit {"kind":"signal","signal":"SIGTERM","sentBy":"us"`);
  });

  it("without a farewell is not held up by its watcher, which follows", async () => {
    await using runner = startRunner("sleep 1");
    await runner.pidOf("agent");
    const watcher = watcherOf(runner.pid);
    expect(await runner.gone).toEqual([0, null]);
    await waitUntil(() => !alive(watcher), 5000);
  });

  it("has a watcher again after somebody killed the first", async () => {
    const start = () =>
      supervise({
        argv: ["sleep", "600"],
        cwd: "/",
        env: { PATH: process.env.PATH ?? "" },
        mark: `watcher-test-${process.pid}.again.1`,
        stop: { signal: "SIGTERM", graceMs: 1000 },
      });
    const one = start();
    const first = watcherOf(process.pid);
    process.kill(first, "SIGKILL");
    // Not only dead: known to be.
    await waitUntil(() => !existsSync(`/proc/${first}`));
    const two = start();
    const second = watcherOf(process.pid);
    expect(second).not.toBe(first);
    await endSupervised({ kind: "interrupted", signal: "SIGINT" });
    expect([one.pid!, two.pid!, second].map(alive)).toEqual([false, false, false]);
  });
});

describe("killing what is supervised", () => {
  it("gives nobody a grace, not what escaped either", async () => {
    await using runner = startRunner(stubborn);
    const pids = [await runner.pidOf("agent"), await runner.pidOf("escaped")];
    const asked = performance.now();
    process.kill(runner.pid, "SIGUSR2");
    expect(await runner.gone).toEqual([0, null]);
    expect(performance.now() - asked).toBeLessThan(1500);
    expect(pids.some(alive)).toBe(false);
    expect(runner.said()).toContain(
      `exit {"kind":"signal","signal":"SIGKILL","sentBy":"us","why":{"kind":"interrupted","signal":"SIGINT"}}`,
    );
  });
});
