import { createHash } from "node:crypto";
import { access, constants, mkdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import type { RepositoryProblem } from "../model/halt.ts";
import { cleanEnv, stateDir } from "../system/env.ts";
import { pathExists } from "../system/files.ts";
import { isInside } from "../system/paths.ts";
import { createGit, gitEnv, type GitResult, runGit, splitNul } from "./git.ts";

/** Where a run happens. Paths with the suffix `Path` are relative to `root` with `/` separators; the others are absolute. */
export interface Place {
  root: string;
  /** The git folder of this checkout (of the linked worktree, when it is one). */
  gitDir: string;
  /** The git folder that all worktrees share: objects, refs, locks. */
  commonDir: string;
  head: { branch: string | null; oid: string };
  planPath: string;
  progressPath: string;
  registriesPath: string;
  /** This repository's folder below the state folder: lanes and what is disposable. */
  stateDir: string;
  /** The environment of every process of the runner: the caller's, cleaned. */
  env: Record<string, string>;
  /** The checkout is a lane, or the caller is an agent's process: nobody should start a loop here. */
  insideLane: boolean;
}

export interface LocateRequest {
  /** Where the person is, or what `-C` names. */
  dir: string;
  /** What `--plan` names, relative to `dir`. */
  plan?: string;
  /** @default {process.env} */
  env?: Record<string, string | undefined>;
  /** For commands that change nothing: an operation in progress and a state folder without permission are no problem. */
  readOnly?: boolean;
}

export type Located = { ok: true; place: Place } | { ok: false; problem: RepositoryProblem };

type Operation = Extract<RepositoryProblem, { kind: "operation-in-progress" }>["operation"];

/** `git merge-tree --write-tree` appeared in this version. */
const neededGit = [2, 38] as const;

/** Finds the repository, the checkout's state, the plan and the state folder. Two git processes, side by side. */
export async function locate(request: LocateRequest): Promise<Located> {
  const given = request.env ?? process.env;
  const env = cleanEnv(given);
  const dir = await realpath(request.dir).catch(() => null);
  if (dir === null || !(await stat(dir)).isDirectory()) return problem({ kind: "not-a-repository", dir: request.dir });

  const bare = gitEnv(env);
  const [version, parsed] = await Promise.all([
    runGit(["version"], { cwd: dir, env: bare }),
    runGit(
      [
        "rev-parse",
        "--path-format=absolute",
        "--is-bare-repository",
        "--git-dir",
        "--git-common-dir",
        "--show-toplevel",
        "HEAD",
        "--symbolic-full-name",
        "HEAD",
      ],
      { cwd: dir, env: bare },
    ),
  ]);
  const unfit = checkVersion(version) ?? checkRepository(parsed, request.dir);
  if (unfit !== null) return problem(unfit);
  const [, gitDir, commonDir, root, oid, ref] = parsed.stdout.split("\n") as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];

  if (request.readOnly !== true) {
    const operation = await operationIn(gitDir);
    if (operation !== null) return problem({ kind: "operation-in-progress", operation });
    const refused = await notWritable(commonDir);
    if (refused !== null) return problem({ kind: "not-writable", dir: commonDir, message: refused });
  }
  const states = stateDir(env);
  const state = join(states, repositoryKey(await realpath(commonDir)));
  if (request.readOnly !== true) {
    const refused = await makeFolder(state);
    if (refused !== null) return problem({ kind: "state-folder", dir: state, message: refused });
  }

  const planPath = await findPlan({ dir, root, gitDir, env, plan: request.plan });
  if (planPath === null) return problem({ kind: "plan-outside", file: request.plan ?? "", root });
  const beside = (name: string): string => planPath.includes("/") ? `${dirname(planPath)}/${name}` : name;
  const branch = ref.startsWith("refs/heads/") ? ref.slice("refs/heads/".length) : null;
  return {
    ok: true,
    place: {
      root,
      gitDir,
      commonDir,
      head: { branch, oid },
      planPath,
      progressPath: beside("progress.txt"),
      registriesPath: beside("registries"),
      stateDir: state,
      env,
      insideLane: given.CAPSTAN_RUN !== undefined || isInside(root, states),
    },
  };
}

function problem(found: RepositoryProblem): Located {
  return { ok: false, problem: found };
}

function checkVersion(version: GitResult): RepositoryProblem | null {
  if (!version.ok) return { kind: "git-missing" };
  const [, text = "", major = "0", minor = "0"] = /((\d+)\.(\d+)\S*)/.exec(version.stdout) ?? [];
  const [neededMajor, neededMinor] = neededGit;
  const enough = Number(major) > neededMajor || (Number(major) === neededMajor && Number(minor) >= neededMinor);
  return enough ? null : { kind: "git-too-old", version: text, needed: neededGit.join(".") };
}

/** Reads how far `rev-parse` came: it prints line by line and stops at the first thing that is not there. */
function checkRepository(parsed: GitResult, dir: string): RepositoryProblem | null {
  if (parsed.ok) return null;
  if (/dubious ownership/.test(parsed.stderr)) {
    return { kind: "unreadable", dir, message: parsed.stderr };
  }
  const lines = parsed.stdout.split("\n").slice(0, -1);
  if (lines[0] === "true") return { kind: "bare" };
  if (lines.length >= 4) return { kind: "no-commits" };
  if (lines.length > 0 || /not a git repository/i.test(parsed.stderr)) return { kind: "not-a-repository", dir };
  return { kind: "unreadable", dir, message: parsed.stderr };
}

const operations: readonly (readonly [string, Operation])[] = [
  ["MERGE_HEAD", "merge"],
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["BISECT_LOG", "bisect"],
];

async function operationIn(gitDir: string): Promise<Operation | null> {
  for (const [file, operation] of operations) if (await pathExists(join(gitDir, file))) return operation;
  return null;
}

/** A name for people and a hash for certainty, without dots; worktrees of one repository share it, as they share its lock. */
function repositoryKey(commonDir: string): string {
  const folder = basename(commonDir) === ".git" ? basename(dirname(commonDir)) : basename(commonDir, ".git");
  const name = folder.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, 40);
  return `${name}-${createHash("sha256").update(commonDir).digest("hex").slice(0, 12)}`;
}

async function makeFolder(dir: string): Promise<string | null> {
  try {
    await mkdir(dir, { recursive: true });
    return await notWritable(dir);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Why nothing can be made in a folder that is there, or `null`. */
export async function notWritable(dir: string): Promise<string | null> {
  try {
    await access(dir, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

interface PlanSearch {
  dir: string;
  root: string;
  gitDir: string;
  env: Record<string, string>;
  plan: string | undefined;
}

/** The plan's path: the one named, the nearest from here up to the root, Ralph's usual place, or the only one there is. */
async function findPlan(search: PlanSearch): Promise<string | null> {
  const { root } = search;
  if (search.plan !== undefined) {
    const named = resolve(search.dir, search.plan);
    const real = join(await realpath(dirname(named)).catch(() => dirname(named)), basename(named));
    return isInside(real, root) && real !== root ? toRepoPath(root, real) : null;
  }
  for (let dir = search.dir; isInside(dir, root); dir = dirname(dir)) {
    if (await pathExists(join(dir, "prd.json"))) return toRepoPath(root, join(dir, "prd.json"));
    if (dir === root) break;
  }
  if (await pathExists(join(root, "scripts/ralph/prd.json"))) return "scripts/ralph/prd.json";
  const listed = await createGit(search)(["ls-files", "-z", "-co", "--exclude-standard", "--", "*/prd.json"]);
  const found = [...new Set(splitNul(listed))];
  return found.length === 1 ? found[0]! : "prd.json";
}

function toRepoPath(root: string, path: string): string {
  return relative(root, path).split(sep).join("/");
}
