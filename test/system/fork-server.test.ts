import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exec, type ExecOptions } from "../../src/system/exec.ts";
import { serve, textOf } from "../../src/system/fork-server.ts";
import { agent, alive, onThisRuntime, waitUntil } from "../support/processes.ts";
import { tempDir } from "../support/tmp.ts";

const env = { PATH: process.env.PATH ?? "", LC_ALL: "C" };

function quick(argv: readonly string[], options: Partial<ExecOptions> = {}) {
  return exec(argv, { env, cwd: "/", ...options, quick: true });
}

/** Whose child a command is: an answer of `sh` that is not our child came through a fork server. */
async function parentOf(options: Partial<ExecOptions> = {}): Promise<number> {
  return Number((await quick(["sh", "-c", "echo $PPID"], options)).stdout);
}

describe("a command that a fork server starts", () => {
  it("is the child of a shell that stays for the next one", async () => {
    const first = await parentOf();
    expect(first).not.toBe(process.pid);
    expect(await parentOf()).toBe(first);
  });

  it("has another shell only when it must not have a variable of that one", async () => {
    const first = await parentOf();
    expect(await parentOf({ env: { ...env, GIT_DIR: "/x" } })).toBe(first);
    expect(await parentOf({ env: { ...env, OTHER: "x" } })).toBe(first);
    expect(await parentOf({ env: { PATH: env.PATH } })).not.toBe(first);
  });

  it("has the mark of its iteration, and its shell has not", async () => {
    const marked = { ...env, LC_ONLY: "here", CAPSTAN_RUN: `served.${process.pid}.1` };
    const script = "tr '\\0' '\\n' < /proc/$PPID/environ; echo --; echo $CAPSTAN_RUN";
    const [shell = "", own = ""] = String((await quick(["sh", "-c", script], { env: marked })).stdout).split("--\n");
    expect(own.trim()).toBe(marked.CAPSTAN_RUN);
    expect(shell).not.toContain("CAPSTAN_RUN");
  });

  it("leaves no more than eight shells behind, those that were used last", async () => {
    const shells: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      const { stdout } = await quick(["/bin/sh", "-c", "echo $PPID"], { env: { [`NUMBER_${n}`]: "1" } });
      shells.push(Number(stdout));
    }
    await waitUntil(() => shells.slice(0, 4).every((pid) => !alive(pid)));
    expect(shells.slice(4).every(alive)).toBe(true);
  });

  it("runs beside others, each with its own output", async () => {
    const words = Array.from({ length: 12 }, (_, index) => `word ${index}`);
    const results = await Promise.all(words.map((word) => quick(["printf", "%s", word])));
    expect(results.map(({ stdout }) => String(stdout))).toEqual(words);
  });

  it("gives back the output as bytes and the exit code", async () => {
    const result = await quick(["sh", "-c", "printf '\\377\\0ab'; echo oops >&2; exit 3"]);
    expect(result.exit).toEqual({ kind: "code", code: 3 });
    expect([...result.stdout]).toEqual([0xff, 0, 0x61, 0x62]);
    expect(result.stderr).toBe("oops\n");
  });

  it("has exactly the given environment and directory", async () => {
    await using dir = await tempDir();
    const command = ["sh", "-c", 'pwd; printf "%s\\n" "[$HOME][$ONLY][$GIT_DIR]"'];
    const own = { ...env, ONLY: "it's $this", GIT_DIR: 'a "b" \\c' };
    expect(String((await quick(command, { cwd: dir.path, env: own })).stdout)).toBe(
      `${dir.path}\n[][it's $this][a "b" \\c]\n`,
    );
    expect(String((await quick(command, { cwd: dir.path })).stdout)).toBe(`${dir.path}\n[][][]\n`);
  });

  it("reads arguments and input unchanged, whatever they hold", async () => {
    const word = fc.oneof(
      fc.string(),
      fc.string({ unit: "grapheme" }),
      fc.constantFrom("'", "\n", "$(x)", "`x`", "\\", "-n", ""),
    );
    const input = fc.oneof(word, fc.uint8Array({ max: 255, maxLength: 300 }), word.map((text) => `${text}\n`));
    await fc.assert(
      fc.asyncProperty(
        fc.array(word.filter((text) => !text.includes("\0") && text.isWellFormed()), { maxLength: 4 }),
        input,
        async (words, stdin) => {
          if (typeof stdin === "string" && !stdin.isWellFormed()) return;
          const script = 'printf "%s\\n" "$@"; cat';
          const result = await quick(["sh", "-c", script, "sh", "start", ...words], { stdin });
          const expected = Buffer.concat([Buffer.from(["start", ...words, ""].join("\n")), Buffer.from(stdin)]);
          expect(result.stdout.equals(expected)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("is left to this process when the shell could not read it", async () => {
    const command = { argv: ["true"], cwd: "/", env, stdin: "", maxBytes: 1 };
    expect(serve({ ...command, argv: ["echo", "\u0001"] })).toBeNull();
    expect(serve({ ...command, argv: ["echo", "x".repeat(100_000)] })).toBeNull();
    expect(serve({ ...command, stdin: "x".repeat(100_000) })).toBeNull();
    expect(serve({ ...command, cwd: "relative" })).toBeNull();
    expect(serve({ ...command, argv: [] })).toBeNull();
    expect(String((await quick(["cat"], { stdin: "y".repeat(100_000) })).stdout)).toHaveLength(100_000);
  });

  it("runs with an input of any length around the longest that a shell is given", async () => {
    const sizes = Array.from({ length: 60 }, (_, index) => 48 * 1024 - 600 + 11 * index);
    for (const size of sizes) {
      const stdin = `${"x".repeat(size - 1)}\n`;
      expect((await quick(["cat"], { stdin })).stdout.length).toBe(size);
    }
  });

  it("says that a program or its directory is missing", async () => {
    expect((await quick(["capstan-no-such-program"])).exit).toMatchObject({ kind: "spawn-failed", errno: "ENOENT" });
    const { exit } = await quick(["true"], { cwd: "/nonexistent/dir" });
    expect(exit).toMatchObject({ kind: "spawn-failed", errno: "ENOENT" });
    expect(exit.kind === "spawn-failed" && exit.message).toContain("/nonexistent/dir");
  });

  it("tells a signal from an exit code, but for 129, which git says of bad usage", async () => {
    expect((await quick(agent("dies-by-signal", "KILL"))).exit).toEqual({
      kind: "signal",
      signal: "SIGKILL",
      sentBy: "other",
    });
    expect((await quick(["sh", "-c", "exit 129"])).exit).toEqual({ kind: "code", code: 129 });
    expect((await quick(["sh", "-c", "exit 128"])).exit).toEqual({ kind: "code", code: 128 });
  });

  it("is ended when it prints more than it may, and the next one has a new shell", async () => {
    const before = await parentOf();
    const result = await quick(agent("floods-stdout"), { maxBytes: 100_000 });
    expect(result.exit).toMatchObject({ why: { kind: "output-limit", limitBytes: 100_000 } });
    expect(result.stdout.length).toBe(100_000);
    await waitUntil(() => !alive(before));
    expect(await parentOf()).not.toBe(before);
  });

  it("gives exactly as much as it may print", async () => {
    const result = await quick(["printf", "%s", "x".repeat(1000)], { maxBytes: 1000 });
    expect(result.exit).toEqual({ kind: "code", code: 0 });
    expect(result.stdout).toHaveLength(1000);
  });

  it("is reported as ended when somebody kills its shell, and the next one has a new shell", async () => {
    const { exit } = await quick(["sh", "-c", "kill -s KILL $PPID; sleep 0.2"]);
    expect(exit).toEqual({ kind: "signal", signal: "SIGKILL", sentBy: "other" });
    expect((await quick(["true"])).exit).toEqual({ kind: "code", code: 0 });
  });
});

describe.runIf(process.platform === "linux")("a process that used a fork server", () => {
  const program = fileURLToPath(new URL("served.ts", import.meta.url));

  it("ends by itself, and its shells with it", async () => {
    const [file = "", ...args] = onThisRuntime(program, "end");
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk) => said += String(chunk));
    expect(await once(child, "close")).toEqual([0, null]);
    await waitUntil(() => !alive(Number(said)));
  });

  it("leaves no shell when it is killed", async () => {
    const [file = "", ...args] = onThisRuntime(program, "stay");
    const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
    const [said] = await once(child.stdout, "data");
    process.kill(child.pid!, "SIGKILL");
    await waitUntil(() => !alive(Number(said)));
  });
});

describe("a command of which only a part arrives", () => {
  it.each(["", "text\n", "text"])("is never run (input %j)", async (stdin) => {
    await using dir = await tempDir();
    const made = join(dir.path, "made");
    const text = textOf(
      { argv: ["touch", made], cwd: "/", env: { ...env, GIT_A: "'a b" }, stdin, maxBytes: 1 },
      env,
      "mark",
    )!;
    const run = (input: string) => spawnSync("sh", ["-s"], { env, input, stdio: ["pipe", "ignore", "ignore"] });
    for (let length = 1; length < text.length - 1; length += 1) run(text.slice(0, length));
    expect(existsSync(made)).toBe(false);
    run(text);
    expect(existsSync(made)).toBe(true);
  });
});
