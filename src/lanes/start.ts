import type { Oid } from "../loop/ports.ts";
import type { Halt, RepositoryProblem } from "../model/halt.ts";
import { readPlan } from "../plan/read.ts";
import { checkOut, chooseBranch, createBranch, excludeJournal, fastForward, otherWorktree } from "./branch.ts";
import { notWritable } from "./locate.ts";
import { awaitOrphans, clearDead } from "./dead-git.ts";
import { reconcile } from "./reconcile.ts";
import { refNames } from "./refs.ts";
import { askRemote, chooseRemote, fetchRefs, relate, syncLedger } from "./remote.ts";
import { readHeads, refreshLedger, type Repo } from "./repo.ts";

export type Started =
  /** `resumed`: the ledger already knows this plan. */
  | { ok: true; resumed: boolean }
  | { ok: false; halt: Halt };

/**
 * Gets the repository ready for a run: finishes what an interrupted one left, takes over what the remote has, creates or
 * adopts the branch and checks it out. Refuses with everything untouched where a person has to decide first.
 */
export async function start(repo: Repo, before = { died: false }): Promise<Started> {
  const { options, place } = repo;
  // Found out later, it would be work that is paid for and can't land.
  const refused = options.checkout === false ? null : await notWritable(place.root);
  if (refused !== null) return stopped({ kind: "not-writable", dir: place.root, message: refused });
  if (before.died) await awaitOrphans(repo);
  await clearDead(repo, before);
  const left = await reconcile(repo, { isStart: true }) ?? await excludeJournal(repo);
  if (left !== null) return stopped(left);
  const unnamed = await chooseBranch(repo);
  if (unnamed !== null) return { ok: false, halt: unnamed };
  const elsewhere = await otherWorktree(repo);
  if (elsewhere !== null) {
    return stopped({ kind: "branch-checked-out-elsewhere", branch: repo.branch!, worktree: elsewhere });
  }

  const chosen = await chooseRemote(repo);
  if (!chosen.ok) return stopped(chosen.problem);
  const { remote } = chosen;
  const asked = remote === null ? null : await askRemote(repo, remote);
  if (remote !== null && asked?.ok === false) {
    if (options.push) return { ok: false, halt: { reason: "push-refused", remote, message: asked.message } };
    options.notice({ kind: "fetch-failed", remote, message: asked.message });
  }
  const theirs = asked?.ok === true ? asked.refs : new Map<string, Oid>();
  const branched = await bringBranch(repo, remote, theirs.get(refNames.branch(repo.branch!)) ?? null);
  if (branched.halt !== null) return { ok: false, halt: branched.halt };
  if (options.checkout !== false && place.head.branch !== repo.branch) {
    const problem = await checkOut(repo);
    if (problem !== null) return stopped(problem);
  }

  repo.planId = await planIdAtTip(repo);
  const synced = remote === null ? null : await syncLedger(repo, remote, theirs);
  if (synced?.kind === "halt") return { ok: false, halt: synced.halt };
  if (synced?.kind === "fetch-failed") {
    options.notice({ kind: "fetch-failed", remote: remote!, message: synced.message });
  }
  const ledger = synced?.kind === "synced" && synced.fetched;
  if (branched.fetched || ledger) {
    options.notice({ kind: "fetched", remote: remote!, branch: branched.fetched, ledger });
  }
  const read = await readHeads(repo);
  const problem = read.ok ? await refreshLedger(repo, read.heads.ledger) : read.problem;
  return problem === null ? { ok: true, resumed: repo.ledger!.state.records > 0 } : stopped(problem);
}

/** Makes the local branch exist and hold what the remote's holds. */
async function bringBranch(
  repo: Repo,
  remote: string | null,
  theirs: Oid | null,
): Promise<{ halt: Halt | null; fetched: boolean }> {
  const { place, options } = repo;
  const name = repo.branch!;
  const ref = refNames.branch(name);
  const halt = (problem: RepositoryProblem | null, fetched: boolean) => ({
    halt: problem === null ? null : { reason: "repository" as const, problem },
    fetched,
  });
  const read = await readHeads(repo);
  if (!read.ok) return halt(read.problem, false);
  const { tip, attached } = read.heads;
  if (theirs === null || remote === null || theirs === tip) {
    if (tip !== null) return halt(null, false);
    const problem = await createBranch(repo, place.head.oid, "capstan: create branch");
    if (problem === null) {
      options.notice({ kind: "branch-created", branch: name, from: place.head.branch ?? place.head.oid });
    }
    return halt(problem, false);
  }
  const seen = refNames.seen(remote, ref);
  const message = await fetchRefs(repo, remote, [`+${ref}:${seen}`]);
  if (message !== null) {
    if (options.push || tip === null) return { halt: { reason: "push-refused", remote, message }, fetched: false };
    options.notice({ kind: "fetch-failed", remote, message });
    return halt(null, false);
  }
  if (tip === null) {
    const problem = await createBranch(repo, theirs, `capstan: adopt ${remote}/${name}`);
    if (problem === null) options.notice({ kind: "branch-adopted", branch: name, commit: theirs });
    return halt(problem, true);
  }
  const related = await relate(repo, remote, tip, theirs);
  if (related === "diverged") return { halt: { reason: "diverged", what: "branch", ref, remote }, fetched: true };
  return halt(related === "behind" ? await fastForward(repo, tip, theirs, attached) : null, true);
}

async function planIdAtTip(repo: Repo): Promise<string | null> {
  const { planPath } = repo.place;
  const shown = await repo.git(["cat-file", "blob", `${refNames.branch(repo.branch!)}:${planPath}`]);
  const read = shown.ok ? readPlan(shown.stdout, planPath) : null;
  return read?.ok === true ? read.plan.planId ?? null : null;
}

function stopped(problem: RepositoryProblem): Started {
  return { ok: false, halt: { reason: "repository", problem } };
}
