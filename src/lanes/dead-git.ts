import { readdir, rm, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { Clock } from "../loop/ports.ts";
import { removeAbandoned } from "../system/atomic.ts";
import { readTextOrNull } from "../system/files.ts";
import { type GitProcess, gitProcesses } from "../system/proc.ts";
import type { Place } from "./locate.ts";
import type { Repo } from "./repo.ts";

/** How long a git that a dead runner had started may take to end by itself. */
const patienceMs = 5_000;
const pollMs = 20;
/** Programs that lock an index without being git hold it for moments only. */
const momentMs = 1_000;
/** Where nobody can tell which processes live, a lock has to be this old. */
const blindMs = 10_000;
/** Lock files that the runner's git takes outside of `refs/`. */
const ownLocks = ["index.lock", "HEAD.lock", "packed-refs.lock"];

/** Waits for git processes of a runner that is gone: what they still do must not happen under the next one's eyes. */
export async function awaitOrphans({ place, options }: Repo): Promise<void> {
  const isOwn = ({ gitDir }: GitProcess): boolean => gitDir === place.gitDir;
  if (gitProcesses() === null) await options.clock.sleep(momentMs, new AbortController().signal);
  else await until(options.clock, patienceMs, () => gitProcesses()?.some(isOwn) !== true);
}

/**
 * Takes away what processes that were killed left in the repository's folders: half-written files of the runner, and
 * lock files of a git that died with it. Nothing else ever removes these, so every later git would fail.
 *
 * Locks below `refs/capstan/` are the runner's in any case. The others are touched only after a run that `died`. In both
 * cases no git may be at work in this repository, whoever started it: a commit that waits for an editor keeps its lock.
 */
export async function clearDead(repo: Repo, { died }: { died: boolean }): Promise<void> {
  const { place, options } = repo;
  const found = await lockFiles(place, died);
  if (found.size > 0 && await isDead(place, options.clock, found)) {
    await Promise.all([...found.keys()].map((path) => rm(path, { force: true })));
    const names = [...found.keys()].map((path) => relative(place.commonDir, path)).toSorted();
    options.notice({
      kind: "recovered",
      what: `removed what a killed git had locked: ${names.slice(0, 5).join(", ")}`,
    });
  }
  if (!died) return;
  const folders = [join(place.root, place.planPath, ".."), join(place.commonDir, "capstan"), place.stateDir];
  const left = (await Promise.all(folders.map(removeAbandoned))).flat();
  if (left.length > 0) options.notice({ kind: "recovered", what: `removed half-written files: ${left.join(", ")}` });
}

/** Lock files and when they were made. */
async function lockFiles(place: Place, all: boolean): Promise<Map<string, number>> {
  const own = all
    ? [...ownLocks.map((name) => join(place.gitDir, name)), join(place.commonDir, "packed-refs.lock")]
    : [];
  const refs = join(place.commonDir, all ? "refs" : "refs/capstan");
  const below = (await readdir(refs, { recursive: true }).catch(() => []))
    .filter((name) => name.endsWith(".lock")).map((name) => join(refs, name));
  const found = new Map<string, number>();
  for (const path of new Set([...own, ...below])) {
    const stats = await stat(path).catch(() => null);
    if (stats !== null) found.set(path, stats.mtimeMs);
  }
  return found;
}

/** Whether these locks are nobody's any more. Looks twice, a moment apart. */
async function isDead(place: Place, clock: Clock, locks: ReadonlyMap<string, number>): Promise<boolean> {
  const worktrees = await worktreesOf(place);
  const isAtWork = (): boolean | null => gitProcesses()?.some((git) => worksIn(git, place, worktrees)) ?? null;
  const isUnchanged = async (): Promise<boolean> => {
    const times = await Promise.all(
      [...locks].map(([path, at]) => stat(path).then(({ mtimeMs }) => mtimeMs === at, () => false)),
    );
    return times.every(Boolean);
  };
  if (isAtWork() === null) {
    const youngest = Math.max(...locks.values());
    return clock.now() - youngest > blindMs;
  }
  await until(clock, patienceMs, () => isAtWork() === false);
  await clock.sleep(momentMs, new AbortController().signal);
  return isAtWork() === false && await isUnchanged();
}

/** The other checkouts of this repository: the locks of refs are shared with them. */
async function worktreesOf({ commonDir }: Place): Promise<string[]> {
  const folder = join(commonDir, "worktrees");
  const names = await readdir(folder).catch(() => []);
  const files = await Promise.all(names.map((name) => readTextOrNull(join(folder, name, "gitdir")).catch(() => null)));
  return files.flatMap((text) => text === null ? [] : [join(text.trim(), "..")]);
}

/** A git about which nothing is known may be at work here. */
function worksIn({ cwd, gitDir }: GitProcess, place: Place, worktrees: readonly string[]): boolean {
  if (cwd === null) return true;
  const folders = [place.root, place.gitDir, place.commonDir, ...worktrees];
  return [cwd, ...gitDir === null ? [] : [gitDir]].some((dir) =>
    folders.some((folder) => dir === folder || dir.startsWith(folder + sep))
  );
}

async function until(clock: Clock, limitMs: number, isSo: () => boolean): Promise<void> {
  for (let waited = 0; waited < limitMs && !isSo(); waited += pollMs) {
    await clock.sleep(pollMs, new AbortController().signal);
  }
}
