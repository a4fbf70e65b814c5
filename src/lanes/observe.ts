import { join } from "node:path";
import type { Observed, Oid } from "../loop/ports.ts";
import type { Plan, Problem } from "../model/plan.ts";
import { editPlan, passFlags } from "../plan/edit.ts";
import { amend } from "./amend.ts";
import type { PersonEdit } from "./control.ts";
import { readCheckout, readRegular } from "./control.ts";
import { commitEdits } from "./edits.ts";
import { readIntent } from "./intent.ts";
import { absentPlan, missingPlan, readableEdits, readPlanOf } from "./readable.ts";
import { type Heads, readHeads, refreshLedger, type Repo, type TipView } from "./repo.ts";
import { invalid, repositoryHalt, toObservation } from "./sight.ts";
import { findTakenBack, type TakenBack } from "./taken-back.ts";
import { readTip } from "./tip.ts";
import { seenRecords } from "./unseen.ts";
import { tellUnusedPlan } from "./unused-plan.ts";

/** How often an observation starts over because the branch moved while it was being made. */
const maxLooks = 10;

/**
 * Sees everything that a decision rests on, after the person's edits were committed (design 3.1, two hands).
 * Never throws for what people or disks do; one git process when nothing changed since the last look.
 */
export async function observe(repo: Repo): Promise<Observed> {
  for (let looks = 0; looks < maxLooks; looks += 1) {
    const observed = await observeOnce(repo);
    if (observed !== "moved") return observed;
  }
  return repositoryHalt({
    kind: "git-failed",
    command: "git update-ref",
    message: `the branch ${repo.branch} keeps moving`,
  });
}

async function observeOnce(repo: Repo): Promise<Observed | "moved"> {
  const first = repo.seen === null;
  // The branch is mostly where this run left it: its files are asked for at the same time.
  let [read] = await Promise.all([readHeads(repo), repo.seen === null ? null : readTip(repo, repo.seen)]);
  if (!read.ok) return repositoryHalt(read.problem);
  const { tip: oid } = read.heads;
  if (oid === null) return repositoryHalt({ kind: "branch-deleted", branch: repo.branch!, was: repo.seen ?? "" });
  const { notice } = repo.options;
  if (repo.seen !== null && repo.seen !== oid) {
    notice({ kind: "branch-moved", branch: repo.branch!, from: repo.seen, to: oid });
  }
  tellWhere(repo, read.heads);

  const tipRead = await readTip(repo, oid);
  if (!tipRead.ok) return repositoryHalt(tipRead.problem);
  const { view: tip } = tipRead;
  // A plan that the branch does not have yet comes from the checkout, wherever that is (`--no-checkout`).
  const readable = read.heads.attached || !tip.files.has(repo.place.planPath)
    ? await readableEdits(repo, tip, first)
    : { ok: true as const, edits: [] };
  if (!readable.ok) return readable;
  const { edits } = readable;
  if (first && !read.heads.attached) await tellUnusedPlan(repo, tip);
  const chosen = choosePlan(repo, tip, edits);
  if (!chosen.ok) return invalid(chosen.problems);
  if (first && chosen.changes.length > 0) notice({ kind: "plan-converted", changes: chosen.changes });

  const known = planIdOf(repo, tip, chosen.plan);
  const planId = known ?? repo.options.newPlanId(chosen.plan);
  if (planId !== repo.planId) {
    repo.planId = planId;
    repo.ledger = null;
    read = await readHeads(repo);
    if (!read.ok) return repositoryHalt(read.problem);
    if (read.heads.tip !== oid) return "moved";
  }
  const ledgerProblem = await refreshLedger(repo, read.heads.ledger);
  if (ledgerProblem !== null) return repositoryHalt(ledgerProblem);
  const found = await findTakenBack(repo, tip);
  if (!found.ok) return repositoryHalt(found.problem);
  const { back } = found;
  for (const [ref, work] of back?.kept ?? []) read.heads.attempts.set(ref, work);
  const { state } = repo.ledger!;
  const removed = await removedSteps(repo, chosen.plan, oid);
  if (back?.deliberate === true) removed.add(back.step);
  const by = await repo.committer.identity();
  const amendment = amend({
    plan: withoutPass(chosen.plan, back),
    ledger: state,
    first,
    removed,
    unseen: new Set(state.unseen),
    by,
  });
  // Unless a half saved plan was left out, the checkout shows what was read.
  const isShown = read.heads.attached && repo.told.unreadable === null;
  const planText = editPlan(chosen.text, {
    planId,
    steps: {
      ...Object.fromEntries(amendment.restore.map((id) => [id, { passes: true }])),
      ...back !== null && { [back.step]: { passes: false } },
    },
  });
  const committed = await commitEdits(repo, {
    heads: read.heads,
    tip,
    edits,
    planText,
    records: [...amendment.records, ...isShown ? seenRecords(repo, passFlags(chosen.text)) : []],
    restored: amendment.restore,
  });
  if (committed.kind === "moved") return "moved";
  if (committed.kind === "failed") return repositoryHalt(committed.problem);
  if (committed.edited !== null) notice({ kind: "edits-committed", ...committed.edited });
  if (committed.corrected !== null && known === null) {
    notice({ kind: "plan-named", plan: planId, commit: committed.corrected });
  }
  for (const told of amendment.notices) notice(told);
  repo.seen = committed.tip;
  return await toObservation(repo, { oid: committed.tip, planText, first, heads: read.heads });
}

/** The plan that counts: the checkout's while HEAD is the run's branch, else the branch's. */
function choosePlan(
  repo: Repo,
  tip: TipView,
  edits: readonly PersonEdit[],
): { ok: true; plan: Plan; text: string; changes: string[] } | { ok: false; problems: Problem[] } {
  const { planPath } = repo.place;
  const text = edits.find(({ path }) => path === planPath)?.text ?? tip.texts.get(planPath);
  if (text === undefined) return { ok: false, problems: [missingPlan(planPath)] };
  const read = readPlanOf(repo, text);
  return read.ok ? { ...read, text } : read;
}

/** A checkout that followed after all shows a pass of which the branch holds nothing any more. */
function withoutPass(plan: Plan, back: TakenBack | null): Plan {
  if (back === null) return plan;
  return { ...plan, steps: plan.steps.map((step) => step.id === back.step ? { ...step, passes: false } : step) };
}

/** An id that an old editor buffer lost is still the plan's id. */
function planIdOf(repo: Repo, tip: TipView, plan: Plan): string | null {
  if (plan.planId !== undefined) return plan.planId;
  const text = tip.texts.get(repo.place.planPath);
  const read = text === undefined ? null : readPlanOf(repo, text);
  return (read?.ok ? read.plan.planId : null) ?? repo.planId;
}

/** Steps that the plan no longer calls passed because a person rewound the branch past their commits. */
async function removedSteps(repo: Repo, plan: Plan, tip: Oid): Promise<Set<string>> {
  const removed = new Set<string>();
  const { seen } = repo;
  if (seen === null || seen === tip || await isAncestor(repo, seen, tip)) return removed;
  for (const { id, passes } of plan.steps) {
    const passed = repo.ledger?.state.steps[id]?.passed;
    if (passes || !passed) continue;
    if (passed.commit === null || !(await isAncestor(repo, passed.commit, tip))) removed.add(id);
  }
  return removed;
}

export async function isAncestor(repo: Repo, old: Oid, tip: Oid): Promise<boolean> {
  return (await repo.git(["merge-base", "--is-ancestor", old, tip])).ok;
}

/**
 * The same view without changing anything, for `status`, `brief` and `explain`: plan, progress and registries as they
 * lie in the checkout while HEAD is the run's branch (or while the branch does not exist yet), the ledger as it is. With
 * `at`, the plan of that commit.
 */
export async function look(repo: Repo, at: Oid | null = null): Promise<Observed> {
  const { place } = repo;
  const read = await readHeads(repo);
  if (!read.ok) return repositoryHalt(read.problem);
  const oid = at ?? read.heads.tip ?? place.head.oid;
  const tip = await readTip(repo, oid);
  if (!tip.ok) return repositoryHalt(tip.problem);
  const isKnown = at !== null || (!read.heads.attached && read.heads.tip !== null);
  const isElsewhere = isKnown && tip.view.texts.has(place.planPath);
  const own = isElsewhere || await isCutOff(repo, tip.view) ? null : await readCheckout(place);
  // A plan that was deleted in the checkout is gone, whatever the last commit says.
  const text = own === null ? tip.view.texts.get(place.planPath) : own.get(place.planPath)?.toString("utf8");
  if (text === undefined) return invalid([await absentPlan(place)]);
  const plan = readPlanOf(repo, text);
  if (!plan.ok) return invalid(plan.problems);
  const asked = repo.planId;
  repo.planId = planIdOf(repo, tip.view, plan.plan);
  const again = repo.planId === asked ? read : await readHeads(repo);
  if (!again.ok) return repositoryHalt(again.problem);
  const problem = await refreshLedger(repo, again.heads.ledger);
  if (problem !== null) return repositoryHalt(problem);
  return await toObservation(repo, { oid, planText: text, first: true, heads: again.heads, checkout: own });
}

/** Whether a git that was killed while it brought the plan to the checkout left none, or half of one. */
async function isCutOff(repo: Repo, tip: TipView): Promise<boolean> {
  const { root, planPath } = repo.place;
  if (!tip.texts.has(planPath) || (await readIntent(repo))?.root !== root) return false;
  const bytes = await readRegular(join(root, planPath));
  return bytes === null || !readPlanOf(repo, bytes.toString("utf8")).ok;
}

function tellWhere(repo: Repo, heads: Heads): void {
  const branch = repo.branch!;
  if (heads.attached || repo.options.checkout === false) repo.told.left = null;
  else if (repo.told.left !== branch) {
    repo.told.left = branch;
    repo.options.notice({ kind: "checkout-left", branch, why: "the checkout is on something else" });
  }
}
