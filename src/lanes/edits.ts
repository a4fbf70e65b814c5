import { join } from "node:path";
import type { NewRecord, Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { writeFileAtomic } from "../system/atomic.ts";
import { advance, type Advanced } from "./advance.ts";
import { setIndex } from "./checkout.ts";
import { type PersonEdit, readRegular } from "./control.ts";
import { clearIntent, fileProblem, writeIntent } from "./intent.ts";
import type { Heads, Repo, TipView } from "./repo.ts";
import { editTree, objectId, type TreeEdit, writeBlob } from "./trees.ts";

export interface EditCommit {
  heads: Heads;
  tip: TipView;
  edits: readonly PersonEdit[];
  /** The plan as it shall be at the new tip. */
  planText: string;
  records: readonly NewRecord[];
  /** Steps whose pass is put back, for the message. */
  restored: readonly string[];
}

export type EditsCommitted =
  /** `edited` is the commit of the person's edits, `corrected` the one of the runner's own changes of the plan. */
  | { kind: "done"; tip: Oid; edited: { commit: Oid; paths: string[] } | null; corrected: Oid | null }
  | Exclude<Advanced, { kind: "done" }>;

/**
 * Commits the person's edits of control files, alone and as they are, then the runner's own corrections of the plan, and
 * the records that say what they mean, all in one move. In the checkout only these files' index entries change; whatever
 * else is staged or edited stays as it is.
 */
export async function commitEdits(repo: Repo, request: EditCommit): Promise<EditsCommitted> {
  const { place } = repo;
  const { tip, heads, planText } = request;
  const planEdit = request.edits.find(({ path }) => path === place.planPath);
  const tipPlan = tip.files.get(place.planPath)?.oid ?? null;
  const planOid = objectId("blob", Buffer.from(planText), tip.oid);
  const isCorrected = planOid !== tipPlan && planOid !== planEdit?.oid;
  if (isCorrected) {
    const written = await writeBlob(repo.git, planText);
    if (!written.ok) return { kind: "failed", problem: written.problem };
  }
  // An edit of the plan of which the corrections leave nothing is none.
  const own: TreeEdit[] = request.edits
    .filter(({ path }) => path !== place.planPath || planOid !== tipPlan)
    .map(({ path, oid }) => ({ path, oid }));
  const correction: TreeEdit[] = isCorrected ? [{ path: place.planPath, oid: planOid }] : [];

  const edited = await commitOn(repo, tip.oid, own, () => editSubject(tip, own));
  if (!edited.ok) return { kind: "failed", problem: edited.problem };
  const corrected = await commitOn(repo, edited.oid ?? tip.oid, correction, () => correctionSubject(request));
  if (!corrected.ok) return { kind: "failed", problem: corrected.problem };
  const next = corrected.oid ?? edited.oid;
  const problem = next !== null && heads.attached ? await writeIntent(repo, { old: tip.oid, next }) : null;
  if (problem !== null) return { kind: "failed", problem };

  const records = [
    ...request.records,
    ...edited.oid === null ? [] : [{ kind: "landed-edits" as const, commit: edited.oid }],
  ];
  if (next !== null || records.length > 0) {
    const branch = next === null ? {} : { branch: { old: tip.oid, next } };
    const advanced = await advance(repo, { ...branch, records, reason: "plan edits" });
    if (advanced.kind === "failed") {
      // As in a landing: the next look finds out what a git that was killed has moved.
      if (next !== null) repo.behind = { old: tip.oid, next };
      return advanced;
    }
    if (advanced.kind === "moved") {
      if (next !== null) await clearIntent(repo);
      return advanced;
    }
  }
  if (heads.attached) {
    const edits = [...own.filter(({ path }) => !isCorrected || path !== place.planPath), ...correction];
    const unfollowed = await followEdits(repo, { edits, planEdit, planOid, tipPlan, planText });
    if (unfollowed === null && next !== null) await clearIntent(repo);
  }
  return {
    kind: "done",
    tip: next ?? tip.oid,
    edited: edited.oid === null ? null : { commit: edited.oid, paths: own.map(({ path }) => path) },
    corrected: corrected.oid,
  };
}

type CommitMade = { ok: true; oid: Oid | null } | { ok: false; problem: RepositoryProblem };

/** One commit of these edits on top of `parent`; none when there are none. */
async function commitOn(
  repo: Repo,
  parent: Oid,
  edits: readonly TreeEdit[],
  subject: () => string,
): Promise<CommitMade> {
  if (edits.length === 0) return { ok: true, oid: null };
  const tree = await editTree(repo, parent, edits);
  if (!tree.ok) return tree;
  const message = `${subject()}\n\nCapstan-Plan: ${repo.planId}\n`;
  return await repo.committer.commit({ tree: tree.tree, parents: [parent], message, sign: true });
}

interface FollowEdits {
  edits: readonly TreeEdit[];
  planEdit: PersonEdit | undefined;
  planOid: Oid;
  tipPlan: Oid | null;
  planText: string;
}

/** Brings corrections of the plan into the checkout's file and the committed files into the index. */
async function followEdits(
  repo: Repo,
  { edits, planEdit, planOid, tipPlan, planText }: FollowEdits,
): Promise<RepositoryProblem | null> {
  const { place } = repo;
  const inCheckout = planEdit?.oid ?? tipPlan;
  const rewrite = planOid !== inCheckout;
  const isPlan = ({ path }: TreeEdit): boolean => path === place.planPath;
  const entries = rewrite && !edits.some(isPlan) ? [...edits, { path: place.planPath, oid: planOid }] : edits;
  if (entries.length === 0) return null;
  const how = rewrite ? await howToWrite(repo, inCheckout) : "leave";
  if (how === "verbatim") {
    const problem = await fileProblem(() => writeFileAtomic(join(place.root, place.planPath), planText));
    if (problem !== null) return problem;
  }
  return await setIndex(repo, entries, how === "by-git" ? [place.planPath] : []);
}

/** A plan that was saved again in this moment is left for the next look; one that git converts is written by git. */
async function howToWrite(repo: Repo, expected: Oid | null): Promise<"verbatim" | "by-git" | "leave"> {
  const { place, git } = repo;
  const bytes = await readRegular(join(place.root, place.planPath));
  if (bytes === null) return expected === null ? "verbatim" : "leave";
  if (objectId("blob", bytes, place.head.oid) === expected) return "verbatim";
  const hashed = await git(["hash-object", "--stdin-paths"], { stdin: `${place.planPath}\n` });
  return hashed.stdout.trim() === expected ? "by-git" : "leave";
}

function editSubject(tip: TipView, edits: readonly TreeEdit[]): string {
  const names = edits.map(({ path }) => path);
  const verb = names.every((path) => !tip.files.has(path)) ? "add" : "edit";
  const more = names.length > 5 ? ` and ${names.length - 5} more` : "";
  return `chore(plan): ${verb} ${names.slice(0, 5).join(", ")}${more}`;
}

function correctionSubject({ restored }: EditCommit): string {
  return restored.length > 0 ? `chore(plan): restore ${restored.slice(0, 5).join(", ")}` : "chore(plan): name the plan";
}
