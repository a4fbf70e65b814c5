import type { Oid } from "../loop/ports.ts";
import type { Halt, RepositoryProblem } from "../model/halt.ts";
import { readPlan } from "../plan/read.ts";
import { checkOut, chooseBranch, createBranch, excludeJournal, fastForward, otherWorktree } from "./branch.ts";
import { takeLease } from "./hold.ts";
import type { LeaseTerms } from "./lease.ts";
import { notWritable } from "./locate.ts";
import { awaitOrphans, clearDead } from "./dead-git.ts";
import { reconcile } from "./reconcile.ts";
import { refNames } from "./refs.ts";
import { chooseRemote, push, relate, syncLedger } from "./remote.ts";
import { askRef, askRemote, fetchRefs } from "./remote-git.ts";
import { readHeads, refreshLedger, type Repo } from "./repo.ts";

export type Started =
  /** `resumed`: the ledger already knows this plan. */
  | { ok: true; resumed: boolean }
  | { ok: false; halt: Halt };

/** What a start has to know about the run. */
export interface Start {
  /** The run before was killed. */
  died: boolean;
  /** Ends what waits for the network. @default {never} */
  signal?: AbortSignal;
  /** How to hold the lease of a run that pushes. @default {no lease} */
  lease?: LeaseTerms;
}

/** How often the remote is looked at again because another run was faster. */
const maxLooks = 5;

/**
 * Gets the repository ready for a run: finishes what an interrupted one left, takes over what the remote has, creates or
 * adopts the branch, takes the lease, and checks the branch out. Refuses with everything untouched where a person has to
 * decide first.
 */
export async function start(repo: Repo, before: Start): Promise<Started> {
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

  const joined = await joinRemote(repo, before);
  if (!joined.ok) return joined;
  const { remote, theirs, fetched } = joined;
  if (options.checkout !== false && place.head.branch !== repo.branch) {
    const problem = await checkOut(repo);
    if (problem !== null) return stopped(problem);
  }

  const synced = remote === null ? null : await syncLedger(repo, remote, theirs);
  if (synced?.kind === "halt") return { ok: false, halt: synced.halt };
  if (synced?.kind === "fetch-failed") {
    options.notice({ kind: "fetch-failed", remote: remote!, message: synced.message });
  }
  const ledger = synced?.kind === "synced" && synced.fetched;
  if (fetched || ledger) options.notice({ kind: "fetched", remote: remote!, branch: fetched, ledger });
  const read = await readHeads(repo);
  const problem = read.ok ? await refreshLedger(repo, read.heads.ledger) : read.problem;
  return problem === null ? { ok: true, resumed: repo.ledger!.state.records > 0 } : stopped(problem);
}

type Joined =
  | { ok: true; remote: string | null; theirs: ReadonlyMap<string, Oid>; fetched: boolean }
  | { ok: false; halt: Halt };

/**
 * Brings the branch to where the remote has it, and takes the lease if one is wanted. What was seen of the remote still
 * holds when the lease is taken, as every push of another holder would have moved that.
 */
async function joinRemote(repo: Repo, { signal = never, lease }: Start): Promise<Joined> {
  const { options } = repo;
  const chosen = await chooseRemote(repo);
  if (!chosen.ok) return { ok: false, halt: { reason: "repository", problem: chosen.problem } };
  const { remote } = chosen;
  let fetched = false;
  for (let looks = 1;; looks += 1) {
    const asked = remote === null ? null : await askRemote(repo, remote, signal);
    if (remote !== null && asked?.ok === false) {
      if (options.push) return { ok: false, halt: unreachable(remote, asked.message) };
      options.notice({ kind: "fetch-failed", remote, message: asked.message });
    }
    const theirs = asked?.ok === true ? asked.refs : new Map<string, Oid>();
    const branched = await bringBranch(repo, remote, theirs.get(refNames.branch(repo.branch!)) ?? null, signal);
    if (branched.halt !== null) return { ok: false, halt: branched.halt };
    fetched ||= branched.fetched;
    repo.planId = await planIdAtTip(repo);
    if (remote === null || lease === undefined || repo.planId === null) return { ok: true, remote, theirs, fetched };
    const value = theirs.get(refNames.lease(repo.planId)) ?? null;
    const taken = await takeLease(repo, remote, value, { terms: lease, signal });
    if (taken.kind === "halt") return { ok: false, halt: taken.halt };
    if (taken.kind !== "changed") return { ok: true, remote, theirs, fetched };
    if (looks === maxLooks) {
      return { ok: false, halt: restless(remote) };
    }
  }
}

/** Takes the lease of a plan that has its id only since this run began, and brings it to the remote. */
export async function holdNewPlan(repo: Repo, { signal = never, lease }: Start): Promise<Halt | null> {
  const { remote } = repo.remote?.ok === true ? repo.remote : { remote: null };
  if (remote === null || lease === undefined || repo.told.unleased) return null;
  for (let looks = 1; looks <= maxLooks; looks += 1) {
    const asked = await askRef(repo, remote, refNames.lease(repo.planId!), signal);
    if (!asked.ok) return unreachable(remote, asked.message);
    const taken = await takeLease(repo, remote, asked.oid, { terms: lease, signal });
    if (taken.kind === "halt") return taken.halt;
    if (taken.kind !== "changed") return taken.kind === "held" ? await push(repo) : null;
  }
  return restless(remote);
}

const never = new AbortController().signal;

/** Makes the local branch exist and hold what the remote's holds. */
async function bringBranch(
  repo: Repo,
  remote: string | null,
  theirs: Oid | null,
  signal: AbortSignal,
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
  const message = await fetchRefs(repo, remote, [`+${ref}:${seen}`], signal);
  if (message !== null) {
    if (options.push || tip === null) return { halt: unreachable(remote, message), fetched: false };
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

function restless(remote: string): Halt {
  return { reason: "lease-refused", remote, message: "the lease keeps changing hands" };
}

function unreachable(remote: string, message: string): Halt {
  return { reason: "remote-unreachable", remote, message, begun: false };
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
