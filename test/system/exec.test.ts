import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exec } from "../../src/system/exec.ts";
import { agent, alive, waitUntil } from "../support/processes.ts";
import { tempDir } from "../support/tmp.ts";

const env = { PATH: process.env.PATH ?? "", LC_ALL: "C" };

describe("exec", () => {
  it("gives back the output as bytes and the exit code", async () => {
    const result = await exec(["sh", "-c", "printf '\\377\\0ab'; echo oops >&2; exit 3"], { env });
    expect(result.exit).toEqual({ kind: "code", code: 3 });
    expect([...result.stdout]).toEqual([0xff, 0, 0x61, 0x62]);
    expect(result.stderr).toBe("oops\n");
  });

  it("hands over exactly the given environment and directory", async () => {
    await using dir = await tempDir();
    const result = await exec(["sh", "-c", 'pwd; echo "[$HOME][$ONLY]"'], {
      cwd: dir.path,
      env: { ...env, ONLY: "this" },
    });
    expect(result.stdout.toString()).toBe(`${dir.path}\n[][this]\n`);
  });

  it("writes standard input and closes it", async () => {
    const text = "ä\n".repeat(200_000);
    const result = await exec(["cat"], { env, stdin: text });
    expect(result.stdout.equals(Buffer.from(text))).toBe(true);
  });

  it("gives an empty standard input when none is passed", async () => {
    expect((await exec(["cat"], { env })).exit).toEqual({ kind: "code", code: 0 });
  });

  it("does not mind a command that never reads its input", async () => {
    const result = await exec(["sh", "-c", "exec <&-; exit 4"], { env, stdin: "x".repeat(5_000_000) });
    expect(result.exit).toEqual({ kind: "code", code: 4 });
  });

  it("says that a program is missing", async () => {
    const { exit } = await exec(["capstan-no-such-program"], { env });
    expect(exit).toMatchObject({ kind: "spawn-failed", errno: "ENOENT" });
  });

  it("says that it is the directory that is missing, not the program", async () => {
    const { exit } = await exec(["sh", "-c", "true"], { env, cwd: "/nonexistent/dir" });
    expect(exit).toMatchObject({ kind: "spawn-failed", errno: "ENOENT" });
    expect(exit.kind === "spawn-failed" && exit.message).toContain("/nonexistent/dir");
  });

  it("turns arguments that no process can have into a value", async () => {
    const { exit } = await exec(["echo", "nul\0byte"], { env });
    expect(exit).toMatchObject({ kind: "spawn-failed" });
    expect((await exec(["echo", "x".repeat(3_000_000)], { env })).exit).toMatchObject({ kind: "spawn-failed" });
    expect((await exec([], { env })).exit).toMatchObject({ kind: "spawn-failed" });
  });

  it("tells a foreign signal from an exit code", async () => {
    const { exit } = await exec(agent("dies-by-signal", "USR1"), { env });
    expect(exit).toEqual({ kind: "signal", signal: "SIGUSR1", sentBy: "other" });
  });

  it("stops at the time limit and says so", async () => {
    const { exit } = await exec(agent("forever"), { env, timeoutMs: 100 });
    expect(exit).toEqual({
      kind: "signal",
      signal: "SIGTERM",
      sentBy: "us",
      why: { kind: "timeout", limitMs: 100 },
    });
  });

  it("goes on to SIGKILL when SIGTERM is ignored, for the whole group", async () => {
    const script = "trap '' TERM; sh -c 'echo $$; while :; do sleep 0.1; done'; true";
    const { exit, stdout } = await exec(["sh", "-c", script], { env, timeoutMs: 200 });
    expect(exit).toMatchObject({ kind: "signal", signal: "SIGKILL", sentBy: "us" });
    await waitUntil(() => !alive(Number(stdout)));
  });

  it("keeps the reason that the abort signal carries", async () => {
    const controller = new AbortController();
    const running = exec(agent("forever"), { env, signal: controller.signal });
    controller.abort({ kind: "interrupted", signal: "SIGINT" });
    expect((await running).exit).toMatchObject({ sentBy: "us", why: { kind: "interrupted", signal: "SIGINT" } });
  });

  it("starts nothing for a signal that is aborted already", async () => {
    await using dir = await tempDir();
    const { exit } = await exec(["touch", join(dir.path, "made")], { env, signal: AbortSignal.abort() });
    expect(exit).toMatchObject({ kind: "spawn-failed", errno: "ECANCELED" });
  });

  it("ends a command that prints more than it may, and keeps what it may", async () => {
    const result = await exec(agent("floods-stdout"), { env, maxBytes: 100_000 });
    expect(result.exit).toMatchObject({ why: { kind: "output-limit", limitBytes: 100_000 } });
    expect(result.stdout.length).toBe(100_000);
  });

  it("cuts standard error at 1 MiB and lets the command finish", async () => {
    const result = await exec(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' e >&2; exit 5"], { env });
    expect(result.exit).toEqual({ kind: "code", code: 5 });
    expect(result.stderr.length).toBe(1024 * 1024);
  });

  it("does not wait for a daemon that holds the output open", async () => {
    const started = performance.now();
    const result = await exec(["sh", "-c", "sleep 20 & echo $!"], { env });
    expect(result.exit).toEqual({ kind: "code", code: 0 });
    expect(performance.now() - started).toBeLessThan(10_000);
    process.kill(Number(result.stdout), "SIGKILL");
  });

  it("survives the Ctrl-C of the terminal: it runs in a group of its own", async () => {
    const { stdout } = await exec(["sh", "-c", "ps -o pgid= -p $$; echo $$"], { env });
    const [group, pid] = stdout.toString().split("\n").map(Number);
    expect(group).toBe(pid);
  });
});
