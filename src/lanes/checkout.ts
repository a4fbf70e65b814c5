import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { isControl } from "./control.ts";
import { gitProblem, type GitResult, splitNul } from "./git.ts";
import { retryLocked } from "./refs.ts";
import type { Follow, Repo } from "./repo.ts";
import { parseTree } from "./tip.ts";
import type { TreeEdit } from "./trees.ts";

/** How many paths go on one command line. */
const pathsAtOnce = 500;

export type CanFollow =
  | { kind: "can"; leave: TreeEdit[] }
  /** The person's edits or files are in the way. */
  | { kind: "overlap"; paths: string[] }
  | { kind: "failed"; problem: RepositoryProblem };

/**
 * Whether the checkout can go from `old` to `next` by git's fast-forward rules, without touching it. A control file
 * that the person is just editing never stands in the way: its file is left (`leave`), the index entry moves.
 */
export async function canFollow(repo: Repo, { old, next }: Follow): Promise<CanFollow> {
  const args = ["read-tree", "-n", "-m", "-u", old, next];
  const dry = await retryLocked(repo.options.clock, () => repo.git(args));
  if (dry.ok) return { kind: "can", leave: [] };
  if (!isOverlap(dry)) return { kind: "failed", problem: gitProblem(args, dry) };

  const changed = await changedPaths(repo, old, next);
  // Files that were only touched count as edited until the index knows better.
  await repo.git(["update-index", "-q", "--refresh"]);
  if ((await repo.git(args)).ok) return { kind: "can", leave: [] };
  const paths = await dirtyAmong(repo, old, changed);
  const leave = paths.filter((path) => isControl(repo.place, path));
  if (leave.length < paths.length || paths.length === 0) {
    return { kind: "overlap", paths: paths.filter((path) => !isControl(repo.place, path)) };
  }
  const listed = await repo.git(["ls-tree", "-r", "-z", "--full-tree", next, "--", ...leave]);
  const files = parseTree(splitNul(listed));
  return { kind: "can", leave: leave.map((path) => ({ path, oid: files.get(path)?.oid ?? null })) };
}

/** Moves index and files of the checkout from `old` to `next`; whatever the person has open elsewhere survives. */
export async function follow(
  repo: Repo,
  { old, next }: Follow,
  leave: readonly TreeEdit[],
): Promise<RepositoryProblem | null> {
  if (leave.length > 0) {
    const problem = await setIndex(repo, leave);
    if (problem !== null) return problem;
  }
  const args = ["read-tree", "-m", "-u", old, next];
  const moved = await retryLocked(repo.options.clock, () => repo.git(args));
  return moved.ok ? null : gitProblem(args, moved);
}

/** Sets index entries, writes the files named in `write`, and refreshes what the index knows about their times. */
export async function setIndex(
  repo: Repo,
  entries: readonly (TreeEdit & { mode?: string })[],
  write: readonly string[] = [],
): Promise<RepositoryProblem | null> {
  const nothing = "0".repeat(repo.place.head.oid.length);
  const stdin = entries.map(({ path, oid, mode = repo.tip?.files.get(path)?.mode ?? "100644" }) => {
    return oid === null ? `0 ${nothing}\t${path}\0` : `${mode} ${oid}\t${path}\0`;
  });
  const args = ["update-index", "-z", "--index-info"];
  const set = await retryLocked(repo.options.clock, () => repo.git(args, { stdin: stdin.join("") }));
  if (!set.ok) return gitProblem(args, set);
  if (write.length > 0) {
    const out = ["checkout-index", "-f", "-u", "--", ...write];
    const written = await retryLocked(repo.options.clock, () => repo.git(out));
    if (!written.ok) return gitProblem(out, written);
  }
  await refreshIndex(repo, entries.filter(({ oid }) => oid !== null).map(({ path }) => path));
  return null;
}

/** Lets the index look at these files again, all of which it knows. */
async function refreshIndex(repo: Repo, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return;
  const stdin = paths.map((path) => `:(literal)${path}\0`).join("");
  await repo.git(["add", "--refresh", "--pathspec-from-file=-", "--pathspec-file-nul"], { stdin });
}

/** Paths that differ between two commits or trees. */
export async function changedPaths(repo: Repo, old: Oid, next: Oid): Promise<string[]> {
  return splitNul(await repo.git(["diff-tree", "-r", "-z", "--name-only", "--no-renames", old, next]));
}

/** Which of the paths are not, in index or checkout, as they are in `old`. */
async function dirtyAmong(repo: Repo, old: Oid, paths: readonly string[]): Promise<string[]> {
  const wanted = new Set(paths);
  const dirty = splitNul(await repo.git(["diff-index", "-z", "--name-only", "--no-renames", old]))
    .filter((path) => wanted.has(path));
  const inOld = new Set<string>();
  for (let at = 0; at < paths.length; at += pathsAtOnce) {
    const listed = await repo.git([
      "ls-tree",
      "-z",
      "--full-tree",
      "--name-only",
      old,
      "--",
      ...paths.slice(at, at + pathsAtOnce),
    ]);
    for (const path of splitNul(listed)) inOld.add(path);
  }
  for (const path of paths.filter((name) => !inOld.has(name))) {
    const blocker = await untrackedAt(repo.place.root, path);
    if (blocker !== null) dirty.push(blocker);
  }
  return [...new Set(dirty)];
}

/** What lies where a new file has to go: the file itself or a parent that is no folder. */
async function untrackedAt(root: string, path: string): Promise<string | null> {
  const parts = path.split("/");
  for (let length = 1; length <= parts.length; length += 1) {
    const part = parts.slice(0, length).join("/");
    const stats = await lstat(join(root, part)).catch(() => null);
    if (stats === null) return null;
    if (length === parts.length || !stats.isDirectory()) return part;
  }
  return null;
}

function isOverlap(result: GitResult): boolean {
  return /not uptodate|would be overwritten|would be removed|would lose untracked|Cannot merge|Cannot update/.test(
    result.stderr,
  );
}
