import { lstat, rm } from "node:fs/promises";
import type { Collected, Frozen, Lane, Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { offenceDiff, rewrittenScripts } from "./frozen.ts";
import { type Git, gitProblem, type GitResult } from "./git.ts";
import { copyIndex } from "./index-file.ts";
import { pathInside, readInside } from "./inside.ts";
import type { LaneFacts, LaneFolder } from "./lane-folder.ts";
import type { Place } from "./locate.ts";
import { offences, type OwnedPlaces, type Owner, ownership } from "./ownership.ts";
import { adoptRepositories, allowReading, dropAttributes } from "./rescue.ts";
import { disarmSubmodules } from "./submodules.ts";
import { gitlinkMode, type GitValue, indexInfo, parseRaw, type TreeChange, type TreeEntry, zeroOid } from "./tree.ts";

/** A control file larger than this is not read: no plan needs it, and it would go into memory several times. */
export const maxControlBytes = 16 * 1024 * 1024;

/** The lane's work tree, staged into an index of the runner's own. */
interface Staged {
  git: Git;
  dir: string;
  index: string;
}

/**
 * Makes a tree of what the lane holds. Runs only git commands of the main repository, on a copy of the runner's index:
 * nothing that an agent wrote into any `.git` has a say. Control files, registries and submodules are the base's.
 */
export async function collectLane(
  place: Place,
  folder: LaneFolder,
  lane: Lane,
  frozen: Frozen,
): Promise<GitValue<Collected>> {
  const facts = await folder.facts();
  const stats = await lstat(lane.dir).catch(() => null);
  if (facts === null || stats?.isDirectory() !== true) return await nothingLeft(folder.git, lane);

  const benign = await gitHabits(lane, facts);
  const control = await readControl(place, lane);
  await disarmSubmodules(lane.dir, facts.gitlinks.map(({ path }) => path));
  const staged: Staged = { git: folder.git, dir: lane.dir, index: `${lane.dir}.collect` };
  try {
    await rm(`${staged.index}.lock`, { force: true });
    await copyIndex(folder.index, staged.index);
    const skipped = [place.planPath, place.progressPath, ...facts.copies];
    const added = await addAll(staged, skipped, benign);
    if (added !== null) return { ok: false, problem: added };
    const tree = await settleTree(
      staged,
      lane.base,
      { place, skipped, made: facts.made, protects: frozen.protects },
      frozen,
    );
    if (!tree.ok) return tree;
    benign.push(...tree.value.benign);
    const tampering = [...control.tampering, ...tree.value.tampering];
    const { oid, changed, diff } = tree.value;
    return { ok: true, value: { tree: oid, changed, ...control.texts, tampering, diff, benign } };
  } finally {
    await rm(staged.index, { force: true });
  }
}

async function nothingLeft(git: Git, lane: Lane): Promise<GitValue<Collected>> {
  const args = ["rev-parse", `${lane.base}^{tree}`];
  const base = await git(args);
  if (!base.ok) return { ok: false, problem: gitProblem(args, base) };
  const { planText, progressText } = lane;
  const benign = ["removed its own lane, so nothing of its work could be kept"];
  const tree = base.stdout.trim();
  return { ok: true, value: { tree, changed: [], planText, progressText, tampering: [], diff: "", benign } };
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
async function addAll(staged: Staged, skipped: readonly string[], benign: string[]): Promise<RepositoryProblem | null> {
  const { git, dir, index } = staged;
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
  let second = await git(args, options);
  // What it dies of may be written in the lane: an encoding that a file does not have.
  if (!second.ok && second.code !== 1 && await dropAttributes(git, options, benign)) second = await git(args, options);
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
  diff: string;
  benign: string[];
}

/** Undoes what is not the agent's to change, and writes the tree. */
async function settleTree(staged: Staged, base: Oid, places: OwnedPlaces, frozen: Frozen): Promise<GitValue<Settled>> {
  const { git, dir, index } = staged;
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
    const taken = await adoptGitlinks(staged, nested.map(({ path }) => path), base);
    if (taken !== null) return { ok: false, problem: taken };
    benign.push(
      ...nested.map(({ path }) => `made a repository of its own in \`${path}\`: its files were taken as ordinary ones`),
    );
  }

  const ownerOf = ownership(places);
  const undone = changes.map((change) => ({ change, owner: ownerOf(change) })).filter(({ owner }) => owner !== "work");
  const paths = new Set(undone.map(({ change }) => change.path));
  const scripts = await rewrittenScripts(git, changes.filter(({ path }) => !paths.has(path)), frozen);
  if (!scripts.ok) return scripts;
  const entries = [...undone.map(({ change }) => ({ path: change.path, entry: change.before })), ...scripts.value];
  if (entries.length > 0) {
    const failed = await setEntries(staged, entries, base);
    if (failed !== null) return { ok: false, problem: failed };
    written = null;
  }
  written ??= await git(writeArgs, options);
  if (!written.ok) return { ok: false, problem: gitProblem(writeArgs, written) };
  // Where a folder gave way to a file or a link, putting back what was in the folder took that away again.
  const isGone = ({ path }: TreeChange): boolean => undone.some(({ change }) => change.path.startsWith(`${path}/`));
  const same = new Set(
    scripts.value.filter(({ path, entry }) => isBefore(changes, path, entry)).map(({ path }) => path),
  );
  const offended = undone.filter(({ owner }) => offences[owner] !== undefined);
  return {
    ok: true,
    value: {
      oid: written.stdout.trim(),
      changed: changes.filter((change) => !paths.has(change.path) && !same.has(change.path) && !isGone(change)).map(
        toChanged,
      ),
      tampering: [
        ...named(offended),
        ...scripts.value.map(({ path, names }) => `emptied the script ${names.join(", ")} of \`${path}\``),
      ],
      diff: await offenceDiff(git, [
        ...offended.map(({ change }) => change),
        ...changes.filter(({ path }) => scripts.value.some((script) => script.path === path)),
      ]),
      benign: [
        ...benign,
        ...undone.filter(({ owner }) => owner === "submodule").map(({ change }) =>
          `moved the submodule \`${change.path}\``
        ),
      ],
    },
  };
}

function isBefore(changes: readonly TreeChange[], path: string, { mode, oid }: TreeEntry): boolean {
  return changes.some(({ path: at, before }) => at === path && before?.oid === oid && before.mode === mode);
}

const mostNamed = 20;

/** One sentence for each offence, at most so many: a folder full of them is one story. */
function named(offended: readonly { change: TreeChange; owner: Owner }[]): string[] {
  const sentences = offended.map(({ change, owner }) => `${offences[owner]} \`${change.path}\``);
  if (sentences.length <= mostNamed) return sentences;
  return [...sentences.slice(0, mostNamed), `and ${sentences.length - mostNamed} more of the kind`];
}

async function adoptGitlinks(staged: Staged, paths: readonly string[], like: Oid): Promise<RepositoryProblem | null> {
  const { git, dir, index } = staged;
  for (const path of paths) {
    const own = await pathInside(dir, `${path}/.git`);
    if (own !== null) await rm(own, { recursive: true, force: true });
  }
  const failed = await setEntries(staged, paths.map((path) => ({ path, entry: null })), like);
  if (failed !== null) return failed;
  const args = ["add", "-A", "--sparse", "--ignore-errors", "--", ...paths.map((path) => `:(top,literal)${path}`)];
  const added = await git(args, { workTree: dir, indexFile: index, okCodes: [1] });
  return added.ok ? null : gitProblem(args, added);
}

async function setEntries(
  { git, dir, index }: Staged,
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
