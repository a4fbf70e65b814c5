import type { Exit, StopReason } from "../model/process.ts";

/** What the runner itself did to a process: why, and which signals it sent. The first reason stays. */
export interface Stopped {
  why: StopReason | null;
  sent: Set<NodeJS.Signals>;
}

/** The end of a process from what the operating system reports. Exactly one of `code` and `signal` is set. */
export function exitOf(code: number | null, signal: NodeJS.Signals | null, stopped: Stopped): Exit {
  const why = stopped.why === null ? {} : { why: stopped.why };
  if (signal === null) {
    if (code === null) throw new Error("Internal error: a process ended with neither an exit code nor a signal");
    return { kind: "code", code, ...why };
  }
  return { kind: "signal", signal, sentBy: stopped.sent.has(signal) ? "us" : "other", ...why };
}

/** Signals that end a process, by what a shell and bubblewrap add to 128. Only those that no program uses as a code. */
const fatal: Readonly<Record<number, NodeJS.Signals>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  13: "SIGPIPE",
  14: "SIGALRM",
  15: "SIGTERM",
};

/** The signal that a shell's exit code stands for; `null` for a code that a program chose, git's 129 for bad usage included. */
export function signalOfCode(code: number): NodeJS.Signals | null {
  return code === 129 ? null : fatal[code - 128] ?? null;
}

/**
 * The end of a process in a sandbox: bubblewrap reports the death by a signal as a code above 128, which a program may
 * also choose by itself. A sandbox that could not be made has not started anything.
 */
export function exitOfFenced(
  code: number | null,
  signal: NodeJS.Signals | null,
  stopped: Stopped,
  stderr: string,
): Exit {
  if (code === 1 && stopped.why === null && /^bwrap: .+\n?$/.test(stderr)) {
    return { kind: "spawn-failed", errno: "ESANDBOX", message: stderr.trim() };
  }
  const died = code === null ? undefined : fatal[code - 128];
  return died === undefined ? exitOf(code, signal, stopped) : exitOf(null, died, stopped);
}

/** The end of a process that never started, from what `spawn` threw or emitted. */
export function spawnFailure(error: unknown, fallback: string): Exit {
  const { code, message } = error as NodeJS.ErrnoException;
  return { kind: "spawn-failed", errno: code ?? "UNKNOWN", message: message ?? fallback };
}

/** The `StopReason` that an abort signal carries; anything else counts as an interruption. */
export function reasonOfAbort(signal: AbortSignal): StopReason {
  const reason: unknown = signal.reason;
  if (typeof reason === "object" && reason !== null && "kind" in reason) return reason as StopReason;
  return { kind: "interrupted", signal: "abort" };
}

/** Sends `signal` to the process group of `pid`. False when nobody is left in it. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  return send(-pid, signal);
}

/** Sends `signal` to one process. False when it is gone, or is not ours to signal. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  return send(pid, signal);
}

function send(target: number, signal: NodeJS.Signals): boolean {
  try {
    // Never `child.kill`: it sends only one signal in a process's life on Deno 2.9 (denoland/deno#36643).
    return process.kill(target, signal);
  } catch {
    return false;
  }
}
