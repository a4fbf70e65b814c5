import type { Oid } from "../loop/ports.ts";
import type { Git } from "./git.ts";
import { mergeTrees } from "./merge.ts";

/**
 * The tree of `base` with what the kept commit `carry` changed on its own parent: the start of a next attempt.
 * `null` when the commit is gone or does not fit any more; the attempt then starts from `base`.
 */
export async function carriedTree(git: Git, base: Oid, carry: Oid): Promise<Oid | null> {
  const shown = await git(["log", "--no-walk=unsorted", "--format=%T %P", carry]);
  if (!shown.ok) return null;
  const [tree, parent] = shown.stdout.trim().split(" ");
  if (tree === undefined || parent === undefined) return null;
  return parent === base ? tree : await mergeTrees(git, { base: parent, ours: base, theirs: tree });
}
