import type { NewRecord } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { diffPasses } from "../plan/edit.ts";
import { readPlan } from "../plan/read.ts";
import { advance } from "./advance.ts";
import { type Follow, readHeads, refreshLedger, type Repo } from "./repo.ts";

/**
 * A person's edit of the plan lies in a checkout that goes further: passes that land meanwhile are missing there because
 * the person has not seen them, not because they were taken back. Says so in the ledger, so that it holds however much
 * later the edit is finished.
 */
export async function rememberUnseen(repo: Repo, { old, next }: Follow): Promise<RepositoryProblem | null> {
  const [before, after] = await Promise.all([planAt(repo, old), planAt(repo, next)]);
  const { passed } = diffPasses(before, after);
  if (passed.length === 0) return null;
  repo.planId ??= planIdOf(repo, after);
  if (repo.planId === null) return null;
  const read = await readHeads(repo);
  const unread = read.ok ? await refreshLedger(repo, read.heads.ledger) : read.problem;
  if (unread !== null) return unread;
  const advanced = await advance(repo, { records: unseenRecords(repo, passed), reason: "unseen" });
  return advanced.kind === "failed" ? advanced.problem : null;
}

/** What the ledger has to hold in addition when these passes land beside an edit. */
export function unseenRecords(repo: Repo, passed: readonly string[]): NewRecord[] {
  const known = repo.ledger?.state.unseen ?? [];
  const steps = [...new Set([...known, ...passed])];
  return steps.length === known.length ? [] : [{ kind: "unseen", steps }];
}

/** The same once a plan was read in the checkout: passes that it shows have been seen. */
export function seenRecords(repo: Repo, shown: ReadonlyMap<string, boolean>): NewRecord[] {
  const known = repo.ledger?.state.unseen ?? [];
  const steps = known.filter((id) => shown.get(id) === false);
  return steps.length === known.length ? [] : [{ kind: "unseen", steps }];
}

async function planAt(repo: Repo, commit: string): Promise<string> {
  return (await repo.git(["cat-file", "blob", `${commit}:${repo.place.planPath}`])).stdout;
}

function planIdOf({ place }: Repo, text: string): string | null {
  const read = readPlan(text, place.planPath);
  return read.ok ? read.plan.planId ?? null : null;
}
