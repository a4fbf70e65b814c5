import { lstat, readFile, readlink, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { canFollow, follow, setIndex } from "./checkout.ts";
import { completeLanding } from "./complete.ts";
import { awaitOrphans, clearDead } from "./dead-git.ts";
import { gitProblem, splitNul } from "./git.ts";
import { rememberUnseen } from "./unseen.ts";
import { clearIntent, type Intent, readIntent } from "./intent.ts";
import { isAncestor } from "./observe.ts";
import { refNames } from "./refs.ts";
import type { Follow, Repo } from "./repo.ts";
import { objectId } from "./trees.ts";

/**
 * Finishes what a runner that died (or a busy index) left half done: the branch moved and ledger or checkout did not
 * follow, or a switch of the checkout was cut off. Files that are as before or after the move are brought to where they
 * belong; everything else is the person's and stays.
 */
export async function reconcile(repo: Repo, { isStart }: { isStart: boolean }): Promise<RepositoryProblem | null> {
  const intent = await readIntent(repo);
  repo.behind = null;
  if (intent === null) return null;
  if (isStart) {
    await awaitOrphans(repo);
    await clearDead(repo, { died: true });
  }
  const finished = intent.switches === true ? await undoSwitch(repo, intent) : await finishMove(repo, intent);
  if (typeof finished === "object") {
    repo.behind = intent;
    return finished;
  }
  // What nothing came of stays noted until the next start, which takes away what a killed git has locked.
  const isOver = finished === "done" || isStart;
  if (isOver && (intent.root === null || intent.root === repo.place.root)) await clearIntent(repo);
  return null;
}

type Finished = "done" | "nothing" | RepositoryProblem;

async function finishMove(repo: Repo, intent: Intent): Promise<Finished> {
  const where = await whereIs(repo, intent);
  const isHeld = where.tip !== "" && (where.tip === intent.next || await isAncestor(repo, intent.next, where.tip));
  if (!isHeld) return "nothing";
  const unrecorded = await completeLanding(repo, intent);
  if (unrecorded !== null) return unrecorded;
  repo.landing = { old: intent.old, next: intent.next };
  if (intent.root !== repo.place.root || where.head !== refNames.branch(intent.branch)) return "done";

  // A person may have committed on top since; what they committed is in the checkout as they committed it.
  const move: Follow = { old: intent.old, next: where.tip };
  const way = await canFollow(repo, move);
  // What looks like an edit may be a file that git had only half written.
  const isClear = way.kind === "can" && way.leave.length === 0;
  const left = isClear ? await follow(repo, move, []) ?? [] : await settle(repo, move);
  if (!Array.isArray(left)) return left;
  const unnoted = left.includes(repo.place.planPath) ? await rememberUnseen(repo, move) : null;
  if (unnoted !== null) return unnoted;
  const open = left.length === 0 ? "" : `; left as edited: ${left.slice(0, 10).join(", ")}`;
  repo.options.notice({ kind: "recovered", what: `the checkout follows ${where.tip.slice(0, 12)}${open}` });
  return "done";
}

/** Brings a checkout that is partly on another branch back to where HEAD still is, so that it can be switched again. */
async function undoSwitch(repo: Repo, { old, next, branch, root }: Intent): Promise<Finished> {
  const where = await whereIs(repo, { branch });
  const isUndone = where.head === refNames.branch(branch) || repo.place.head.oid !== old;
  if (root !== repo.place.root || isUndone) return "nothing";
  const left = await settle(repo, { old: next, next: old });
  if (!Array.isArray(left)) return left;
  repo.options.notice({
    kind: "recovered",
    what: `the checkout is as it was before a switch to ${branch} was cut off`,
  });
  return "done";
}

async function whereIs(repo: Repo, { branch }: Pick<Intent, "branch">): Promise<{ head: string; tip: Oid }> {
  const [head, tip] = await Promise.all([
    repo.git(["rev-parse", "--symbolic-full-name", "HEAD"]),
    repo.git(["rev-parse", "--verify", "--quiet", refNames.branch(branch)]),
  ]);
  return { head: head.stdout.trim(), tip: tip.stdout.trim() };
}

interface Change {
  path: string;
  mode: string;
  old: Oid | null;
  next: Oid | null;
}

/** Path by path, for a checkout that is partly before and partly after. Returns the paths that are the person's. */
async function settle(repo: Repo, { old, next }: Follow): Promise<string[] | RepositoryProblem> {
  const args = ["diff-tree", "-r", "-z", "--no-renames", "--no-abbrev", old, next];
  const listed = await repo.git(args);
  if (!listed.ok) return gitProblem(args, listed);
  const changes = parseChanges(splitNul(listed));
  const left: string[] = [];
  const ours: Change[] = [];
  for (const change of changes) {
    if (change.mode === "160000" || await isUntouched(repo, change)) ours.push(change);
    else left.push(change.path);
  }
  const staged = await stagedOids(repo);
  const entries = changes.filter((change) => {
    const oid = staged.get(change.path) ?? null;
    return oid === change.old || oid === change.next;
  });
  const write = ours.filter((change) => change.next !== null && change.mode !== "160000" && entries.includes(change));
  for (const change of ours) {
    if (change.next === null && entries.includes(change)) await rm(join(repo.place.root, change.path), { force: true });
  }
  const problem = await setIndex(
    repo,
    entries.map(({ path, next: oid, mode }) => ({ path, oid, mode })),
    write.map(({ path }) => path),
  );
  return problem ?? left;
}

function parseChanges(fields: readonly string[]): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode = "", old = "", next = ""] = fields[at]!.slice(1).split(" ");
    changes.push({ path: fields[at + 1]!, mode, old: oidOrNull(old), next: oidOrNull(next) });
  }
  return changes;
}

function oidOrNull(oid: string): Oid | null {
  return /^0+$/.test(oid) ? null : oid;
}

/** Whether a file is as before, as after, gone, or half written by the git that was to bring it there. */
async function isUntouched(repo: Repo, { path, old, next }: Change): Promise<boolean> {
  const file = join(repo.place.root, path);
  const stats = await lstat(file).catch(() => null);
  if (stats === null) return true;
  const like = repo.place.head.oid;
  if (stats.isSymbolicLink()) {
    const oid = objectId("blob", Buffer.from(await readlink(file)), like);
    return oid === old || oid === next;
  }
  if (!stats.isFile()) return false;
  const hashed = await repo.git(["hash-object", "--stdin-paths"], { stdin: `${path}\n` });
  const oid = hashed.stdout.trim();
  if (oid === old || oid === next) return true;
  const bytes = await readFile(file);
  for (const side of [old, next]) {
    const whole = side === null ? null : (await repo.git(["cat-file", "blob", side])).bytes;
    if (whole !== null && bytes.length < whole.length && whole.subarray(0, bytes.length).equals(bytes)) return true;
  }
  return false;
}

async function stagedOids(repo: Repo): Promise<Map<string, Oid>> {
  const listed = await repo.git(["ls-files", "-s", "-z"]);
  return new Map(
    splitNul(listed).map((line): [string, Oid] => {
      const tab = line.indexOf("\t");
      return [line.slice(tab + 1), line.slice(0, tab).split(" ")[1] ?? ""];
    }),
  );
}
