import type { Oid } from "../loop/ports.ts";
import type { Halt } from "../model/halt.ts";
import type { GitResult } from "./git.ts";
import { lose, lostHalt } from "./hold.ts";
import { confirm, inTurn, type Lease, nextValue, scratch, standing } from "./lease-push.ts";
import { pushLfs } from "./lfs.ts";
import { mergeLedgers } from "./merge-ledgers.ts";
import { isAncestor } from "./observe.ts";
import { refNames } from "./refs.ts";
import { askRemote, fetchRefs, isRefused, messageOf, patience } from "./remote-git.ts";
import { readHeads, type RemoteChosen, type Repo } from "./repo.ts";

/** How often a push is tried again after taking over what another clone appended to the ledger. */
const maxPushes = 4;

/**
 * The remote that a run fetches from and pushes to: the one that `--push` names; else the branch's own, the only one,
 * `origin`. Chosen once, when the branch is known.
 */
export async function chooseRemote(repo: Repo): Promise<RemoteChosen> {
  return repo.remote ??= await findRemote(repo);
}

async function findRemote(repo: Repo): Promise<RemoteChosen> {
  const wanted = repo.options.push ?? false;
  const remotes = (await repo.git(["remote"])).stdout.split("\n").filter((name) => name !== "");
  const isThere = (name: string): boolean => remotes.includes(name) || isAddress(name);
  const found = typeof wanted === "string"
    ? [wanted].find(isThere)
    : (await ownRemotes(repo)).find(isThere) ?? (remotes.length === 1 ? remotes[0] : remotes.find(isOrigin));
  if (found !== undefined) return { ok: true, remote: found };
  if (wanted === false) return { ok: true, remote: null };
  return {
    ok: false,
    problem: { kind: "no-remote", remote: wanted === true ? null : wanted, remotes, branch: repo.branch! },
  };
}

/** What git's configuration names for the branch, as `git push` reads it. */
async function ownRemotes({ git, branch }: Repo): Promise<string[]> {
  const keys = [`branch.${branch}.pushRemote`, "remote.pushDefault", `branch.${branch}.remote`];
  const values = await Promise.all(keys.map((key) => git(["config", "--get", key])));
  return values.filter(({ ok }) => ok).map(({ stdout }) => stdout.trim());
}

function isOrigin(name: string): boolean {
  return name === "origin";
}

/** A URL or a path; `.` is this repository itself. */
function isAddress(name: string): boolean {
  return /[:/\\]/.test(name);
}

export type Related = "same" | "behind" | "ahead" | "diverged";

/** How `local` stands to `theirs`, both present. A shallow history that hides the answer is completed first. */
export async function relate(repo: Repo, remote: string, local: Oid, theirs: Oid): Promise<Related> {
  const related = await relateOnce(repo, local, theirs);
  if (related !== "diverged") return related;
  const shallow = await repo.git(["rev-parse", "--is-shallow-repository"]);
  if (shallow.stdout.trim() !== "true") return related;
  const deepened = await repo.git([
    ...patience,
    "fetch",
    "--quiet",
    "--unshallow",
    "--no-tags",
    "--no-write-fetch-head",
    remote,
  ]);
  if (!deepened.ok) return related;
  repo.options.notice({ kind: "deepened", remote });
  return await relateOnce(repo, local, theirs);
}

async function relateOnce(repo: Repo, local: Oid, theirs: Oid): Promise<Related> {
  if (local === theirs) return "same";
  if (await isAncestor(repo, local, theirs)) return "behind";
  return await isAncestor(repo, theirs, local) ? "ahead" : "diverged";
}

/**
 * Takes over the remote's ledger and kept attempts of this plan. Records are facts: those that both sides appended
 * are all kept, ours on top of theirs.
 */
export async function syncLedger(repo: Repo, remote: string, theirs: ReadonlyMap<string, Oid>): Promise<SyncedLedger> {
  const { planId } = repo;
  if (planId === null) return { kind: "synced", fetched: false };
  const read = await readHeads(repo);
  if (!read.ok) return { kind: "halt", halt: { reason: "repository", problem: read.problem } };
  const { heads } = read;
  const ledger = refNames.ledger(planId);
  const wanted = theirs.get(ledger) ?? null;
  const prefix = refNames.attempts(planId);
  const attempts = [...theirs.keys()].filter((ref) => ref.startsWith(prefix) && !heads.attempts.has(ref));
  const hasNews = wanted !== null && wanted !== heads.ledger;
  // Attempts that are only there are news only together with the records that name them.
  if (!hasNews) return { kind: "synced", fetched: false };

  const seen = refNames.seen(remote, ledger);
  const specs = [`+${ledger}:${seen}`, ...attempts.map((ref) => `${ref}:${ref}`)];
  const refused = await fetchRefs(repo, remote, specs);
  if (refused !== null) return { kind: "fetch-failed", message: refused };
  const problem = await mergeLedgers(repo, heads.ledger, wanted);
  if (problem !== null) return { kind: "halt", halt: { reason: "repository", problem } };
  return { kind: "synced", fetched: true };
}

export type SyncedLedger =
  | { kind: "synced"; fetched: boolean }
  | { kind: "fetch-failed"; message: string }
  | { kind: "halt"; halt: Halt };

/**
 * Pushes branch, ledger and kept attempts together or not at all, when the run was asked to; only while the run holds its
 * lease, where it has one. Records that another clone pushed meanwhile are taken over first; a branch that is not ahead
 * of the remote's is for a person.
 */
export async function push(repo: Repo): Promise<Halt | null> {
  if (repo.planId === null || (repo.options.push ?? false) === false) return null;
  const chosen = await chooseRemote(repo);
  if (!chosen.ok) return { reason: "repository", problem: chosen.problem };
  const { lease } = repo;
  const remote = chosen.remote!;
  if (lease === null) return await pushAll(repo, remote, null);
  if (lease.lost) return await lostHalt(repo, lease);
  return await inTurn(lease, () => pushAll(repo, remote, lease));
}

async function pushAll(repo: Repo, remote: string, lease: Lease | null): Promise<Halt | null> {
  const ledger = refNames.ledger(repo.planId!);
  for (let pushes = 1;; pushes += 1) {
    const read = await readHeads(repo);
    if (!read.ok) return { reason: "repository", problem: read.problem };
    const { tip, ledger: ours, attempts } = read.heads;
    const state = JSON.stringify([tip, ours, [...attempts]]);
    if (state === repo.pushed) return null;
    const unsent = tip === null ? null : await pushLfs(repo, remote, tip);
    if (unsent !== null) return { reason: "push-refused", remote, message: messageOf(unsent) };
    const fence = lease === null ? null : await nextValue(repo, lease);
    if (fence?.ok === false) return { reason: "repository", problem: fence.problem };
    const refs = [...tip === null ? [] : [refNames.branch(repo.branch!)], ...ours === null ? [] : [ledger]];
    const kept = `${refNames.attempts(repo.planId!)}*`;
    const args = ["push", "--porcelain", "--atomic", "--no-verify", "--prune", ...fence?.args ?? [], remote];
    const specs = [...refs.map((ref) => `${ref}:${ref}`), `+${kept}:${kept}`, ...fence?.specs ?? []];
    const result = await repo.git([...patience, ...args, ...specs], fence === null ? {} : { env: scratch(repo) });
    if (result.ok) {
      if (lease !== null && fence !== null) confirm(lease, fence.value);
      repo.pushed = state;
      repo.options.notice({ kind: "pushed", remote, refs });
      return null;
    }
    const { value } = lease ?? {};
    if (lease !== null && await standing(repo, lease, never) === "lost") {
      lose(repo, lease);
      return await lostHalt(repo, lease);
    }
    // An earlier push had arrived without saying so: that is why this one, which knew nothing of it, was refused.
    const isBehind = lease !== null && lease.value !== value;
    const stale = staleRefs(result);
    const branch = refNames.branch(repo.branch!);
    if (stale.includes(branch)) return { reason: "diverged", what: "branch", ref: branch, remote };
    if ((!stale.includes(ledger) && !isBehind) || pushes === maxPushes) return notPushed(remote, result);
    const asked = await askRemote(repo, remote);
    if (!asked.ok) return { reason: "remote-unreachable", remote, message: asked.message, begun: true };
    const synced = await syncLedger(repo, remote, asked.refs);
    if (synced.kind === "halt") return synced.halt;
    if (synced.kind === "fetch-failed") {
      return { reason: "remote-unreachable", remote, message: synced.message, begun: true };
    }
  }
}

const never = new AbortController().signal;

/** The refs that the remote holds something newer of. */
function staleRefs(result: GitResult): string[] {
  return result.stdout.split("\n").flatMap((line) => {
    const [flag, refs, why] = line.split("\t");
    const isStale = flag === "!" && /non-fast-forward|fetch first|stale info/.test(why ?? "");
    return isStale ? [refs!.slice(refs!.indexOf(":") + 1)] : [];
  });
}

function notPushed(remote: string, result: GitResult): Halt {
  const message = messageOf(result);
  return isRefused(result)
    ? { reason: "push-refused", remote, message }
    : { reason: "remote-unreachable", remote, message, begun: true };
}
