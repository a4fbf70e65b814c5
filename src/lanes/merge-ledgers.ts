import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { type LedgerCommit, readChain } from "./ledger.ts";
import { moveRefs, refNames } from "./refs.ts";
import { refreshLedger, type Repo } from "./repo.ts";

/**
 * Moves the ledger to where it holds the records of both sides: ours that are missing there go on top, word for word.
 * Records are facts and nobody takes one back, so there is nothing to conflict, even where the two have no record in
 * common; our snapshots are left out, as they know nothing of the other side.
 */
export async function mergeLedgers(repo: Repo, ours: Oid | null, theirs: Oid): Promise<RepositoryProblem | null> {
  const merged = await onTop(repo, ours, theirs);
  if (!merged.ok) return merged.problem;
  const { next } = merged;
  if (next !== ours) {
    const ref = refNames.ledger(repo.planId!);
    const moved = await moveRefs(
      repo.git,
      repo.options.clock,
      [{ ref, next, old: ours }],
      "capstan: take over records",
    );
    if (moved.kind === "failed") return moved.problem;
    if (moved.kind === "stale") return { kind: "git-failed", command: "git update-ref", message: moved.message };
  }
  return await refreshLedger(repo, next);
}

type OnTop = { ok: true; next: Oid } | { ok: false; problem: RepositoryProblem };

async function onTop(repo: Repo, ours: Oid | null, theirs: Oid): Promise<OnTop> {
  if (ours === null) return { ok: true, next: theirs };
  const base = await repo.git(["merge-base", ours, theirs], { okCodes: [1] });
  const common = base.stdout.trim();
  if (common === theirs) return { ok: true, next: ours };
  if (common === ours) return { ok: true, next: theirs };
  const since = (tip: Oid): string => common === "" ? tip : `${common}..${tip}`;
  const [own, others] = await Promise.all([readChain(repo.git, [since(ours)]), readChain(repo.git, [since(theirs)])]);
  if (!own.ok) return own;
  if (!others.ok) return others;
  const messages = (chain: readonly LedgerCommit[]): string[] => chain.map(({ message }) => message).toReversed();
  let next = theirs;
  for (const message of missingRecords(messages(own.chain), messages(others.chain))) {
    const made = await repo.committer.commit({ tree: await repo.emptyTree(), parents: [next], message });
    if (!made.ok) return made;
    next = made.oid;
  }
  return { ok: true, next };
}

/** Of the messages of our records, oldest first, those that go on top of the others. Pure. */
export function missingRecords(ours: readonly string[], theirs: readonly string[]): string[] {
  const known = new Set(theirs);
  return ours.filter((message) => !message.startsWith("snapshot:") && !known.has(message));
}
