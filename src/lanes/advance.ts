import type { NewRecord, Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { LedgerRecord } from "../model/ledger.ts";
import { emptyView, extendLedger } from "./ledger.ts";
import { moveRefs, refNames, type RefUpdate } from "./refs.ts";
import { readHeads, refreshLedger, type Repo } from "./repo.ts";

export interface Advance {
  /** The branch moves too, from exactly this commit. */
  branch?: { old: Oid; next: Oid };
  records: readonly NewRecord[];
  /** Other refs of the runner that move in the same transaction. */
  refs?: readonly RefUpdate[];
  /** For the reflog. */
  reason: string;
}

export type Advanced =
  | { kind: "done" }
  /** The branch was not at `old` any more; nothing was changed. */
  | { kind: "moved" }
  | { kind: "failed"; problem: RepositoryProblem };

/** How often a record is put on top of a ledger that another process keeps appending to. */
const maxMoves = 10;

/**
 * Appends records and moves refs in one transaction: all of it happens or nothing. A ledger that moved meanwhile is
 * read again and the records go on top; a branch that moved is for the caller to look at.
 */
export async function advance(repo: Repo, request: Advance): Promise<Advanced> {
  const { planId, options } = repo;
  const records = request.records.map((record) => complete(repo, record));
  for (let moves = 1;; moves += 1) {
    const view = repo.ledger ?? emptyView(planId ?? "");
    const extended = await extendLedger(repo.committer, await repo.emptyTree(), view, records);
    if (!extended.ok) return { kind: "failed", problem: extended.problem };
    const updates: RefUpdate[] = [...request.refs ?? []];
    if (request.branch !== undefined) updates.push({ ref: refNames.branch(repo.branch!), ...request.branch });
    if (extended.view.tip !== null && records.length > 0) {
      updates.push({ ref: refNames.ledger(planId!), next: extended.view.tip, old: view.tip });
    }
    const moved = await moveRefs(repo.git, options.clock, updates, `capstan: ${request.reason}`);
    if (moved.kind === "failed") return moved;
    if (moved.kind === "moved") {
      repo.ledger = extended.view;
      return { kind: "done" };
    }
    const problem = await lookAgain(repo, request);
    if (problem !== null) return problem;
    if (moves === maxMoves) {
      return { kind: "failed", problem: { kind: "git-failed", command: "git update-ref", message: moved.message } };
    }
  }
}

/** The record with what the ledger itself knows. */
export function complete({ planId, options }: Repo, record: NewRecord): LedgerRecord {
  if (planId === null) throw new Error("Internal error: a record of a plan without an id");
  const at = new Date(options.clock.now()).toISOString();
  return { v: 1, plan: planId, run: options.run, at, ...record };
}

async function lookAgain(repo: Repo, request: Advance): Promise<Advanced | null> {
  const read = await readHeads(repo);
  if (!read.ok) return { kind: "failed", problem: read.problem };
  if (request.branch !== undefined && read.heads.tip !== request.branch.old) return { kind: "moved" };
  const problem = await refreshLedger(repo, read.heads.ledger);
  return problem === null ? null : { kind: "failed", problem };
}
