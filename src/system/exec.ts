import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Exit, StopReason } from "../model/process.ts";
import { serve } from "./fork-server.ts";
import { exitOf, reasonOfAbort, signalGroup, spawnFailure, type Stopped } from "./exit.ts";

export interface ExecOptions {
  cwd?: string;
  /** The whole environment: nothing is inherited. */
  env: Record<string, string>;
  /** Written, then closed. Absent: standard input is /dev/null. */
  stdin?: string | Uint8Array;
  /** More standard output than this ends the process (`output-limit`). @default 256 MiB */
  maxBytes?: number;
  /** Its reason may be a `StopReason`. */
  signal?: AbortSignal;
  timeoutMs?: number;
  /**
   * Started by a fork server (`serve`), where that is possible: for short commands, many of them. Exit codes above 125
   * then mean what they mean to a shell. Nothing can stop it: not together with `signal` or `timeoutMs`.
   */
  quick?: boolean;
}

export interface ExecResult {
  exit: Exit;
  /** At most `maxBytes`. */
  stdout: Buffer;
  /** At most the first 1 MiB; invalid UTF-8 is replaced. */
  stderr: string;
}

const defaultMaxBytes = 256 * 1024 * 1024;
const maxStderr = 1024 * 1024;
/** How long a stopped process may tidy up (git removes its lock files) before SIGKILL. */
const graceMs = 2000;
/** How long output is awaited after the exit while a descendant still holds the pipe. */
const drainMs = 2000;

/**
 * Runs one short command in a process group that is not ours, so that Ctrl-C in the terminal does not reach it.
 *
 * Never rejects: a command that can't start, dies by a signal or is stopped is a value in `exit`.
 * Output that a descendant writes more than 2 seconds after the command's exit is not awaited.
 */
export async function exec(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const { quick = false, cwd, env, stdin = "", maxBytes = defaultMaxBytes } = options;
  const served = quick && cwd !== undefined ? serve({ argv, cwd, env, stdin, maxBytes }) : null;
  if (served === null) return await start(argv, options);
  const { exit, stdout, stderr } = await served;
  return { exit, stdout, stderr: stderr.toString("utf8") };
}

function start(argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
  return new Promise((resolve) => {
    const [file = "", ...args] = argv;
    const failed = (error: unknown) =>
      resolve({ exit: whyNot(error, file, options.cwd), stdout: Buffer.alloc(0), stderr: "" });
    if (options.signal?.aborted === true) {
      return failed(Object.assign(new Error(`${file} was stopped before it started`), { code: "ECANCELED" }));
    }

    let child: ChildProcess;
    try {
      child = spawn(file, args, {
        cwd: options.cwd,
        env: options.env,
        detached: true,
        stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      });
    } catch (error) {
      return failed(error);
    }

    const stopped: Stopped = { why: null, sent: new Set() };
    const timers: NodeJS.Timeout[] = [];
    const kill = (signal: NodeJS.Signals) => {
      stopped.sent.add(signal);
      if (child.pid !== undefined) signalGroup(child.pid, signal);
    };
    const stop = (why: StopReason) => {
      if (stopped.why !== null) return;
      stopped.why = why;
      kill("SIGTERM");
      timers.push(setTimeout(() => kill("SIGKILL"), graceMs));
    };

    const { timeoutMs, signal } = options;
    const onAbort = () => stop(reasonOfAbort(signal!));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (timeoutMs !== undefined) {
      timers.push(setTimeout(() => stop({ kind: "timeout", limitMs: timeoutMs }), timeoutMs));
    }

    const maxBytes = options.maxBytes ?? defaultMaxBytes;
    const stdout = keepFirst(child.stdout, maxBytes, () => stop({ kind: "output-limit", limitBytes: maxBytes }));
    const stderr = keepFirst(child.stderr, maxStderr, () => {});

    // A command that does not read its input closes the pipe: its exit code says what that meant.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.stdin);

    const tidy = () => {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    };
    child.once("error", (error) => {
      if (child.pid !== undefined) return;
      tidy();
      failed(error);
    });
    child.once("exit", () => {
      const drained = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, drainMs);
      timers.push(drained);
    });
    child.once("close", (code: number | null, by: NodeJS.Signals | null) => {
      if (child.pid === undefined) return;
      tidy();
      resolve({ exit: exitOf(code, by, stopped), stdout: stdout(), stderr: stderr().toString("utf8") });
    });
  });
}

/** Collects the first `limit` bytes of a stream and drops the rest. */
function keepFirst(stream: NodeJS.ReadableStream | null, limit: number, onOverflow: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let kept = 0;
  stream?.on("data", (chunk: Buffer) => {
    const part = kept + chunk.length > limit ? chunk.subarray(0, limit - kept) : chunk;
    if (part.length > 0) chunks.push(part);
    kept += part.length;
    if (part.length < chunk.length) onOverflow();
  });
  return () => chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** ENOENT names the command even when it is the working directory that is missing. */
function whyNot(error: unknown, file: string, cwd: string | undefined): Exit {
  const exit = spawnFailure(error, `could not start ${file}`);
  if (exit.kind === "spawn-failed" && exit.errno === "ENOENT" && cwd !== undefined && !existsSync(cwd)) {
    return { ...exit, message: `could not start ${file}: no such directory: ${cwd}` };
  }
  return exit;
}
