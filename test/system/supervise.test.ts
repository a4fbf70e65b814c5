import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { StopReason } from "../../src/model/process.ts";
import { supervise, type SuperviseRequest } from "../../src/system/supervise.ts";
import { findMarked } from "../../src/system/sweep.ts";
import { agent, alive, waitUntil } from "../support/processes.ts";
import { tempDir } from "../support/tmp.ts";

const env = { PATH: process.env.PATH ?? "", LC_ALL: "C" };
let count = 0;
let mark = "";

/** Starts a program and collects its lines. */
function start(argv: string[], options: Partial<SuperviseRequest> = {}) {
  mark = `test.supervise-${process.pid}.${++count}`;
  const lines: string[] = [];
  const supervised = supervise({
    argv,
    cwd: import.meta.dirname,
    env,
    mark,
    stop: { signal: "SIGTERM", graceMs: 300 },
    onStdoutLine: (line) => lines.push(line),
    ...options,
  });
  return { ...supervised, lines };
}

afterEach(async () => {
  expect(await findMarked(mark)).toEqual([]);
});

describe("a process that ends by itself", () => {
  it("gives its exit code, its lines and its tails", async () => {
    const run = start(["sh", "-c", "echo one; echo two; echo oops >&2; exit 3"]);
    const result = await run.done;
    expect(result).toMatchObject({
      exit: { kind: "code", code: 3 },
      stdoutTail: "one\ntwo\n",
      stderrTail: "oops\n",
      stdoutBytes: 8,
      swept: 0,
    });
    expect(result.durationMs).toBeGreaterThan(0);
    expect(run.lines).toEqual(["one", "two"]);
  });

  it("tells death by a foreign signal from an exit code", async () => {
    const { exit } = await start(agent("dies-by-signal")).done;
    expect(exit).toEqual({ kind: "signal", signal: "SIGKILL", sentBy: "other" });
  });

  it("is not blamed on us when the signal is one that we did not send", async () => {
    const run = start(["sh", "-c", "trap 'kill -s KILL $$' TERM; echo ready; while :; do sleep 0.05; done"], {
      stop: { signal: "SIGTERM", graceMs: 60_000 },
    });
    await waitUntil(() => run.lines.includes("ready"));
    run.stop({ kind: "anomaly", what: "test" });
    const why = { kind: "anomaly", what: "test" };
    expect((await run.done).exit).toEqual({ kind: "signal", signal: "SIGKILL", sentBy: "other", why });
  });

  it("has an empty, closed standard input, or exactly what was passed", async () => {
    expect((await start(["cat"]).done).stdoutBytes).toBe(0);
    const text = "prompt ä\n".repeat(40_000);
    const result = await start(["cat"], { stdin: text }).done;
    expect(result.stdoutBytes).toBe(Buffer.byteLength(text));
  });

  it("may close its standard input early", async () => {
    const run = start(["sh", "-c", "exec <&-; exit 4"], { stdin: "x".repeat(3_000_000) });
    expect((await run.done).exit).toEqual({ kind: "code", code: 4 });
  });

  it("gets the mark and nothing of our own environment", async () => {
    const run = start(["env"]);
    await run.done;
    expect(run.lines).toContain(`CAPSTAN_RUN=${mark}`);
    expect(run.lines.filter((line) => /^(HOME|VITEST|NODE_ENV)=/.test(line))).toEqual([]);
  });
});

describe("a process that can't be started", () => {
  it("is a value with the reason of the operating system", async () => {
    const missing = start(["capstan-no-such-agent"]);
    expect(missing.pid).toBeNull();
    missing.stop({ kind: "anomaly", what: "nothing to stop" });
    expect((await missing.done).exit).toMatchObject({ kind: "spawn-failed", errno: "ENOENT" });
    const denied = await start([join(import.meta.dirname, "supervise.test.ts")]).done;
    expect(denied.exit).toMatchObject({ kind: "spawn-failed", errno: "EACCES" });
    const nowhere = await start(["true"], { cwd: "/nonexistent/dir" }).done;
    expect(nowhere.exit).toMatchObject({ kind: "spawn-failed", errno: "ENOENT" });
    expect(nowhere.exit.kind === "spawn-failed" && nowhere.exit.message).toContain("/nonexistent/dir");
    expect((await start(["echo", "nul\0byte"]).done).exit).toMatchObject({ kind: "spawn-failed" });
    expect((await start(["echo", "x".repeat(3_000_000)]).done).exit).toMatchObject({ kind: "spawn-failed" });
  });

  it("is not even tried when the signal is aborted already", async () => {
    const run = start(["true"], { signal: AbortSignal.abort() });
    expect(run.pid).toBeNull();
    expect((await run.done).exit).toMatchObject({ kind: "spawn-failed", errno: "ECANCELED" });
  });
});

describe("stopping", () => {
  it("sends the adapter's signal to the whole group and records why", async () => {
    const run = start(["sh", "-c", "trap 'exit 9' INT; (while :; do sleep 0.1; done) & echo $!; wait"], {
      stop: { signal: "SIGINT", graceMs: 5000 },
    });
    await waitUntil(() => run.lines.length === 1);
    run.stop({ kind: "completion", limitMs: 5 });
    const { exit } = await run.done;
    expect(exit).toEqual({ kind: "code", code: 9, why: { kind: "completion", limitMs: 5 } });
    expect(alive(Number(run.lines[0]))).toBe(false);
  });

  it("keeps the first reason and ignores later ones", async () => {
    const run = start(agent("forever"));
    run.stop({ kind: "anomaly", what: "first" });
    run.stop({ kind: "anomaly", what: "second" });
    const result = await run.done;
    run.stop({ kind: "anomaly", what: "after the end" });
    expect(result.exit).toMatchObject({ sentBy: "us", why: { what: "first" } });
  });

  it("goes on to SIGKILL when the signal is ignored, and not before the grace is over", async () => {
    const run = start(agent("ignores-sigterm"));
    await waitUntil(() => run.lines.includes("ready"));
    const asked = performance.now();
    run.stop({ kind: "anomaly", what: "test" });
    expect((await run.done).exit).toMatchObject({ kind: "signal", signal: "SIGKILL", sentBy: "us" });
    expect(performance.now() - asked).toBeGreaterThanOrEqual(290);
  });

  it("follows the abort signal and takes its reason", async () => {
    const controller = new AbortController();
    const run = start(agent("forever"), { signal: controller.signal });
    await waitUntil(() => run.lines.includes("ready"));
    const why: StopReason = { kind: "interrupted", signal: "SIGTERM" };
    controller.abort(why);
    expect((await run.done).exit).toEqual({ kind: "signal", signal: "SIGTERM", sentBy: "us", why });
  });
});

describe("leftovers", () => {
  it("kills a daemon in a session of its own that ignores SIGTERM, after a normal exit", async () => {
    const run = start(agent("leaks-grandchild"));
    const result = await run.done;
    expect(result.exit).toEqual({ kind: "code", code: 0 });
    expect(result.swept).toBeGreaterThanOrEqual(1);
    expect(Number(run.lines[0])).toBeGreaterThan(1);
    expect(alive(Number(run.lines[0]))).toBe(false);
  });

  it("does not wait for a daemon that holds the output open", async () => {
    const started = performance.now();
    const run = start(agent("leaks-grandchild", "holding"));
    const result = await run.done;
    expect(result.exit).toEqual({ kind: "code", code: 0 });
    expect(alive(Number(run.lines[0]))).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("kills what stayed in the group with a wiped environment", async () => {
    const run = start(["sh", "-c", "env -i /bin/sh -c 'while :; do sleep 0.1; done' > /dev/null 2>&1 & echo $!"]);
    await run.done;
    expect(alive(Number(run.lines[0]))).toBe(false);
  });

  it("lets helpers that are about to end do so, and does not count them", async () => {
    const run = start(["sh", "-c", "(sleep 0.1; echo late) & echo early"]);
    expect(await run.done).toMatchObject({ swept: 0, stdoutTail: "early\nlate\n" });
  });

  it("leaves processes of other marks alone", async () => {
    const other = start(agent("forever"));
    const otherMark = mark;
    await start(["true"]).done;
    expect(await findMarked(otherMark)).toContain(other.pid);
    other.stop({ kind: "anomaly", what: "end of test" });
    await other.done;
  });
});

describe("watchdogs", () => {
  it("stop at the total time", async () => {
    const { exit } = await start(agent("forever"), { timeoutMs: 150 }).done;
    expect(exit).toMatchObject({ sentBy: "us", why: { kind: "timeout", limitMs: 150 } });
  });

  it("do not take a limit of a hundred days for none", async () => {
    const { exit } = await start(["sleep", "0.1"], { timeoutMs: 100 * 24 * 3600 * 1000 }).done;
    expect(exit).toEqual({ kind: "code", code: 0 });
  });

  it("stop after silence", async () => {
    const { exit } = await start(agent("forever"), { idleMs: 200 }).done;
    expect(exit).toMatchObject({ sentBy: "us", why: { kind: "idle", limitMs: 200 } });
  });

  it("count silence from the last byte on either stream, half lines included", async () => {
    const script = "for i in 1 2 3 4 5 6; do printf . >&2; sleep 0.1; printf .; sleep 0.1; done";
    const { exit } = await start(["sh", "-c", script], { idleMs: 500 }).done;
    expect(exit).toEqual({ kind: "code", code: 0 });
  });

  it("let a silent tool call work as long as it uses the CPU", async () => {
    const run = start(agent("works-silently", "2"), { idleMs: 200, toolIdleMs: 800, busy: () => true });
    expect((await run.done).exit).toEqual({ kind: "code", code: 0 });
    expect(run.lines).toEqual(["started", "finished"]);
  });

  it("stop a tool call that neither prints nor uses the CPU, at its own larger limit", async () => {
    const run = start(["sleep", "20"], { idleMs: 100, toolIdleMs: 400, busy: () => true });
    const { exit, durationMs } = await run.done;
    expect(exit).toMatchObject({ sentBy: "us", why: { kind: "idle", limitMs: 400 } });
    expect(durationMs).toBeGreaterThanOrEqual(390);
  });

  it("count CPU use for nothing while no tool call is open", async () => {
    const { exit } = await start(agent("works-silently", "10"), { idleMs: 300, toolIdleMs: 5000, busy: () => false })
      .done;
    expect(exit).toMatchObject({ why: { kind: "idle", limitMs: 300 } });
  });
});

describe("output", () => {
  /** Garbage, in megabytes, that the runtime may not have collected yet. Holding the output would take over 200. */
  const uncollected = 150;

  it("survives 200 MB in bounded memory", async () => {
    let lines = 0;
    let peak = 0;
    const used = () => process.memoryUsage.rss();
    const before = used();
    const result = await start(agent("floods-stdout"), {
      onStdoutLine: () => {
        if (++lines % 100_000 === 0) peak = Math.max(peak, used());
      },
    }).done;
    expect(result.exit).toEqual({ kind: "code", code: 0 });
    expect(result.stdoutBytes).toBe(200_000_000);
    expect(lines).toBeGreaterThan(3_000_000);
    expect(result.stdoutTail.length).toBe(64 * 1024);
    expect((peak - before) / 1e6).toBeLessThan(uncollected);
  });

  it("survives one endless line in bounded memory and says how much it left out", async () => {
    const before = process.memoryUsage.rss();
    const run = start(agent("floods-stdout", "200000000", "one-line"), { maxLineBytes: 1000 });
    expect((await run.done).exit).toEqual({ kind: "code", code: 0 });
    expect((process.memoryUsage.rss() - before) / 1e6).toBeLessThan(uncollected);
    expect(run.lines).toEqual([`${"x".repeat(1000)} [199999000 more bytes left out]`]);
  });

  it("stops at its limit and hands on no more lines", async () => {
    const run = start(agent("floods-stdout"), { maxOutputBytes: 1_000_000 });
    const { exit, stdoutBytes } = await run.done;
    expect(exit).toMatchObject({ why: { kind: "output-limit", limitBytes: 1_000_000 } });
    expect(stdoutBytes).toBeLessThan(50_000_000);
    expect(run.lines.join("\n").length).toBeLessThanOrEqual(1_000_000);
  });

  it("delivers half a last line", async () => {
    const run = start(agent("half-line"));
    await run.done;
    expect(run.lines).toEqual([`{"type":"text","text":"whole"}`, `{"type":"text","te`]);
  });

  it("replaces invalid UTF-8 and joins characters that arrive in parts", async () => {
    const run = start(agent("invalid-utf8"));
    await run.done;
    expect(run.lines).toEqual(["bad \uFFFD\uFFFD bytes", "café", "cut \uFFFD"]);
  });

  it("goes to a raw log of both streams, capped", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "raw.log");
    await start(["sh", "-c", "echo out; echo err >&2; exit 0"], { rawLog: { path, maxBytes: 1000 } }).done;
    expect((await readFile(path, "utf8")).split("\n").toSorted()).toEqual(["", "err", "out"]);

    await start(agent("floods-stdout", "5000"), { rawLog: { path, maxBytes: 100 } }).done;
    const log = await readFile(path, "utf8");
    expect(log).toHaveLength(100 + "\n[4900 more bytes left out]\n".length);
    expect(log).toMatch(/\n\[4900 more bytes left out\]\n$/);
  });

  it("is not lost when the raw log can't be written", async () => {
    const run = start(["echo", "here"], { rawLog: { path: "/nonexistent/dir/raw.log", maxBytes: 1000 } });
    expect((await run.done).exit).toEqual({ kind: "code", code: 0 });
    expect(run.lines).toEqual(["here"]);
  });
});
