import { lstat, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Oid } from "../loop/ports.ts";
import { pathExists, removeTree } from "../system/files.ts";
import { createGit, type Git, type GitResult, splitNul } from "./git.ts";
import { pathInside } from "./inside.ts";
import { type Config, emptyLaneGit, giveIndex, makeLaneGit } from "./lane-git.ts";
import { gitlinkMode } from "./tree.ts";

/** A submodule's place in a tree. */
export interface Gitlink {
  path: string;
  oid: Oid;
}

/** All submodule entries of a tree. Lists folders only, so that its cost does not grow with the number of files. */
export async function listGitlinks(git: Git, tree: Oid): Promise<Gitlink[]> {
  const listed = await git(["ls-tree", "-r", "-d", "-z", tree]);
  return splitNul(listed).filter((line) => line.startsWith(gitlinkMode)).map((line) => ({
    path: line.slice(line.indexOf("\t") + 1),
    oid: line.split(/[ \t]/)[2]!,
  }));
}

export interface SubmodulesRequest {
  /** The work tree in the person's checkout whose submodules may be borrowed, and the one in the lane. */
  checkout: string;
  workTree: string;
  gitlinks: readonly Gitlink[];
  /** Where the indexes are kept: the start of their file names. */
  indexPrefix: string;
  config: Config;
  env: Record<string, string>;
}

/**
 * Fills the submodules that the checkout has, from its own objects and without any network; the others stay empty
 * folders, as in a checkout that never initialized them. Returns the git command that failed, if one did.
 */
export async function fillSubmodules(request: SubmodulesRequest): Promise<GitResult | null> {
  for (const { path, oid } of request.gitlinks) {
    const dir = await pathInside(request.workTree, path);
    const gitDir = await moduleOf(request.checkout, path);
    const isFolder = dir !== null && (await lstat(dir).catch(() => null))?.isDirectory() === true;
    if (!isFolder || gitDir === null) continue;
    const git = createGit({ root: dir, gitDir, env: request.env });
    if (!(await git(["cat-file", "-e", `${oid}^{commit}`])).ok) continue;
    const failed = await fillOne(request, { git, gitDir, dir, path, oid });
    if (failed !== null) return failed;
  }
  return null;
}

async function fillOne(
  request: SubmodulesRequest,
  module: { git: Git; gitDir: string; dir: string; path: string; oid: Oid },
): Promise<GitResult | null> {
  const { git, gitDir, dir, path, oid } = module;
  const index = `${request.indexPrefix}.${encodeURIComponent(path)}`;
  await rm(`${index}.lock`, { force: true });
  for (const args of [["clean", "-ffdxq"], ["read-tree", "--reset", "-u", oid]]) {
    const result = await git(args, { indexFile: index });
    if (!result.ok) return result;
  }
  const gitlinks = await pathExists(join(dir, ".gitmodules")) ? await listGitlinks(git, oid) : [];
  const config = withoutSparse(request.config);
  await emptyLaneGit(dir, null);
  await makeLaneGit({
    dir,
    commonDir: gitDir,
    gitDir,
    head: oid,
    branch: null,
    refs: "",
    hidden: [],
    config,
    env: request.env,
  });
  await giveIndex(dir, index);
  return await fillSubmodules({
    checkout: join(request.checkout, path),
    workTree: dir,
    gitlinks,
    indexPrefix: index,
    config,
    env: request.env,
  });
}

/** Sparse patterns are the superproject's. */
function withoutSparse(config: Config): Config {
  return new Map([...config].filter(([name]) => !name.startsWith("core.sparse")));
}

/** The git folder of a submodule that the checkout has: a folder in it (old style), or where its `.git` file points. */
async function moduleOf(checkout: string, path: string): Promise<string | null> {
  const own = await pathInside(checkout, `${path}/.git`);
  const stats = own === null ? null : await lstat(own).catch(() => null);
  if (own === null || stats === null) return null;
  if (stats.isDirectory()) return own;
  const [, target] = /^gitdir: (.+)\n?$/.exec(stats.isFile() ? await readFile(own, "utf8") : "") ?? [];
  const gitDir = target === undefined ? null : resolve(dirname(own), target);
  return gitDir !== null && await pathExists(join(gitDir, "HEAD")) ? gitDir : null;
}

/** Takes away the `.git` of every submodule, so that no git of the runner reads a configuration that an agent wrote. */
export async function disarmSubmodules(workTree: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const own = await pathInside(workTree, `${path}/.git`);
    if (own !== null) await removeTree(own);
  }
}
