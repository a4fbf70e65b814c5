import { rm } from "node:fs/promises";
import type { Oid } from "../loop/ports.ts";
import { globMatcher } from "../model/glob.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { type Git, gitProblem, splitNul } from "./git.ts";

/** One side of a change: what stands at a path in a tree. `mode` is git's octal text; `null` means nothing is there. */
export interface TreeEntry {
  mode: string;
  oid: Oid;
}

export interface TreeChange {
  path: string;
  before: TreeEntry | null;
  after: TreeEntry | null;
}

/** A value, or the problem of the git command that should have made it. */
export type GitValue<T> = { ok: true; value: T } | { ok: false; problem: RepositoryProblem };

/** The mode of a submodule's entry. */
export const gitlinkMode = "160000";

/** What differs between two trees (or commits), by path; renames are a deletion and an addition. */
export async function diffTrees(git: Git, before: Oid, after: Oid): Promise<GitValue<TreeChange[]>> {
  const args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", before, after];
  const result = await git(args);
  if (!result.ok) return { ok: false, problem: gitProblem(args, result) };
  return { ok: true, value: parseRaw(result.stdout) };
}

/** Reads git's `--raw -z` output. */
export function parseRaw(output: string): TreeChange[] {
  const fields = splitNul(output);
  const changes: TreeChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [before = "", after = "", oldOid = "", newOid = ""] = fields[at]!.slice(1).split(" ");
    changes.push({ path: fields[at + 1]!, before: toEntry(before, oldOid), after: toEntry(after, newOid) });
  }
  return changes;
}

function toEntry(mode: string, oid: Oid): TreeEntry | null {
  return mode === "000000" ? null : { mode, oid };
}

/** The lines that `git update-index -z --index-info` reads to put these entries into an index; `null` takes a path out. */
export function indexInfo(entries: readonly { path: string; entry: TreeEntry | null }[], zero: Oid): string {
  // Removals first, so that a file can take the place of a folder and the other way round.
  const order = entries.toSorted((a, b) => Number(a.entry !== null) - Number(b.entry !== null));
  return order.map(({ path, entry }) => `${entry?.mode ?? "0"} ${entry?.oid ?? zero}\t${path}\0`).join("");
}

/** The object id that means "nothing", in the repository's own hash length. */
export function zeroOid(like: Oid): Oid {
  return "0".repeat(like.length);
}

/** `tree` with these entries (of any mode, folders giving way to files) in place of its own. `scratch` is the path of an index that may be overwritten. */
export async function replaceEntries(
  git: Git,
  tree: Oid,
  entries: readonly { path: string; entry: TreeEntry | null }[],
  scratch: string,
): Promise<GitValue<Oid>> {
  const steps: { args: string[]; stdin?: string }[] = [
    { args: ["read-tree", tree] },
    { args: ["update-index", "--add", "--replace", "-z", "--index-info"], stdin: indexInfo(entries, zeroOid(tree)) },
    { args: ["write-tree"] },
  ];
  await rm(scratch, { force: true });
  try {
    let printed = "";
    for (const { args, stdin } of steps) {
      const result = await git(args, { indexFile: scratch, ...stdin !== undefined && { stdin } });
      if (!result.ok) return { ok: false, problem: gitProblem(args, result) };
      printed = result.stdout.trim();
    }
    return { ok: true, value: printed };
  } finally {
    await rm(scratch, { force: true });
  }
}

/** `tree` with everything that the globs match taken from `base`: changed there, missing there, added since. */
export async function composeTree(
  git: Git,
  tree: Oid,
  base: Oid,
  globs: readonly string[],
  scratch: string,
): Promise<GitValue<Oid>> {
  if (globs.length === 0) return { ok: true, value: tree };
  const diff = await diffTrees(git, base, tree);
  if (!diff.ok) return diff;
  const matches = globMatcher(globs);
  const back = diff.value.filter(({ path }) => matches(path)).map(({ path, before }) => ({ path, entry: before }));
  return back.length === 0 ? { ok: true, value: tree } : await replaceEntries(git, tree, back, scratch);
}

/** `base` with only these paths from `tree`: what a step added, tried on what was there before. */
export async function overlayTree(
  git: Git,
  base: Oid,
  tree: Oid,
  paths: readonly string[],
  scratch: string,
): Promise<GitValue<Oid>> {
  const diff = await diffTrees(git, base, tree);
  if (!diff.ok) return diff;
  const wanted = new Set(paths);
  const entries = diff.value.filter(({ path }) => wanted.has(path)).map(({ path, after }) => ({ path, entry: after }));
  return await replaceEntries(git, base, entries, scratch);
}
