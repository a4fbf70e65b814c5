import { setTimeout as delay } from "node:timers/promises";
import { signalProcess } from "./exit.ts";
import { processesMarked, processesOfGroup } from "./proc.ts";

/** What a sweep did. `left` is empty unless the kernel could not end a process (uninterruptible sleep). */
export interface Swept {
  /** How many processes it found when it began to signal. */
  count: number;
  left: number[];
}

export interface SweepOptions {
  /** How long a process may take to end by itself before it is signaled. @default 0 */
  patienceMs?: number;
  /** From SIGTERM to SIGKILL. @default 500 */
  graceMs?: number;
}

const pollMs = 10;
/** SIGKILL works at once; only a process stuck in the kernel outlives this. */
const killMs = 2000;

/** The live processes whose environment carries exactly this mark. Empty where there is no /proc. */
export function findMarked(mark: string): Promise<number[]> {
  return Promise.resolve(pidsMarked((found) => found === mark));
}

/** Ends every process that carries exactly this mark: SIGTERM, a grace, SIGKILL, until none is found any more. */
export function sweepMarked(mark: string, options?: SweepOptions): Promise<Swept> {
  return sweepWhere((found) => found === mark, options);
}

/**
 * Ends every process whose mark `wanted` accepts: at the start of a run that holds the lock, the agents of a runner
 * that was killed (`parseMark` tells whose they are).
 */
export function sweepWhere(wanted: (mark: string) => boolean, options?: SweepOptions): Promise<Swept> {
  return sweep(() => pidsMarked(wanted), options);
}

/** Ends every process that carries this mark or is still in the process group, whose leader has just ended. */
export function sweepGroup(pgid: number, mark: string, options?: SweepOptions): Promise<Swept> {
  const find = () => [...new Set([...pidsMarked((found) => found === mark), ...processesOfGroup(pgid)])];
  return sweep(find, options);
}

/**
 * A process that forks while it is being ended is found by the next look. One that is just replacing its program shows
 * no environment for a moment: after a signal only two looks in a row that find none end this.
 */
async function sweep(find: () => number[], { patienceMs = 0, graceMs = 500 }: SweepOptions = {}): Promise<Swept> {
  const signaled = new Set<number>();
  let count = 0;
  let emptyLooks = 0;
  const started = performance.now();
  for (;;) {
    const found = find();
    const elapsed = performance.now() - started - patienceMs;
    emptyLooks = found.length === 0 ? emptyLooks + 1 : 0;
    const isOver = emptyLooks >= (signaled.size === 0 ? 1 : 2);
    if (isOver || elapsed > graceMs + killMs) return { count, left: found };
    if (elapsed >= 0 && count === 0) count = found.length;
    for (const pid of elapsed < 0 ? [] : found) {
      if (elapsed >= graceMs) signalProcess(pid, "SIGKILL");
      else if (!signaled.has(pid)) signalProcess(pid, "SIGTERM");
      signaled.add(pid);
    }
    await delay(pollMs);
  }
}

function pidsMarked(wanted: (mark: string) => boolean): number[] {
  return processesMarked(wanted).map(({ pid }) => pid);
}
