import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { markVariable } from "./marks.ts";

/** A live process that carries a mark. */
export interface MarkedProcess {
  pid: number;
  mark: string;
}

/**
 * Whether processes can be found by their environment here; elsewhere only process groups are known.
 * Deno grants it with all permissions only.
 */
const hasProc = process.platform === "linux" && environOf("self") !== null;

/**
 * Every live process whose environment carries a mark that `wanted` accepts, this process excepted.
 * Empty where there is no /proc. Processes of other users are not readable, and not ours.
 */
export function processesMarked(wanted: (mark: string) => boolean): MarkedProcess[] {
  return allPids().flatMap((pid) => {
    const mark = markOf(pid);
    return mark !== null && wanted(mark) ? [{ pid, mark }] : [];
  });
}

/** The live members of a process group. Where there is no /proc: the group itself, as a negative id, or nothing. */
export function processesOfGroup(pgid: number): number[] {
  // Most groups are empty when their leader has ended: no need to look at every process then.
  if (!isAlive(-pgid)) return [];
  if (!hasProc) return [-pgid];
  return allPids().filter((pid) => {
    const [state, , group] = statOf(pid);
    // A zombie is over: only its parent can make it go away.
    return group === String(pgid) && state !== "Z";
  });
}

/** A live process called `git`. */
export interface GitProcess {
  pid: number;
  /** Where it works; `null` when it is another user's. */
  cwd: string | null;
  /** The folder that its environment names as the repository: the runner's own git always has one. */
  gitDir: string | null;
}

/** Every live git, whoever started it; `null` where there is no /proc to tell. */
export function gitProcesses(): GitProcess[] | null {
  if (!hasProc) return null;
  return allPids().flatMap((pid) => {
    const [state] = statOf(pid);
    if (state === undefined || state === "Z" || nameOf(pid) !== "git") return [];
    return [{ pid, cwd: cwdOf(pid), gitDir: variableOf(pid, "GIT_DIR") }];
  });
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

function cwdOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

function allPids(): number[] {
  if (!hasProc) return [];
  return readdirSync("/proc").map(Number).filter((pid) => Number.isInteger(pid) && pid !== process.pid);
}

/** Whether a process, or a group when negative, exists. */
export function isAlive(target: number): boolean {
  try {
    return process.kill(target, 0);
  } catch {
    return false;
  }
}

/** The mark in the environment of a process; `null` without one, and for zombies and processes that are gone. */
function markOf(pid: number): string | null {
  return variableOf(pid, markVariable);
}

function variableOf(pid: number, name: string): string | null {
  const environ = environOf(pid);
  if (environ === null) return null;
  const needle = `${name}=`;
  for (let at = environ.indexOf(needle); at !== -1; at = environ.indexOf(needle, at + 1)) {
    if (at > 0 && environ[at - 1] !== 0) continue;
    const end = environ.indexOf(0, at);
    return environ.toString("utf8", at + needle.length, end === -1 ? undefined : end);
  }
  return null;
}

function environOf(pid: number | "self"): Buffer | null {
  try {
    return readFileSync(`/proc/${pid}/environ`);
  } catch {
    return null;
  }
}

/** CPU time that a process and the children it waited for have used so far, in clock ticks (10 ms each on Linux). */
export function cpuTicks(pid: number): number {
  return statOf(pid).slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

/** What /proc says of a process, from its state (field 3 of the manual) on; empty when it is gone. */
function statOf(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before it, in parentheses, may hold spaces and parentheses itself.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
