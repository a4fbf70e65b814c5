import type { Collected, NewRecord } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { AttemptRecord } from "../model/ledger.ts";
import { advance } from "./advance.ts";
import { attemptsOf, commitWork } from "./land.ts";
import { refNames, type RefUpdate } from "./refs.ts";
import { readHeads, type Repo } from "./repo.ts";

/** Appends records; `null` when they are in the ledger. */
export async function append(repo: Repo, records: readonly NewRecord[]): Promise<RepositoryProblem | null> {
  const advanced = await advance(repo, { records, reason: records.map(({ kind }) => kind).join(", ") });
  return advanced.kind === "failed" ? advanced.problem : null;
}

/**
 * Appends an attempt that did not land and keeps its work at the attempt's ref, in one transaction. Of one step only
 * the newest work is kept; an attempt without any leaves the one before in place.
 */
export async function keep(
  repo: Repo,
  record: Omit<AttemptRecord, "v" | "plan" | "run" | "at">,
  work: Collected | null,
): Promise<RepositoryProblem | null> {
  if (work === null) return await append(repo, [record]);
  const read = await readHeads(repo);
  if (!read.ok) return read.problem;
  const message = `attempt: ${record.step} #${record.attempt} ${record.outcome}`;
  const kept = await commitWork(repo, work.tree, record.base, message);
  if (!kept.ok) return kept.problem;
  const ref = refNames.attempt(repo.planId!, record.step, record.attempt);
  const refs: RefUpdate[] = attemptsOf(repo, read.heads, record.step).map(([name, old]) => ({
    ref: name,
    old,
    next: name === ref ? kept.oid : null,
  }));
  if (!refs.some((update) => update.ref === ref)) refs.push({ ref, old: null, next: kept.oid });
  const advanced = await advance(repo, {
    records: [{ ...record, work: kept.oid, tree: work.tree }],
    refs,
    reason: message,
  });
  return advanced.kind === "failed" ? advanced.problem : null;
}
