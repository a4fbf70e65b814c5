import type { Collected, Oid } from "../loop/ports.ts";
import { isControl } from "./control.ts";
import { splitNul } from "./git.ts";
import { mergeTrees } from "./merge.ts";
import type { Repo } from "./repo.ts";
import { parseTree } from "./tip.ts";
import { editTree, syncObjects, type TreeEdit } from "./trees.ts";

/** A change on another base. */
export interface Replayed {
  work: Collected;
  /** Only plan and progress differ between the bases: what was verified is still verified. */
  sameWork: boolean;
}

/**
 * Replays a change made on `base` onto `tip` without a checkout; `null` when it conflicts. Control files are those of
 * `tip` afterwards: nobody else writes them, so they never conflict.
 */
export async function replay(repo: Repo, work: Collected, base: Oid, tip: Oid): Promise<Replayed | null> {
  const { place } = repo;
  const moved = splitNul(await repo.git(["diff-tree", "-r", "-z", "--name-only", "--no-renames", base, tip]));
  const sameWork = moved.every((path) => path === place.planPath || path === place.progressPath);
  const tree = sameWork ? work.tree : await mergeTrees(repo.git, { base, ours: tip, theirs: work.tree });
  if (tree === null) return null;

  const control = moved.filter((path) => isControl(place, path));
  const edited = control.length === 0 ? tree : await withFilesOf(repo, tree, tip, control);
  if (edited === null) return null;
  const changed = sameWork ? work.changed : await changedSince(repo, tip, edited);
  return { work: { ...work, tree: edited, changed }, sameWork };
}

/** The tree with these files as they are in `tip`. `null` when git failed. */
export async function withFilesOf(repo: Repo, tree: Oid, tip: Oid, paths: readonly string[]): Promise<Oid | null> {
  const listed = await repo.git(["ls-tree", "-r", "-z", "--full-tree", tip, "--", ...paths]);
  if (!listed.ok) return null;
  const files = parseTree(splitNul(listed));
  const edits = paths.map((path): TreeEdit => ({ path, oid: files.get(path)?.oid ?? null }));
  const edited = await editTree(repo, tree, edits);
  return edited.ok ? edited.tree : null;
}

async function changedSince(repo: Repo, tip: Oid, tree: Oid): Promise<Collected["changed"]> {
  const args = ["diff-tree", "-r", "-t", "-z", "--raw", "--no-abbrev", "--no-renames", tip, tree];
  const fields = splitNul(await repo.git(args));
  const changed: Collected["changed"] = [];
  const made = [tree];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [before, mode = "", , oid = "", status = ""] = fields[at]!.split(" ");
    const path = fields[at + 1]!;
    const isFolder = mode === folder || (before === `:${folder}` && status === "D");
    if (status !== "D") made.push(oid);
    if (!isFolder && !isControl(repo.place, path)) changed.push({ path, status: statusOf(status) });
  }
  await syncObjects(repo.place.commonDir, made);
  return changed;
}

const folder = "040000";

function statusOf(letter: string): Collected["changed"][number]["status"] {
  if (letter === "A") return "added";
  if (letter === "D") return "deleted";
  return letter === "T" ? "type-changed" : "modified";
}
