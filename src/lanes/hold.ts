import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { z } from "zod";
import type { Oid } from "../loop/ports.ts";
import type { Halt, RepositoryProblem } from "../model/halt.ts";
import type { LeaseHolder } from "../model/lease.ts";
import { readTextOrNull } from "../system/files.ts";
import { ownFolder, writeOwn } from "./intent.ts";
import { beatMs, judgeLease, type LeaseTerms, parseLease } from "./lease.ts";
import { inTurn, type Lease, moveLease, scratchFolder, standing } from "./lease-push.ts";
import { refNames } from "./refs.ts";
import { askRef, fetchRefs, patience } from "./remote-git.ts";
import type { Repo } from "./repo.ts";

/** How often a watched lease is looked at: a jump of the clock ends one pause early, not the whole watch. */
const looks = 6;
/** How long the end of a run may take to give the lease back. */
const releaseMs = 10_000;
/** Runs of this clone that may still stand on the remote: the last one, and those that it could not replace. */
const runsNoted = 5;

export type LeaseTaken =
  | { kind: "held" }
  /** The remote takes no such ref, and none is required. */
  | { kind: "without" }
  /** Somebody else was faster, or gave it back: look at the remote again. */
  | { kind: "changed" }
  | { kind: "halt"; halt: Halt };

/**
 * Takes the lease of the run's plan by compare-and-swap from `value`, what the remote has of it (`null` for nothing). One
 * that another run holds is respected while it moves; one of a run that died in this clone is taken back at once, as
 * whoever holds the process lock of this clone is the only one alive in it.
 */
export async function takeLease(
  repo: Repo,
  remote: string,
  value: Oid | null,
  { terms, signal }: { terms: LeaseTerms; signal: AbortSignal },
): Promise<LeaseTaken> {
  const ref = refNames.lease(repo.planId!);
  const noted = await notedRuns(repo);
  const before = value === null ? null : await holderOf(repo, remote, ref, signal);
  const isOwn = before !== null && noted.some(({ run }) => run === before.run);
  if (value !== null && !isOwn) {
    const seen = await watch(repo, remote, { ref, value, holder: before, terms, signal });
    if (seen !== null) return seen;
  }
  const { options } = repo;
  const now = new Date(options.clock.now()).toISOString();
  const lease: Lease = {
    remote,
    ref,
    terms,
    holder: {
      run: options.run,
      by: await repo.committer.identity(),
      host: hostname(),
      pid: process.pid,
      since: now,
      seen: now,
      staleMs: terms.staleMs,
    },
    value: value ?? "",
    unsure: new Set(),
    beats: 0,
    lost: false,
    ended: new AbortController(),
    turn: Promise.resolve(),
  };
  const own = { ref, run: options.run };
  const unnoted = await writeOwn(repo, noteFile(repo), { runs: [...noted.slice(1 - runsNoted), own] });
  if (unnoted !== null) return halted(unnoted);
  const moved = await moveLease(repo, lease, signal);
  if (moved.kind === "failed") return halted(moved.problem);
  if (moved.kind === "changed") return { kind: "changed" };
  if (moved.kind === "unreachable") {
    return { kind: "halt", halt: { reason: "remote-unreachable", remote, message: moved.message, begun: false } };
  }
  if (moved.kind === "refused") {
    const { message } = moved;
    await forgetRuns(repo, ref);
    if (terms.required) return { kind: "halt", halt: { reason: "lease-refused", remote, message } };
    options.notice({ kind: "no-lease", remote, message });
    repo.told.unleased = true;
    return { kind: "without" };
  }
  repo.lease = lease;
  if (isOwn) options.notice({ kind: "recovered", what: `the lease on ${remote} of a run that died here` });
  else if (value !== null) options.notice({ kind: "lease-taken-over", remote, holder: before });
  return { kind: "held" };
}

function halted(problem: RepositoryProblem): LeaseTaken {
  return { kind: "halt", halt: { reason: "repository", problem } };
}

/** `null` when nobody moved it. */
async function watch(
  repo: Repo,
  remote: string,
  facts: { ref: string; value: Oid; holder: LeaseHolder | null; terms: LeaseTerms; signal: AbortSignal },
): Promise<LeaseTaken | null> {
  const { ref, value, holder, terms, signal } = facts;
  const { clock, notice } = repo.options;
  const judged = judgeLease(holder, clock.now(), terms.staleMs);
  if (judged.kind === "fresh") {
    return { kind: "halt", halt: { reason: "leased", remote, holder: holder!, staleAt: judged.staleAt } };
  }
  notice({ kind: "lease-watched", remote, holder, forMs: judged.ms });
  for (let look = 0; look < looks; look += 1) {
    await clock.sleep(judged.ms / looks, signal);
    const asked = await askRef(repo, remote, ref, signal);
    if (!asked.ok) {
      return { kind: "halt", halt: { reason: "remote-unreachable", remote, message: asked.message, begun: false } };
    }
    if (asked.oid === null) return { kind: "changed" };
    if (asked.oid === value) continue;
    const alive = await holderOf(repo, remote, ref, signal) ?? holder;
    if (alive === null) return { kind: "changed" };
    return { kind: "halt", halt: { reason: "leased", remote, holder: alive, staleAt: clock.now() + alive.staleMs } };
  }
  return null;
}

/** Gives signs of life until the lease is given back or lost; a push counts as one. Whoever lost it is told by `repo.lost`. */
export async function keepAlive(repo: Repo, lease: Lease): Promise<void> {
  const { signal } = lease.ended;
  while (!signal.aborted && !lease.lost) {
    const { beats } = lease;
    await repo.options.clock.sleep(beatMs(lease.holder), signal);
    if (signal.aborted || beats !== lease.beats) continue;
    await inTurn(lease, async () => {
      if (signal.aborted || beats !== lease.beats) return;
      // A remote that can't be reached now, or a full disk, is no news about who holds it.
      const moved = await moveLease(repo, lease, signal);
      if (moved.kind === "changed") lose(repo, lease);
    });
  }
}

/** Ends everything that counts on the lease: an agent at work, too. */
export function lose(repo: Repo, lease: Lease): void {
  lease.lost = true;
  lease.ended.abort();
  repo.lost.abort({ kind: "interrupted", signal: "the loss of its lease" });
}

/** Gives the lease back. A remote that can't be reached, or that gave it to somebody else, is left as it is. */
export async function releaseLease(repo: Repo): Promise<void> {
  const { lease } = repo;
  if (lease === null) return;
  lease.ended.abort();
  await lease.turn;
  await rm(scratchFolder(repo), { recursive: true, force: true });
  repo.lease = null;
  if (lease.lost) return;
  const signal = AbortSignal.timeout(releaseMs);
  // Where a sign of life was cut off, the remote may have it or not.
  if (lease.unsure.size > 0 && await standing(repo, lease, signal) !== "ours") return;
  const args = ["push", "--porcelain", "--no-verify", `--force-with-lease=${lease.ref}:${lease.value}`];
  const given = await repo.git([...patience, ...args, lease.remote, `:${lease.ref}`], { signal });
  if (given.ok) await forgetRuns(repo, lease.ref);
}

/** Who holds a lease now, `null` when that can't be told. */
async function holderOf(repo: Repo, remote: string, ref: string, signal?: AbortSignal): Promise<LeaseHolder | null> {
  const seen = refNames.seen(remote, ref);
  if (await fetchRefs(repo, remote, [`+${ref}:${seen}`], signal) !== null) return null;
  const shown = await repo.git(["log", "--no-walk", "--encoding=UTF-8", "--format=%B", seen]);
  await repo.git(["update-ref", "-d", seen]);
  return shown.ok ? parseLease(shown.stdout) : null;
}

/** Why a run that lost its lease ends: who has it now, and how much of what landed here is not there. */
export async function lostHalt(repo: Repo, lease: Lease): Promise<Halt> {
  const { remote, ref } = lease;
  const branch = refNames.branch(repo.branch!);
  const seen = refNames.seen(remote, branch);
  const holder = await holderOf(repo, remote, ref);
  await fetchRefs(repo, remote, [`+${branch}:${seen}`]);
  const counted = await repo.git(["rev-list", "--count", `${seen}..${branch}`]);
  const unpushed = counted.ok ? Number(counted.stdout) : null;
  return { reason: "lease-lost", remote, branch: repo.branch!, seen, holder, unpushed };
}

const noteSchema = z.object({ runs: z.array(z.object({ ref: z.string(), run: z.string() })) });

type NotedRun = z.output<typeof noteSchema>["runs"][number];

function noteFile(repo: Repo): string {
  return join(ownFolder(repo), "lease.json");
}

/** The runs of this clone that may still stand on a remote, with the lease that they took. */
async function notedRuns(repo: Repo): Promise<NotedRun[]> {
  try {
    return noteSchema.parse(JSON.parse(await readTextOrNull(noteFile(repo)) ?? "")).runs;
  } catch {
    return [];
  }
}

/** No run of this clone holds this lease any more: whoever took it last, took it from those before. */
async function forgetRuns(repo: Repo, ref: string): Promise<void> {
  const runs = (await notedRuns(repo)).filter((noted) => noted.ref !== ref);
  // Failing leaves a note too many, which says nothing wrong.
  if (runs.length > 0) await writeOwn(repo, noteFile(repo), { runs });
  else await rm(noteFile(repo), { force: true }).catch(() => undefined);
}
