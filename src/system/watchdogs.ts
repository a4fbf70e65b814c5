import type { StopReason } from "../model/process.ts";
import { cpuTicks, processesMarked } from "./proc.ts";

export interface WatchdogLimits {
  mark: string;
  /** From the start to the end. */
  timeoutMs?: number;
  /** Without a byte of output while no tool call is open. */
  idleMs?: number;
  /** Without a byte of output and without CPU use while one is open. */
  toolIdleMs?: number;
  /** Whether a tool call is open. */
  busy?: () => boolean;
}

export interface Watchdogs {
  /** Output came: the idle limit counts from now. */
  touch(): void;
  stop(): void;
}

/** A timer set to more, 24 days, would fire at once. */
const longestTimerMs = 2 ** 31 - 1;
const tickMs = 10;
/** Less than this share of one CPU is an agent polling a tool that hangs, not a tool at work. */
const workingShare = 0.01;

/**
 * Watches one process by total time and by silence, and calls `onLimit` once.
 * Time is monotonic: a laptop that sleeps does not make an agent time out.
 */
export function watch(limits: WatchdogLimits, onLimit: (reason: StopReason) => void): Watchdogs {
  const { timeoutMs, idleMs, toolIdleMs, busy = () => false } = limits;
  let lastSign = performance.now();
  let fired = false;
  const fire = (reason: StopReason) => {
    if (fired) return;
    fired = true;
    onLimit(reason);
  };

  const total = timeoutMs === undefined
    ? undefined
    : setTimeout(() => fire({ kind: "timeout", limitMs: timeoutMs }), Math.min(timeoutMs, longestTimerMs));

  const cpu = cpuSampler(limits.mark);
  const shortest = Math.min(idleMs ?? Infinity, toolIdleMs ?? Infinity);
  const check = () => {
    const working = busy();
    const limitMs = working ? toolIdleMs : idleMs;
    if (!working) cpu.forget();
    if (limitMs === undefined) return;
    if (working && cpu.usedSince(limitMs / 10)) lastSign = performance.now();
    if (performance.now() - lastSign >= limitMs) fire({ kind: "idle", limitMs });
  };
  const idle = shortest === Infinity
    ? undefined
    : setInterval(check, Math.min(Math.max(shortest / 20, 2 * tickMs), 5000));

  return {
    touch: () => {
      lastSign = performance.now();
    },
    stop: () => {
      fired = true;
      clearTimeout(total);
      clearInterval(idle);
    },
  };
}

interface CpuSampler {
  /** Whether the marked processes used CPU since the last sample; samples at most every `everyMs`. */
  usedSince(everyMs: number): boolean;
  forget(): void;
}

function cpuSampler(mark: string): CpuSampler {
  let last: { at: number; ticks: Map<number, number> } | null = null;
  return {
    usedSince: (everyMs) => {
      const at = performance.now();
      if (last !== null && at - last.at < everyMs) return false;
      const ticks = new Map(processesMarked((found) => found === mark).map(({ pid }) => [pid, cpuTicks(pid)]));
      const before = last;
      last = { at, ticks };
      if (before === null) return false;
      let used = 0;
      for (const [pid, now] of ticks) used += Math.max(0, now - (before.ticks.get(pid) ?? 0));
      return used * tickMs >= Math.max(tickMs, (at - before.at) * workingShare);
    },
    forget: () => {
      last = null;
    },
  };
}
