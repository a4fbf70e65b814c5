import { join } from "node:path";
import type { Landing, LandRequest, NewRecord, Oid } from "../loop/ports.ts";
import type { Obstacle, RepositoryProblem } from "../model/halt.ts";
import { diffPasses } from "../plan/edit.ts";
import { pathExists, readTextOrNull } from "../system/files.ts";
import { advance, complete } from "./advance.ts";
import { canFollow, follow } from "./checkout.ts";
import { personEdits } from "./control.ts";
import { splitNul } from "./git.ts";
import { clearIntent, writeIntent } from "./intent.ts";
import { editProblems } from "./readable.ts";
import { refNames, type RefUpdate } from "./refs.ts";
import { type Heads, readHeads, type Repo } from "./repo.ts";
import { editTree, objectId, type TreeEdit, writeBlob } from "./trees.ts";
import { unseenRecords } from "./unseen.ts";

/**
 * Puts a verified change on the branch: one commit, one transaction of branch, ledger and kept attempts, from exactly
 * the tip that it was verified on. The checkout follows where git's fast-forward rules allow; where the person's edits
 * are in the way nothing moves, and the commit is parked.
 */
export async function land(repo: Repo, request: LandRequest): Promise<Landing> {
  // Objects that no ref names are nobody's concern when the branch turns out to have moved.
  const [read, made] = await Promise.all([readHeads(repo), makeCommit(repo, request)]);
  if (!read.ok) return failed(read.problem);
  const { heads } = read;
  if (heads.tip === null) return failed({ kind: "branch-deleted", branch: repo.branch!, was: repo.seen ?? "" });
  if (heads.tip !== request.base || await hasEdits(repo, heads, request.base)) return { kind: "moved" };

  if (!made.ok) return failed(made.problem);
  const { commit } = made;
  if (!heads.attached && await isRebased(repo)) return await park(repo, request, commit, { by: "rebase", paths: [] });
  const move = { old: request.base, next: commit };
  const record = withCommit(request.record, commit);
  const [way, unnoted] = await Promise.all([
    heads.attached ? canFollow(repo, move) : null,
    writeIntent(repo, move, { follows: heads.attached, record: complete(repo, record) }),
  ]);
  if (unnoted !== null) return failed(unnoted);
  if (way !== null && way.kind !== "can") {
    await clearIntent(repo);
    if (way.kind === "failed" && way.problem.kind === "disk") return failed(way.problem);
    const inTheWay = way.kind === "overlap" ? { by: "edits" as const, paths: way.paths } : await blockers(repo);
    return await park(repo, request, commit, inTheWay);
  }
  const advanced = await advance(repo, {
    branch: move,
    records: [record, ...way === null ? [] : unseenBy(repo, request, way.leave)],
    refs: keptOf(repo, heads, request.step?.id ?? null),
    reason: `land ${request.step?.id ?? "progress"}`,
  });
  if (advanced.kind === "moved") {
    await clearIntent(repo);
    return { kind: "moved" };
  }
  if (advanced.kind === "failed") {
    // A git that was killed may have moved the branch all the same: the next look finds out.
    repo.behind = move;
    return failed(advanced.problem);
  }
  repo.seen = commit;
  repo.landing = move;
  seedTip(repo, made.files);
  const problem = way === null ? null : await follow(repo, move, way.leave);
  if (problem === null) await clearIntent(repo);
  else {
    repo.behind = move;
    const why = "message" in problem ? problem.message : problem.kind;
    repo.options.notice({ kind: "checkout-left", branch: repo.branch!, why });
  }
  return { kind: "landed", commit };
}

/** Edits that make sense are committed by the next observation first; one that does not make sense is no reason to wait. */
async function hasEdits(repo: Repo, heads: Heads, base: Oid): Promise<boolean> {
  if (!heads.attached || repo.tip?.oid !== base) return false;
  const read = await personEdits(repo, repo.tip);
  return read.ok && read.edits.some((edit) => editProblems(repo, edit).length === 0);
}

/** Whether a person rebases the branch in this checkout: git refuses to end that when the branch has moved. */
async function isRebased(repo: Repo): Promise<boolean> {
  const files = ["rebase-merge", "rebase-apply"].map((folder) => join(repo.place.gitDir, folder, "head-name"));
  const names = await Promise.all(files.map((file) => readTextOrNull(file).catch(() => null)));
  return names.some((name) => name?.trim() === refNames.branch(repo.branch!));
}

/** What makes an index unusable: the lock of another git, or conflicts of a merge under way. */
async function blockers(repo: Repo): Promise<InTheWay> {
  const lock = join(repo.place.gitDir, "index.lock");
  if (await pathExists(lock)) return { by: "git", paths: [lock] };
  return { by: "edits", paths: splitNul(await repo.git(["diff", "-z", "--name-only", "--diff-filter=U"])) };
}

const obstacles: Record<Obstacle, string> = {
  edits: "edits in the checkout are in its way",
  rebase: "a rebase of the branch is under way",
  git: "another git holds the index of the checkout",
};

type InTheWay = Pick<Extract<Landing, { kind: "parked" }>, "by" | "paths">;

interface ControlBlob {
  path: string;
  oid: Oid;
  text: string;
}

type CommitMade = { ok: true; commit: Oid; files: ControlBlob[] } | { ok: false; problem: RepositoryProblem };

async function makeCommit(
  repo: Repo,
  { work, base, planText, progressText, message }: LandRequest,
): Promise<CommitMade> {
  const { place, tip } = repo;
  const files = [
    { path: place.planPath, text: planText },
    { path: place.progressPath, text: progressText },
  ].map((file) => ({ ...file, oid: objectId("blob", Buffer.from(file.text), base) }))
    // An empty progress.txt is not worth creating.
    .filter(({ path, text }) => text !== "" || tip?.files.has(path) === true);
  const [tree, ...writes] = await Promise.all([
    editTree(repo, work?.tree ?? base, files),
    ...files.map(({ text }) => writeBlob(repo.git, text)),
  ]);
  const refused = writes.find((write) => !write.ok);
  if (refused?.ok === false) return refused;
  if (!tree.ok) return tree;
  const made = await repo.committer.commit({ tree: tree.tree, parents: [base], message, sign: true });
  return made.ok ? { ok: true, commit: made.oid, files } : made;
}

/**
 * Keeps a verified commit that can't land, and its work, and says in the ledger what happened. The record keeps its
 * evidence: that is how the next run knows that the work needs no agent any more.
 */
async function park(
  repo: Repo,
  request: LandRequest,
  commit: Oid,
  { by, paths }: InTheWay,
): Promise<Landing> {
  // Progress alone is not worth a ref: its entries stay in the ledger and land with the next commit.
  if (request.step === null) return { kind: "parked", commit, ref: "", paths, by };
  const ref = refNames.parked(repo.planId!, request.step.id);
  const before = await repo.git(["rev-parse", "--verify", "--quiet", ref]);
  const refs: RefUpdate[] = [{ ref, next: commit, old: before.ok ? before.stdout.trim() : null }];
  const records: NewRecord[] = [];
  const { record, work } = request;
  if (record.kind === "attempt" && work !== null) {
    const kept = await commitWork(repo, work.tree, record.base, `attempt: ${record.step} #${record.attempt} parked`);
    if (!kept.ok) return failed(kept.problem);
    refs.push({ ref: refNames.attempt(repo.planId!, record.step, record.attempt), next: kept.oid, old: null });
    const summary = `verified, but ${obstacles[by]}${by === "edits" ? `: ${paths.slice(0, 5).join(", ")}` : ""}`;
    records.push({ ...record, outcome: "superseded", commit: null, work: kept.oid, summary });
  }
  const advanced = await advance(repo, { records, refs, reason: `park ${request.step.id}` });
  if (advanced.kind === "failed") return failed(advanced.problem);
  return { kind: "parked", commit, ref, paths, by };
}

/** The plan that is left in the checkout as the person is just editing it does not show this landing's pass. */
function unseenBy(repo: Repo, { planText }: LandRequest, leave: readonly TreeEdit[]): NewRecord[] {
  const { planPath } = repo.place;
  if (!leave.some(({ path }) => path === planPath)) return [];
  return unseenRecords(repo, diffPasses(repo.tip?.texts.get(planPath) ?? "", planText).passed);
}

/** What was kept of the attempts on a step, which goes when it passes. */
export function keptOf(repo: Repo, heads: Heads, step: string | null): RefUpdate[] {
  const kept = step === null ? [] : [...attemptsOf(repo, heads, step), ...parkedOf(repo, heads, step)];
  return kept.map(([ref, old]) => ({ ref, old, next: null }));
}

/** A commit that holds an attempt's work, for its ref. */
export function commitWork(repo: Repo, tree: Oid, base: Oid, message: string) {
  return repo.committer.commit({ tree, parents: [base], message: `${message}\n` });
}

/** The kept attempts of one step. */
export function attemptsOf(repo: Repo, heads: Heads, step: string): [string, Oid][] {
  const prefix = refNames.attempt(repo.planId!, step, 0).slice(0, -1);
  return [...heads.attempts].filter(([ref]) => ref.startsWith(prefix));
}

/** The parked commit of one step: kept until the step passes. */
function parkedOf(repo: Repo, heads: Heads, step: string): [string, Oid][] {
  const ref = refNames.parked(repo.planId!, step);
  const oid = heads.attempts.get(ref);
  return oid === undefined ? [] : [[ref, oid]];
}

function withCommit(record: NewRecord, commit: Oid): NewRecord {
  return "commit" in record ? { ...record, commit } : record;
}

/** The texts that the next observation need not read back. */
function seedTip(repo: Repo, files: readonly (ControlBlob & TreeEdit)[]): void {
  if (repo.tip === null) return;
  const known = new Map(repo.tip.files);
  const texts = new Map(repo.tip.texts);
  for (const { path, oid, text } of files) {
    known.set(path, { mode: known.get(path)?.mode ?? "100644", oid });
    texts.set(path, text);
  }
  repo.tip = { ...repo.tip, oid: "", files: known, texts };
}

function failed(problem: RepositoryProblem): Landing {
  return { kind: "failed", halt: { reason: "repository", problem } };
}
