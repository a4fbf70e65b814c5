import type { StopReason } from "../model/process.ts";
import { parseMark } from "./marks.ts";
import { startWatcher, type Watcher } from "./watcher.ts";

/** A supervised process that has not ended yet. */
export interface LiveProcess {
  /** Its descendants carry a mark of the same run. */
  mark: string;
  stop: (reason: StopReason) => void;
  /** SIGKILL, without any grace. */
  kill: (reason: StopReason) => void;
  done: Promise<unknown>;
}

const live = new Map<number, LiveProcess>();
let watcher: Watcher | null = null;

/** To be called before a process is started: from now on it ends within seconds when this process is killed. */
export function keepWatch(mark: string): void {
  if (watcher?.isRunning() === true) return;
  // Also when somebody ended the one before: it knew what is running, so the new one is told.
  watcher = startWatcher(marksOf(mark));
  for (const [pid, known] of live) watcher.started(pid, marksOf(known.mark));
}

/** Notes a process that has started, until the returned function is called. */
export function enterLive(pid: number, process: LiveProcess): () => void {
  live.set(pid, process);
  watcher?.started(pid, marksOf(process.mark));
  return () => {
    live.delete(pid);
    watcher?.ended(pid);
  };
}

/** Kills every supervised process with everything that it started, at once. */
export function killSupervised(reason: StopReason): void {
  for (const { kill } of live.values()) kill(reason);
}

/**
 * The end of a run, whatever ended it: stops what is still running (after an internal error, say), waits for it and
 * sends the watcher away. Afterwards no process is left.
 */
export async function endSupervised(reason: StopReason): Promise<void> {
  for (const { stop } of live.values()) stop(reason);
  await Promise.all([...live.values()].map(({ done }) => done));
  await watcher?.close();
  watcher = null;
}

/** What the marks of one run begin with; a mark of another shape only itself: an empty beginning would be everybody's. */
function marksOf(mark: string): string {
  return parseMark(mark) === null ? mark : mark.slice(0, mark.lastIndexOf(".") + 1);
}
