import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { LeaseHolder } from "../model/lease.ts";
import { gitProblem } from "./git.ts";
import { fileProblem, ownFolder } from "./intent.ts";
import { formatLease, type LeaseTerms } from "./lease.ts";
import { answerMs, askRef, isRefused, messageOf, patience } from "./remote-git.ts";
import type { Repo } from "./repo.ts";

/** A lease that this run holds on a remote. Every push of the run moves it, from exactly the value that it left there. */
export interface Lease {
  remote: string;
  ref: string;
  terms: LeaseTerms;
  holder: LeaseHolder;
  /** What the remote holds, as far as this run knows. */
  value: Oid;
  /** What pushes that did not say how they ended may have brought there. */
  unsure: Set<Oid>;
  /** Values made so far. */
  beats: number;
  lost: boolean;
  ended: AbortController;
  /** Pushes and signs of life come one after the other. */
  turn: Promise<unknown>;
}

export type Moved =
  | { kind: "moved" }
  | { kind: "changed" }
  | { kind: "refused"; message: string }
  | { kind: "unreachable"; message: string }
  | { kind: "failed"; problem: RepositoryProblem };

/** Moves the lease alone: when it is taken, and for a sign of life. */
export async function moveLease(repo: Repo, lease: Lease, signal: AbortSignal): Promise<Moved> {
  const next = await nextValue(repo, lease);
  if (!next.ok) return { kind: "failed", problem: next.problem };
  const timed = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const args = [...patience, "push", "--porcelain", "--no-verify", ...next.args, lease.remote, ...next.specs];
  const pushed = await repo.git(args, { signal: timed, env: scratch(repo) });
  if (pushed.ok) {
    confirm(lease, next.value);
    return { kind: "moved" };
  }
  const stands = await standing(repo, lease, signal);
  if (stands === "unknown") return { kind: "unreachable", message: messageOf(pushed) };
  if (stands === "lost") return { kind: "changed" };
  if (lease.value === next.value) return { kind: "moved" };
  const message = messageOf(pushed);
  return isRefused(pushed) ? { kind: "refused", message } : { kind: "unreachable", message };
}

/** What a push needs so that it works only for the holder, and leaves the lease with a new value. */
export type NextValue =
  | { ok: true; value: Oid; args: string[]; specs: string[] }
  | { ok: false; problem: RepositoryProblem };

/**
 * Makes the next value. It is a commit without parents, as a remote's history of it is of no use; it lies apart from the
 * repository's objects, and the one before goes.
 */
export async function nextValue(repo: Repo, lease: Lease): Promise<NextValue> {
  lease.beats += 1;
  lease.holder = { ...lease.holder, seen: new Date(repo.options.clock.now()).toISOString() };
  const tree = await repo.emptyTree();
  const unmade = await fileProblem(async () => {
    await rm(scratchFolder(repo), { recursive: true, force: true });
    await mkdir(scratchFolder(repo), { recursive: true });
  });
  if (unmade !== null) return { ok: false, problem: unmade };
  const args = ["-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree];
  const made = await repo.git(args, {
    stdin: formatLease(lease.holder, lease.beats),
    env: { ...nobody, ...scratch(repo) },
  });
  if (!made.ok) return { ok: false, problem: gitProblem(args, made) };
  const value = made.stdout.trim();
  lease.unsure.add(value);
  return {
    ok: true,
    value,
    args: [`--force-with-lease=${lease.ref}:${lease.value}`],
    specs: [`${value}:${lease.ref}`],
  };
}

/** The remote has this value now. */
export function confirm(lease: Lease, value: Oid): void {
  lease.value = value;
  lease.unsure.clear();
}

/** Whether the remote still holds this run's value; a push that did not say how it ended may have brought the next one. */
export async function standing(repo: Repo, lease: Lease, signal: AbortSignal): Promise<"ours" | "lost" | "unknown"> {
  const asked = await askRef(repo, lease.remote, lease.ref, signal);
  if (!asked.ok) return "unknown";
  const oid = asked.oid ?? "";
  if (oid === lease.value) return "ours";
  if (lease.unsure.has(oid)) {
    confirm(lease, oid);
    return "ours";
  }
  return "lost";
}

export function scratchFolder(repo: Repo): string {
  return join(ownFolder(repo), "lease-objects");
}

/** The environment in which git finds the value. */
export function scratch(repo: Repo): Record<string, string> {
  const objects = join(repo.place.commonDir, "objects");
  return { GIT_OBJECT_DIRECTORY: scratchFolder(repo), GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(objects) };
}

const nobody: Record<string, string> = {
  GIT_AUTHOR_NAME: "Capstan",
  GIT_AUTHOR_EMAIL: "capstan@localhost",
  GIT_COMMITTER_NAME: "Capstan",
  GIT_COMMITTER_EMAIL: "capstan@localhost",
};

/** Runs pushes and signs of life one after the other. */
export async function inTurn<T>(lease: Lease, work: () => Promise<T>): Promise<T> {
  const mine = lease.turn.then(work);
  lease.turn = mine.catch(() => undefined);
  return await mine;
}
