import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { mark, markVariable, parseMark } from "../../src/system/marks.ts";
import { findMarked, sweepMarked, sweepWhere } from "../../src/system/sweep.ts";
import { agent, alive, waitUntil } from "../support/processes.ts";

const repoKey = `sweep-test-${process.pid}`;

/** Starts a program with a mark, as an agent of a runner that is gone. */
async function leave(name: string, run: string, iteration: number): Promise<number> {
  const [file = "", ...args] = agent(name);
  const child = spawn(file, args, {
    env: { PATH: process.env.PATH, [markVariable]: mark(repoKey, run, iteration) },
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  return child.pid!;
}

describe.runIf(process.platform === "linux")("sweeping", () => {
  it("ends what carries the mark, a stubborn one too, and says how many", async () => {
    const pids = [await leave("forever", "r1", 1), await leave("ignores-sigterm", "r1", 1)];
    expect((await findMarked(mark(repoKey, "r1", 1))).filter((pid) => pids.includes(pid))).toHaveLength(2);
    const swept = await sweepMarked(mark(repoKey, "r1", 1), { graceMs: 200 });
    expect(swept.left).toEqual([]);
    expect(swept.count).toBeGreaterThanOrEqual(2);
    expect(pids.map(alive)).toEqual([false, false]);
  });

  it("finds the agents of a runner that is gone, and only those", async () => {
    const dead = await leave("forever", "r-dead", 7);
    const other = await leave("forever", "r-live", 1);
    const ours = (text: string) => parseMark(text)?.repoKey === repoKey && parseMark(text)?.run !== "r-live";
    await sweepWhere(ours);
    expect(alive(dead)).toBe(false);
    expect(alive(other)).toBe(true);
    await sweepMarked(mark(repoKey, "r-live", 1));
    expect(alive(other)).toBe(false);
  });

  it("does not confuse a mark with the beginning of another one", async () => {
    const pid = await leave("forever", "r2", 11);
    expect(await sweepMarked(mark(repoKey, "r2", 1))).toEqual({ count: 0, left: [] });
    expect(alive(pid)).toBe(true);
    await sweepMarked(mark(repoKey, "r2", 11));
  });

  it("outlasts a process that starts another one whenever it is told to end", async () => {
    const script = "trap 'setsid sh -c \"sleep 30\" & exit 0' TERM; echo ready; while :; do sleep 0.05; done";
    const child = spawn("sh", ["-c", script], {
      env: { PATH: process.env.PATH, [markVariable]: mark(repoKey, "r3", 1) },
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    expect((await sweepMarked(mark(repoKey, "r3", 1))).left).toEqual([]);
    await waitUntil(async () => (await findMarked(mark(repoKey, "r3", 1))).length === 0);
    expect(alive(child.pid!)).toBe(false);
  });
});
