import type { Oid } from "../loop/ports.ts";
import type { GitResult } from "./git.ts";
import type { Repo } from "./repo.ts";

/**
 * Sends the LFS files of the branch ahead of it: git-lfs does that in a hook, and the runner runs none. Without git-lfs
 * only a notice says so. `null` unless they were refused.
 */
export async function pushLfs(repo: Repo, remote: string, tip: Oid): Promise<GitResult | null> {
  const attributes = ["--", ":(top,glob)**/.gitattributes"];
  const used = await repo.git(["grep", "--quiet", "--fixed-strings", "-e", "filter=lfs", tip, ...attributes]);
  if (!used.ok) return null;
  const installed = await repo.git(["lfs", "version"]);
  if (!installed.ok) {
    if (!repo.told.lfs) repo.options.notice({ kind: "lfs-not-sent", remote, branch: repo.branch! });
    repo.told.lfs = true;
    return null;
  }
  const sent = await repo.git(["lfs", "push", remote, repo.branch!]);
  return sent.ok ? null : sent;
}
