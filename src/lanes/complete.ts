import type { RepositoryProblem } from "../model/halt.ts";
import { advance } from "./advance.ts";
import { gitProblem } from "./git.ts";
import type { Intent } from "./intent.ts";
import { keptOf } from "./land.ts";
import { parseRecord } from "./record.ts";
import { refNames } from "./refs.ts";
import { readHeads, refreshLedger, type Repo } from "./repo.ts";

/**
 * Completes a landing whose commit is on the branch. Git moves the refs of a transaction one after the other: one that
 * was killed in between moved the branch and not the ledger, which would make the pass one that nobody recorded.
 */
export async function completeLanding(repo: Repo, { record: noted, next }: Intent): Promise<RepositoryProblem | null> {
  const record = noted === undefined ? null : parseRecord(noted.message, noted.plan);
  if (record === null) return null;
  const before = repo.planId;
  if (before !== record.plan) repo.ledger = null;
  repo.planId = record.plan;
  const problem = await completeIn(repo, record, next);
  if (before !== record.plan) {
    repo.planId = before;
    repo.ledger = null;
  }
  return problem;
}

async function completeIn(
  repo: Repo,
  { v: _v, plan, run: _run, at: _at, ...record }: NonNullable<ReturnType<typeof parseRecord>>,
  commit: string,
): Promise<RepositoryProblem | null> {
  const read = await readHeads(repo);
  if (!read.ok) return read.problem;
  const { heads } = read;
  const unread = await refreshLedger(repo, heads.ledger);
  if (unread !== null) return unread;
  const args = [
    "log",
    "-n",
    "1",
    "--format=%H",
    "--fixed-strings",
    `--grep="commit":"${commit}"`,
    refNames.ledger(plan),
  ];
  const found = heads.ledger === null ? null : await repo.git(args);
  if (found?.ok === false) return gitProblem(args, found);
  const isRecorded = found !== null && found.stdout.trim() !== "";
  const step = "step" in record ? record.step : null;
  const refs = keptOf(repo, heads, step);
  if (isRecorded && refs.length === 0) return null;
  const records = isRecorded ? [] : [record];
  const advanced = await advance(repo, { records, refs, reason: `complete ${step ?? "landing"}` });
  if (advanced.kind === "failed") return advanced.problem;
  if (!isRecorded) {
    const what = `${step ?? "progress"} had landed as ${commit.slice(0, 12)}, and is recorded now`;
    repo.options.notice({ kind: "recovered", what });
  }
  return null;
}
