import type { RepositoryProblem } from "../model/halt.ts";
import type { Clock, Oid } from "../loop/ports.ts";
import { type Git, gitProblem, type GitResult } from "./git.ts";

/** Where everything of one plan lives. Only refs below these names are ever created or deleted by the runner. */
export const refNames = {
  branch: (branch: string): string => `refs/heads/${branch}`,
  ledger: (plan: string): string => `refs/capstan/ledger/${plan}`,
  attempts: (plan: string): string => `refs/capstan/attempts/${plan}/`,
  attempt: (plan: string, step: string, attempt: number): string => `refs/capstan/attempts/${plan}/${step}/${attempt}`,
  parked: (plan: string, step: string): string => `refs/capstan/parked/${plan}/${step}`,
  /** On remotes only: who works on the plan. */
  lease: (plan: string): string => `refs/capstan/lease/${plan}`,
  /** What a remote had when it was last asked. */
  seen: (remote: string, ref: string): string =>
    `refs/capstan/remotes/${remote.replace(/\/\/[^/@]*@/, "//").replaceAll(/[^A-Za-z0-9_-]+/g, "-")}/${
      ref.replace(/^refs\/(capstan\/)?/, "")
    }`,
} as const;

/** One ref of a transaction. `old: null` says that it must not exist, `next: null` deletes it. */
export interface RefUpdate {
  ref: string;
  next: Oid | null;
  old: Oid | null;
}

export type RefsMoved =
  | { kind: "moved" }
  /** A ref no longer had its expected value; nothing was changed. */
  | { kind: "stale"; message: string }
  | { kind: "failed"; problem: RepositoryProblem };

/** Somebody else's git (or one that died in the last second) holds a lock file: these waits, in milliseconds. */
export const lockWaitsMs = [50, 150, 400, 1000, 2000] as const;

/** Moves all refs or none, each only from its expected old value. A busy lock is waited for, a few seconds at most. */
export async function moveRefs(
  git: Git,
  clock: Clock,
  updates: readonly RefUpdate[],
  reason: string,
): Promise<RefsMoved> {
  if (updates.length === 0) return { kind: "moved" };
  // The refs themselves must be on the disk too before the checkout moves.
  const args = ["-c", "core.fsync=committed,reference", "update-ref", "-m", reason, "--stdin", "-z"];
  const stdin = updates.map(command).join("");
  const result = await retryLocked(clock, () => git(args, { stdin }));
  if (result.ok) return { kind: "moved" };
  if (isStale(result)) return { kind: "stale", message: result.stderr };
  return { kind: "failed", problem: gitProblem(args, result) };
}

function command({ ref, next, old }: RefUpdate): string {
  if (next === null) return `delete ${ref}\0${old ?? ""}\0`;
  return old === null ? `create ${ref}\0${next}\0` : `update ${ref}\0${next}\0${old}\0`;
}

function isStale(result: GitResult): boolean {
  return /but expected|reference already exists|unable to resolve reference|reference is missing/.test(result.stderr);
}

/** Runs a git command again while a lock file of another process is in its way. */
export async function retryLocked(clock: Clock, run: () => Promise<GitResult>): Promise<GitResult> {
  const never = new AbortController().signal;
  let result = await run();
  for (const wait of lockWaitsMs) {
    if (result.ok || !isLocked(result)) return result;
    await clock.sleep(wait, never);
    result = await run();
  }
  return result;
}

/** Whether a command failed only because a lock file exists. */
export function isLocked(result: GitResult): boolean {
  return /\.lock': File exists|Unable to create '.*\.lock'/.test(result.stderr) &&
    !/Permission denied|No space left|Read-only/.test(result.stderr);
}

/** Lines of `<oid> <ref>`, as `for-each-ref` and `ls-remote` (with a tab) print them. */
export function parseRefs(text: string): Map<string, Oid> {
  const refs = new Map<string, Oid>();
  for (const line of text.split("\n")) {
    const [, oid, ref] = /^([0-9a-f]{40,64})[ \t](.+)$/.exec(line) ?? [];
    if (oid !== undefined && ref !== undefined) refs.set(ref, oid);
  }
  return refs;
}
