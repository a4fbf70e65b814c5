import { constants } from "node:fs";
import { copyFile, lstat, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { Notice } from "../model/event.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { pathExists, removeTree } from "../system/files.ts";
import { mark, markVariable } from "../system/marks.ts";
import type { Sandbox } from "../system/sandbox.ts";
import { createGit, type Git, gitProblem, type GitResult, splitNul } from "./git.ts";
import { pathInside } from "./inside.ts";
import { type Config, emptyLaneGit, giveIndex, makeLaneGit, readConfig } from "./lane-git.ts";
import type { Place } from "./locate.ts";
import { withoutSurprise } from "./os-problem.ts";
import { createSetup, type Setup, type SetupPlan, type SetupState } from "./setup.ts";
import { fillSubmodules, type Gitlink, listGitlinks } from "./submodules.ts";

export interface LaneDeps {
  notice: (notice: Notice) => void;
  /** The run's id: setup commands carry it in their mark. */
  run: string;
  signal?: AbortSignal;
  /** Around setup commands. Absent or `null`: they run with the person's rights. */
  sandbox?: Sandbox | null;
}

export interface FillRequest {
  /** What the work tree shall hold. */
  tree: Oid;
  /** The commit that HEAD shall name, and its branch (`null` detaches it). */
  head: Oid;
  branch: string | null;
  plan: SetupPlan;
}

/** What is in a lane, for whoever collects it, even after a crash of the runner that filled it. */
export interface LaneFacts {
  head: Oid;
  branch: string | null;
  gitlinks: Gitlink[];
  /** Untracked files of the checkout that were copied in. */
  copies: string[];
  /** The topmost ignored paths that setup made. */
  made: string[];
}

export type Populated = { ok: true } | { ok: false; problem: RepositoryProblem };

/** A work tree outside of the checkout, with an index that only the runner knows. */
export interface LaneFolder {
  dir: string;
  index: string;
  git: Git;
  /** Makes the folder hold exactly `tree`, what its setup made and what the plan copies, with a `.git` made from nothing. */
  populate(request: FillRequest): Promise<Populated>;
  facts(): Promise<LaneFacts | null>;
}

/** Why one try to fill a lane failed: `git` is repaired by building the lane again, `final` is not. */
type Failure = { git: GitResult; args: readonly string[] } | { final: RepositoryProblem };

/** The lane called `name` of this repository. Nothing is made before the first `populate`. */
export function openLaneFolder(place: Place, name: "lane" | "verify", deps: LaneDeps): LaneFolder {
  const dir = join(place.stateDir, name);
  const index = `${dir}.index`;
  // A git that outlives a killed runner would go on writing into the lane: its mark lets the next start end it.
  const own = mark(basename(place.stateDir), deps.run, 0);
  const env = { ...place.env, [markVariable]: own };
  const git = createGit({ ...place, env });
  const setup = createSetup({
    git,
    dir,
    index,
    folder: `${dir}.setup`,
    root: place.root,
    env: place.env,
    notice: deps.notice,
    mark: own,
    sandbox: deps.sandbox ?? null,
    ...deps.signal !== undefined && { signal: deps.signal },
  });
  let config: Promise<Config> | null = null;
  const parts: Parts = { place, env, name, dir, index, git, setup, config: () => config ??= readConfig(git) };

  return {
    dir,
    index,
    git,
    populate: (request) =>
      withoutSurprise(dir, () => populate(parts, deps, request), (problem) => ({ ok: false, problem })),
    facts: () => readFacts(`${dir}.json`),
  };
}

/** One git error costs the lane, not the run: it is deleted and built again, once. */
async function populate(parts: Parts, deps: LaneDeps, request: FillRequest): Promise<Populated> {
  const isNew = !await isUsable(parts);
  if (isNew) await discard(parts);
  const first = await fillOnce(parts, request, isNew);
  if (first === null) return { ok: true };
  if ("final" in first) return { ok: false, problem: first.final };
  const problem = gitProblem(first.args, first.git);
  if (isNew || problem.kind !== "git-failed") return { ok: false, problem };
  deps.notice({ kind: "lane-rebuilt", why: problem.message });
  await discard(parts);
  const second = await fillOnce(parts, request, true);
  if (second === null) return { ok: true };
  return { ok: false, problem: "final" in second ? second.final : gitProblem(second.args, second.git) };
}

/** Half a file, after a power cut, is none: the lane it describes was never finished. */
async function readFacts(path: string): Promise<LaneFacts | null> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LaneFacts;
  } catch {
    return null;
  }
}

interface Parts {
  place: Place;
  /** The environment of the runner's own processes in this lane. */
  env: Record<string, string>;
  name: string;
  dir: string;
  index: string;
  git: Git;
  setup: Setup;
  config(): Promise<Config>;
}

/** A lane that an agent deleted, or replaced by a link to somewhere, is none any more. */
async function isUsable({ dir, index }: Parts): Promise<boolean> {
  const stats = await lstat(dir).catch(() => null);
  return stats?.isDirectory() === true && await pathExists(index);
}

/** What setup made is kept beside the lane and copied back: only the lane itself is made again. */
async function discard({ dir, index }: Parts): Promise<void> {
  await Promise.all([
    removeTree(dir),
    rm(index, { force: true }),
    rm(`${index}.lock`, { force: true }),
  ]);
  await mkdir(dir, { recursive: true });
}

async function fillOnce(parts: Parts, request: FillRequest, isNew: boolean): Promise<Failure | null> {
  const { place, dir, index, git, setup } = parts;
  const { tree, plan } = request;
  // The run's lock is held, so a lock file of git here was left by one that was killed.
  const pin = `refs/capstan/base/${parts.name}`;
  await Promise.all([`${index}.lock`, join(place.commonDir, `${pin}.lock`)].map((path) => rm(path, { force: true })));
  const state = await setup.look(tree, plan);
  const [cleaned, refs, gitlinks, pinned] = await Promise.all([
    isNew ? null : clean(parts, state),
    git(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"]),
    listGitlinks(git, tree),
    git(["update-ref", pin, request.head]),
    // Its files come later: making the folders costs no time here.
    emptyLaneGit(dir, request.branch),
  ]);
  if (cleaned !== null) return cleaned;
  if (!pinned.ok) return { git: pinned, args: ["update-ref"] };
  const config = await parts.config();
  const makeGit = (hidden: readonly string[]) =>
    makeLaneGit({
      dir,
      commonDir: place.commonDir,
      gitDir: place.gitDir,
      head: request.head,
      branch: request.branch,
      config,
      env: place.env,
      refs: refs.stdout,
      hidden,
    });
  // Before the tree is read: what setup made must not hide a file that the tree has.
  if (state.fits) await setup.restore(plan);
  // Where nothing but the tree comes into the lane, its `.git` is made while git writes the files.
  const isPlain = state.fits && plan.copy.length === 0;
  const [read] = await Promise.all([readTree(parts, tree), isPlain ? makeGit([]) : null]);
  if (read !== null) return read;
  const failed = await fillSubmodules({
    checkout: place.root,
    workTree: dir,
    gitlinks,
    indexPrefix: index,
    config,
    env: parts.env,
  });
  if (failed !== null) return { git: failed, args: ["read-tree", "(in a submodule)"] };
  const copies = await copyUntracked(parts, plan.copy);
  if (!state.fits) {
    const ran = await setup.run(state, plan);
    if (!ran.ok) return { final: ran.problem };
    const tidied = ran.ran ? await tidy(parts, tree, copies) : null;
    if (tidied !== null) return tidied;
  }
  const made = await setup.made(state);
  const facts: LaneFacts = { head: request.head, branch: request.branch, gitlinks, copies, made };
  if (!isPlain) {
    await emptyLaneGit(dir, request.branch);
    await makeGit(copies);
  }
  await Promise.all([writeFile(`${dir}.json`, JSON.stringify(facts)), giveIndex(dir, index)]);
  return null;
}

/** Takes away everything that is neither in the index nor kept: with the runner's index, an agent can't hide anything. */
async function clean({ dir, index, git }: Parts, { keep }: Pick<SetupState, "keep">): Promise<Failure | null> {
  const args = ["clean", "-ffdxq", ...keep.flatMap((pattern) => ["-e", pattern])];
  const result = await git(args, { workTree: dir, indexFile: index });
  return result.ok ? null : { git: result, args };
}

/** Only what differs is written: the index knows the file times that it left behind. */
async function readTree({ dir, index, git }: Parts, tree: Oid): Promise<Failure | null> {
  const args = ["read-tree", "--reset", "-u", tree];
  const result = await git(args, { workTree: dir, indexFile: index });
  return result.ok ? null : { git: result, args };
}

/** A setup may write where it is not ignored: that would look like the agent's work. */
async function tidy(
  { dir, index, git, ...parts }: Parts,
  tree: Oid,
  copies: readonly string[],
): Promise<Failure | null> {
  const args = ["clean", "-ffdq", ...copies.flatMap((path) => ["-e", `/${path}`])];
  const result = await git(args, { workTree: dir, indexFile: index });
  return result.ok ? await readTree({ dir, index, git, ...parts }, tree) : { git: result, args };
}

/** Copies the checkout's untracked files that the plan names, never over a file of the tree and never through a link. */
async function copyUntracked({ place, dir, git }: Parts, globs: readonly string[]): Promise<string[]> {
  if (globs.length === 0) return [];
  const listed = await git(["ls-files", "-z", "-o", "--", ...globs.map((glob) => `:(top,glob)${glob}`)]);
  const copies: string[] = [];
  for (const path of splitNul(listed)) {
    const target = await pathInside(dir, path, true);
    if (target === null || await pathExists(target)) continue;
    await mkdir(dirname(target), { recursive: true });
    const copied = await copyFile(join(place.root, path), target, constants.COPYFILE_EXCL).then(
      () => true,
      () => false,
    );
    if (copied) copies.push(path);
  }
  return copies;
}
