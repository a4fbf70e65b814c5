import { execa } from "execa";
import { setImmediate, setTimeout as delay } from "node:timers/promises";
import type { Exit, StopReason } from "../model/process.ts";
import { exitOf, exitOfFenced, reasonOfAbort } from "./exit.ts";
import { enterLive, keepWatch } from "./live.ts";
import { markVariable } from "./marks.ts";
import { createOutput, type OutputOptions } from "./output.ts";
import { createStopper, type StopPolicy } from "./stopper.ts";
import { sweepGroup } from "./sweep.ts";
import { watch } from "./watchdogs.ts";

export interface SuperviseRequest extends OutputOptions {
  argv: readonly string[];
  /**
   * The beginning of the command line of a sandbox (`Sandbox.fence`). The process of the sandbox is then no target of
   * `stop.signal`, what ends inside of it by a signal counts as such, and nothing is left when it ends.
   */
  fence?: readonly string[];
  cwd: string;
  /** The whole environment: nothing is inherited. `CAPSTAN_RUN` is added. */
  env: Record<string, string>;
  /** Written, then closed. Absent: standard input is /dev/null. */
  stdin?: string;
  /** Exported as `CAPSTAN_RUN`, so that whatever the process leaves behind can be found. */
  mark: string;
  stop: StopPolicy;
  /** From start to end. */
  timeoutMs?: number;
  /** Without a byte of output; does not count while `busy()`. */
  idleMs?: number;
  /** Whether a tool call is open: then `toolIdleMs` is the limit, and CPU use of any marked process resets it. */
  busy?: () => boolean;
  toolIdleMs?: number;
  /** Its reason may be a `StopReason`. */
  signal?: AbortSignal;
}

export interface SuperviseResult {
  exit: Exit;
  /** The last `tailBytes` of each stream. */
  stdoutTail: string;
  stderrTail: string;
  stdoutBytes: number;
  /** From start to exit. */
  durationMs: number;
  /** How many processes it had left behind. */
  swept: number;
}

export interface Supervised {
  /** `null` when it could not be started. */
  pid: number | null;
  /** Stops the whole group. The first reason is kept; a call after the end does nothing. */
  stop: (reason: StopReason) => void;
  /** Never rejects. When it resolves, no process that carries the mark is left (on Linux; elsewhere: of the group). */
  done: Promise<SuperviseResult>;
}

/** How long helpers of the process may take to end by themselves after its exit. */
const patienceMs = 250;
const drainMs = 250;

/** Starts a long process in a group of its own and answers for everything that it starts. */
export function supervise(request: SuperviseRequest): Supervised {
  const started = performance.now();
  if (request.signal?.aborted === true) {
    return notStarted({ code: "ECANCELED", originalMessage: "stopped before it started" });
  }
  let child: ReturnType<typeof start>;
  keepWatch(request.mark);
  try {
    child = start(request);
  } catch (error) {
    // Arguments that no process can have, such as a NUL byte in the command of a step.
    return notStarted({ code: "EINVAL", originalMessage: (error as Error).message });
  }
  const { pid } = child;
  const fenced = isFenced(request);
  if (pid === undefined) return notStarted(child);

  const stopper = createStopper(pid, request.stop, { fenced });
  const watchdogs = watch(request, stopper.stop);
  const output = createOutput(request, stopper.stop);
  child.stdout.on("data", (chunk: Buffer) => {
    watchdogs.touch();
    output.stdout(chunk);
  });
  child.stderr.on("data", (chunk: Buffer) => {
    watchdogs.touch();
    output.stderr(chunk);
  });
  const onAbort = () => stopper.stop(reasonOfAbort(request.signal!));
  request.signal?.addEventListener("abort", onAbort, { once: true });

  const closed = new Promise<void>((resolve) => child.nodeChildProcess.once("close", () => resolve()));
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.nodeChildProcess.once("exit", (code, signal) => resolve({ code, signal }));
  });
  const done = async (): Promise<SuperviseResult> => {
    const { code, signal } = await exited;
    const durationMs = performance.now() - started;
    stopper.ended();
    watchdogs.stop();
    request.signal?.removeEventListener("abort", onAbort);
    const swept = await sweepGroup(pid, request.mark, stopper.isHurried() ? { graceMs: 0 } : { patienceMs });
    leave();
    // Output that is still in the pipe belongs to the result; what escaped the sweep and holds the pipe must not hold us.
    await Promise.race([closed, delay(drainMs).then(() => setImmediate())]);
    child.stdout.destroy();
    child.stderr.destroy();
    const said = output.end();
    const exit = fenced
      ? exitOfFenced(code, signal, stopper.stopped, said.stderrTail)
      : exitOf(code, signal, stopper.stopped);
    return { exit, ...said, durationMs, swept: swept.count };
  };
  const ended = done();
  const leave = enterLive(pid, { mark: request.mark, stop: stopper.stop, kill: stopper.kill, done: ended });
  return { pid, stop: stopper.stop, done: ended };
}

function isFenced({ fence = [] }: SuperviseRequest): boolean {
  return fence.length > 0;
}

function start(request: SuperviseRequest) {
  const [file = "", ...args] = [...request.fence ?? [], ...request.argv];
  return execa(file, args, {
    cwd: request.cwd,
    env: { ...request.env, [markVariable]: request.mark },
    extendEnv: false,
    detached: true,
    buffer: false,
    reject: false,
    encoding: "buffer",
    ...(request.stdin === undefined ? { stdin: "ignore" as const } : { input: request.stdin }),
  });
}

interface Failure {
  code?: string | undefined;
  originalMessage?: string | undefined;
}

function notStarted(failure: Failure | PromiseLike<Failure>): Supervised {
  const done = async (): Promise<SuperviseResult> => {
    const { code, originalMessage } = await failure;
    const exit: Exit = {
      kind: "spawn-failed",
      errno: code ?? "UNKNOWN",
      message: originalMessage ?? "could not start",
    };
    return { exit, stdoutTail: "", stderrTail: "", stdoutBytes: 0, durationMs: 0, swept: 0 };
  };
  return { pid: null, stop: () => {}, done: done() };
}
