import type { Oid } from "../loop/ports.ts";
import { type Git, splitNul } from "./git.ts";

/** These commits hang on no ref and nobody sees them: they need some identity, not the person's. */
const nobody: Record<string, string> = {
  GIT_AUTHOR_NAME: "Capstan",
  GIT_AUTHOR_EMAIL: "capstan@localhost",
  GIT_COMMITTER_NAME: "Capstan",
  GIT_COMMITTER_EMAIL: "capstan@localhost",
};

/** Commits or trees, each the tree that it stands for. */
export interface Merge {
  base: Oid;
  ours: Oid;
  theirs: Oid;
}

/**
 * The tree of `ours` with what changed from `base` to `theirs`; `null` when that conflicts or one of them is gone.
 *
 * `merge-tree` takes commits: they are made for the purpose on a common parent, so that the base is `base` whatever a
 * person did to the history (a rebase, a squash). They go with the next garbage collection.
 */
export async function mergeTrees(git: Git, { base, ours, theirs }: Merge): Promise<Oid | null> {
  const root = await commitTree(git, base, []);
  const [onto, change] = await Promise.all([
    commitTree(git, ours, ["-p", root]),
    commitTree(git, theirs, ["-p", root]),
  ]);
  const merged = await git(["merge-tree", "--write-tree", "--no-messages", "-z", onto, change]);
  return merged.ok ? splitNul(merged)[0]!.trim() : null;
}

/** The new commit's id, or "" when git failed: what is built on it fails as well. */
async function commitTree(git: Git, treeish: Oid, parents: readonly string[]): Promise<Oid> {
  const made = await git(["commit-tree", `${treeish}^{tree}`, ...parents], { stdin: "", env: nobody });
  return made.stdout.trim();
}
