import { lstat, rm } from "node:fs/promises";
import type { Collected, Lane, Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { isRegistry } from "./control.ts";
import { type Git, gitProblem, type GitResult } from "./git.ts";
import { copyIndex } from "./index-file.ts";
import { pathInside, readInside } from "./inside.ts";
import type { LaneFacts, LaneFolder } from "./lane-folder.ts";
import type { Place } from "./locate.ts";
import { adoptRepositories, allowReading } from "./rescue.ts";
import { disarmSubmodules } from "./submodules.ts";
import { gitlinkMode, type GitValue, indexInfo, parseRaw, type TreeChange, type TreeEntry, zeroOid } from "./tree.ts";

/** A control file larger than this is not read: no plan needs it, and it would go into memory several times. */
export const maxControlBytes = 16 * 1024 * 1024;

/** The lane's work tree, frozen into an index of the runner's own. */
interface Frozen {
  git: Git;
  dir: string;
  index: string;
}

/**
 * Makes a tree of what the lane holds. Runs only git commands of the main repository, on a copy of the runner's index:
 * nothing that an agent wrote into any `.git` has a say. Control files, registries and submodules are the base's.
 */
export async function collectLane(place: Place, folder: LaneFolder, lane: Lane): Promise<GitValue<Collected>> {
  const facts = await folder.facts();
  const stats = await lstat(lane.dir).catch(() => null);
  if (facts === null || stats?.isDirectory() !== true) return await nothingLeft(folder.git, lane);

  const benign = await gitHabits(lane, facts);
  const control = await readControl(place, lane);
  await disarmSubmodules(lane.dir, facts.gitlinks.map(({ path }) => path));
  const frozen: Frozen = { git: folder.git, dir: lane.dir, index: `${lane.dir}.collect` };
  try {
    await rm(`${frozen.index}.lock`, { force: true });
    await copyIndex(folder.index, frozen.index);
    const skipped = [place.planPath, place.progressPath, ...facts.copies];
    const added = await addAll(frozen, skipped, benign);
    if (added !== null) return { ok: false, problem: added };
    const tree = await settleTree(frozen, lane.base, place, skipped);
    if (!tree.ok) return tree;
    benign.push(...tree.value.benign);
    const tampering = [...control.tampering, ...tree.value.tampering];
    const { oid, changed } = tree.value;
    return { ok: true, value: { tree: oid, changed, ...control.texts, tampering, benign } };
  } finally {
    await rm(frozen.index, { force: true });
  }
}

async function nothingLeft(git: Git, lane: Lane): Promise<GitValue<Collected>> {
  const args = ["rev-parse", `${lane.base}^{tree}`];
  const base = await git(args);
  if (!base.ok) return { ok: false, problem: gitProblem(args, base) };
  const { planText, progressText } = lane;
  const benign = ["removed its own lane, so nothing of its work could be kept"];
  return { ok: true, value: { tree: base.stdout.trim(), changed: [], planText, progressText, tampering: [], benign } };
}

/** What the agent did with its own `.git`: read as plain files, for the record only. */
async function gitHabits(lane: Lane, facts: LaneFacts): Promise<string[]> {
  const habits: string[] = [];
  const read = async (path: string): Promise<string | null> => {
    const found = await readInside(lane.dir, `.git/${path}`, 1 << 20);
    return found.kind === "text" ? found.text : null;
  };
  const [head, log] = await Promise.all([read("HEAD"), read("logs/HEAD")]);
  const commits = (log ?? "").split("\n").filter((line) => /\tcommit(?: \([^)]*\))?: /.test(line)).length;
  if (commits > 0) habits.push(`made ${commits === 1 ? "a commit" : `${commits} commits`} of its own`);
  if (head === null) habits.push("removed the `.git` folder of its lane");
  else if (facts.branch !== null && head.trim() !== `ref: refs/heads/${facts.branch}`) {
    habits.push(`switched to ${head.trim().replace(/^ref: refs\/heads\//, "the branch ")}`);
  }
  return habits;
}

async function readControl(
  place: Place,
  lane: Lane,
): Promise<{ texts: Pick<Collected, "planText" | "progressText">; tampering: string[] }> {
  const tampering: string[] = [];
  const read = async (path: string, given: string): Promise<string | null> => {
    const found = await readInside(lane.dir, path, maxControlBytes);
    if (found.kind === "text") return found.text;
    if (found.kind === "none") return null;
    tampering.push(`made \`${path}\` ${Math.round(found.bytes / 1024 / 1024)} MB large`);
    return given;
  };
  const planText = await read(place.planPath, lane.planText);
  const progressText = await read(place.progressPath, lane.progressText);
  // A progress file that never was there was not deleted.
  return { texts: { planText, progressText: progressText ?? (lane.progressText === "" ? "" : null) }, tampering };
}

/** Stages everything that git would. What it can't stage is put right once, then left out and named. */
async function addAll(frozen: Frozen, skipped: readonly string[], benign: string[]): Promise<RepositoryProblem | null> {
  const { git, dir, index } = frozen;
  // Git refuses a path beyond a symbolic link, and there is nothing of ours to leave out there.
  const ways = await Promise.all(skipped.map((path) => pathInside(dir, path)));
  const excluded = skipped.filter((_, at) => ways[at] !== null).map((path) => `:(top,exclude,literal)${path}`);
  const args = ["add", "-A", "--sparse", "--ignore-errors", "--", ".", ...excluded];
  const options = { workTree: dir, indexFile: index };
  const first = await git(args, options);
  const isDenied = /Permission denied/.test(first.stderr);
  if (first.ok && !isDenied) return null;
  if (isDenied) await allowReading(dir);
  benign.push(...await adoptRepositories(git, options));
  const second = await git(args, options);
  if (second.ok) return null;
  const problem = gitProblem(args, second);
  // With --ignore-errors, code 1 means that the rest was staged.
  if (second.code !== 1 || problem.kind !== "git-failed") return problem;
  const reasons = second.stderr.split("\n").filter((line) => line.startsWith("error:")).slice(0, 5);
  benign.push(...reasons.map((line) => `left a file that could not be taken: ${line.slice("error: ".length)}`));
  return null;
}

interface Settled {
  oid: Oid;
  changed: Collected["changed"];
  tampering: string[];
  benign: string[];
}

/** Undoes what is not the agent's to change, and writes the tree. */
async function settleTree(
  frozen: Frozen,
  base: Oid,
  place: Place,
  skipped: readonly string[],
): Promise<GitValue<Settled>> {
  const { git, dir, index } = frozen;
  const options = { workTree: dir, indexFile: index };
  const benign: string[] = [];
  let changes: TreeChange[] = [];
  const writeArgs = ["write-tree"];
  let written: GitResult | null = null;
  // A repository in a repository in a repository: one layer at a time.
  for (let layer = 0; layer < 10; layer++) {
    const args = ["diff-index", "--cached", "--raw", "-r", "-z", "--no-renames", "--full-index", base];
    // Mostly nothing has to be undone, and the tree is right at once.
    const [diff, tree] = await Promise.all([git(args, options), git(writeArgs, options)]);
    if (!diff.ok) return { ok: false, problem: gitProblem(args, diff) };
    written = tree;
    changes = parseRaw(diff.stdout);
    const nested = changes.filter(({ before, after }) => after?.mode === gitlinkMode && before?.mode !== gitlinkMode);
    if (nested.length === 0) break;
    written = null;
    const taken = await adoptGitlinks(frozen, nested.map(({ path }) => path), base);
    if (taken !== null) return { ok: false, problem: taken };
    benign.push(
      ...nested.map(({ path }) => `made a repository of its own in \`${path}\`: its files were taken as ordinary ones`),
    );
  }

  const undone = changes.map((change) => ({ change, verdict: judge(change, place, skipped) })).filter(({ verdict }) =>
    verdict !== "work"
  );
  const paths = new Set(undone.map(({ change }) => change.path));
  if (undone.length > 0) {
    const entries = undone.map(({ change }) => ({ path: change.path, entry: change.before }));
    const failed = await setEntries(frozen, entries, base);
    if (failed !== null) return { ok: false, problem: failed };
    written = null;
  }
  written ??= await git(writeArgs, options);
  if (!written.ok) return { ok: false, problem: gitProblem(writeArgs, written) };
  const named = (verdict: string, text: string): string[] =>
    undone.filter((one) => one.verdict === verdict).map(({ change }) => `${text} \`${change.path}\``);
  // Where a folder gave way to a file or a link, putting back what was in the folder took that away again.
  const isGone = ({ path }: TreeChange): boolean => undone.some(({ change }) => change.path.startsWith(`${path}/`));
  return {
    ok: true,
    value: {
      oid: written.stdout.trim(),
      changed: changes.filter((change) => !paths.has(change.path) && !isGone(change)).map(toChanged),
      tampering: [...named("registry", "changed"), ...named("control", "put something in the place of")],
      benign: [...benign, ...named("submodule", "moved the submodule")],
    },
  };
}

/** Whose a changed path is: the agent's work, or not its to change (`own`: the runner's, and nobody touched it). */
function judge(
  change: TreeChange,
  place: Place,
  skipped: readonly string[],
): "work" | "registry" | "control" | "submodule" | "own" {
  const { path, before, after } = change;
  if (path === place.registriesPath || isRegistry(place, path)) return "registry";
  // They were left out of `add`: one that is gone all the same had a folder on the way to it replaced.
  if (path === place.planPath || path === place.progressPath) return after === null ? "control" : "own";
  if (skipped.includes(path)) return "own";
  const isSubmodule = before?.mode === gitlinkMode || after?.mode === gitlinkMode;
  return isSubmodule ? "submodule" : "work";
}

async function adoptGitlinks(frozen: Frozen, paths: readonly string[], like: Oid): Promise<RepositoryProblem | null> {
  const { git, dir, index } = frozen;
  for (const path of paths) {
    const own = await pathInside(dir, `${path}/.git`);
    if (own !== null) await rm(own, { recursive: true, force: true });
  }
  const failed = await setEntries(frozen, paths.map((path) => ({ path, entry: null })), like);
  if (failed !== null) return failed;
  const args = ["add", "-A", "--sparse", "--ignore-errors", "--", ...paths.map((path) => `:(top,literal)${path}`)];
  const added = await git(args, { workTree: dir, indexFile: index, okCodes: [1] });
  return added.ok ? null : gitProblem(args, added);
}

async function setEntries(
  { git, dir, index }: Frozen,
  entries: readonly { path: string; entry: TreeEntry | null }[],
  like: Oid,
): Promise<RepositoryProblem | null> {
  const args = ["update-index", "--add", "--replace", "-z", "--index-info"];
  const result = await git(args, { workTree: dir, indexFile: index, stdin: indexInfo(entries, zeroOid(like)) });
  return result.ok ? null : gitProblem(args, result);
}

function toChanged({ path, before, after }: TreeChange): Collected["changed"][number] {
  if (before === null) return { path, status: "added" };
  if (after === null) return { path, status: "deleted" };
  const kind = (entry: TreeEntry): string => entry.mode.slice(0, 3);
  return { path, status: kind(before) === kind(after) ? "modified" : "type-changed" };
}
