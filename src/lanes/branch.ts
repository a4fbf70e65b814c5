import { appendFile, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { Halt, RepositoryProblem } from "../model/halt.ts";
import { branchNameProblem } from "../plan/branch-name.ts";
import { canFollow, follow } from "./checkout.ts";
import { readRegular } from "./control.ts";
import { readPlanOf } from "./readable.ts";
import { gitProblem } from "./git.ts";
import { clearIntent, fileProblem, readIntent, writeIntent } from "./intent.ts";
import { moveRefs, refNames, retryLocked } from "./refs.ts";
import type { Repo } from "./repo.ts";
import { rememberUnseen } from "./unseen.ts";

/** Names the run's branch: the one asked for, the plan's, the current one. Reads the plan in the checkout, if any. */
export async function chooseBranch(repo: Repo): Promise<Halt | null> {
  const { place, options } = repo;
  const bytes = options.branch === undefined ? await readRegular(join(place.root, place.planPath)) : null;
  const read = bytes === null ? null : readPlanOf(repo, bytes.toString("utf8"));
  const plan = read?.ok === true ? read.plan : null;
  // The plan is missing, or half there, where a git was killed on the way to the branch.
  const intent = plan === null && options.branch === undefined ? await readIntent(repo) : null;
  const cutOff = intent?.root === place.root ? intent.branch : null;
  if (read?.ok === false && cutOff === null) return { reason: "invalid", problems: read.problems };
  const name = options.branch ?? cutOff ?? plan?.branchName ?? place.head.branch;
  if (name === null) return { reason: "repository", problem: { kind: "detached-without-branch" } };
  const why = branchNameProblem(name);
  if (why !== null) return { reason: "repository", problem: { kind: "bad-branch-name", name, why: `it ${why}` } };
  repo.branch = name;
  // The checkout's plan is the one that counts then, and the first look finds the refs of its id.
  if (place.head.branch === name) repo.planId ??= plan?.planId ?? null;
  return null;
}

/** Creates the branch at `at`; it must not exist. */
export async function createBranch(repo: Repo, at: Oid, reason: string): Promise<RepositoryProblem | null> {
  const name = repo.branch!;
  const moved = await moveRefs(
    repo.git,
    repo.options.clock,
    [{ ref: refNames.branch(name), next: at, old: null }],
    reason,
  );
  if (moved.kind === "moved") return null;
  const message = moved.kind === "stale" ? moved.message : "message" in moved.problem ? moved.problem.message : "";
  const [, other] = /'refs\/heads\/([^']+)' exists; cannot create/.exec(message) ?? [];
  if (other !== undefined) return { kind: "bad-branch-name", name, why: `the branch ${other} is in its way` };
  return moved.kind === "failed" ? moved.problem : { kind: "git-failed", command: "git update-ref", message };
}

/** Moves the branch forward to `next`, and the checkout with it when it is there. */
export async function fastForward(
  repo: Repo,
  old: Oid,
  next: Oid,
  attached: boolean,
): Promise<RepositoryProblem | null> {
  const way = attached ? await canFollow(repo, { old, next }) : null;
  if (way?.kind === "failed") return way.problem;
  if (way?.kind === "overlap") {
    const message = "the remote has newer commits, and edits in the checkout are in their way";
    return { kind: "cannot-check-out", branch: repo.branch!, paths: way.paths, message };
  }
  const noted = attached ? await writeIntent(repo, { old, next }) : null;
  if (noted !== null) return noted;
  const ref = refNames.branch(repo.branch!);
  const moved = await moveRefs(repo.git, repo.options.clock, [{ ref, next, old }], "capstan: fast-forward");
  if (moved.kind !== "moved") {
    if (moved.kind === "failed") return moved.problem;
    await clearIntent(repo);
    return { kind: "git-failed", command: "git update-ref", message: moved.message };
  }
  if (way === null) return null;
  const leavesPlan = way.leave.some(({ path }) => path === repo.place.planPath);
  const problem = (leavesPlan ? await rememberUnseen(repo, { old, next }) : null) ??
    await follow(repo, { old, next }, way.leave);
  if (problem === null) await clearIntent(repo);
  return problem;
}

/** Where the branch is checked out, if anywhere else than here. */
export async function otherWorktree(repo: Repo): Promise<string | null> {
  const listed = await repo.git(["for-each-ref", "--format=%(worktreepath)", refNames.branch(repo.branch!)]);
  const path = listed.stdout.trim();
  return path === "" || path === repo.place.root ? null : path;
}

/** Checks the branch out as `git switch` does: it refuses rather than overwrite anything of the person. */
export async function checkOut(repo: Repo): Promise<RepositoryProblem | null> {
  const branch = repo.branch!;
  const { head } = repo.place;
  const { stdout } = await repo.git(["rev-parse", "--verify", "--quiet", refNames.branch(branch)]);
  const next = stdout.trim();
  const noted = next === head.oid ? null : await writeIntent(repo, { old: head.oid, next }, { switches: true });
  if (noted !== null) return noted;
  const args = ["switch", "--quiet", "--no-guess", branch];
  const switched = await retryLocked(repo.options.clock, () => repo.git(args));
  // Only a git that ended by itself has undone what it could not finish.
  if (switched.code !== null) await clearIntent(repo);
  if (switched.ok) return null;
  const paths = switched.stderr.split("\n").filter((line) => line.startsWith("\t")).map((line) => line.slice(1));
  if (paths.length === 0) return gitProblem(args, switched);
  return { kind: "cannot-check-out", branch, paths, message: switched.stderr.split("\n")[0]! };
}

/** Hides the disposable folder from git in this repository, without a file that anybody would have to commit. */
export async function excludeJournal(repo: Repo): Promise<RepositoryProblem | null> {
  const file = join(repo.place.commonDir, "info", "exclude");
  const text = await readFile(file, "utf8").catch(() => "");
  if (text.split("\n").includes("/.capstan/") || text.split("\n").includes(".capstan/")) return null;
  return await fileProblem(async () => {
    await mkdir(dirname(file), { recursive: true });
    await appendFile(file, `${text === "" || text.endsWith("\n") ? "" : "\n"}.capstan/\n`);
  });
}
