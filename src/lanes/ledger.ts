import { emptyLedger, foldAll } from "../model/fold.ts";
import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { LedgerRecord, LedgerState } from "../model/ledger.ts";
import type { Committer } from "./commits.ts";
import { type Git, gitProblem, type GitResult } from "./git.ts";
import { formatRecord, parseRecord } from "./record.ts";

/** A ledger as far as it was read. */
export interface LedgerView {
  plan: string;
  /** `null` before the first record. */
  tip: Oid | null;
  state: LedgerState;
  /** Commits since the newest snapshot: what a reader has to fold. */
  sinceSnapshot: number;
  /** Commits that were no record of this plan, or none that this version understands. */
  skipped: number;
}

export type LedgerRead = { ok: true; view: LedgerView } | { ok: false; problem: RepositoryProblem };

/** After this many records the folded state is written down, so that reading does not grow with history. */
export const snapshotEvery = 200;
/** More at once (the first look at a plan that says it is half done) are written as the state that they fold to. */
const recordsAtOnce = 20;
/** One read covers a snapshot and then some. */
const readAtOnce = 300;

export function emptyView(plan: string): LedgerView {
  return { plan, tip: null, state: emptyLedger(), sinceSnapshot: 0, skipped: 0 };
}

/**
 * Reads the ledger at `tip` with one git call; nothing when `before` is already there, and only what is new when
 * `before` is part of its history. Damaged and foreign commits are skipped and counted.
 */
export async function readLedger(git: Git, plan: string, tip: Oid | null, before?: LedgerView): Promise<LedgerRead> {
  if (tip === null) return { ok: true, view: emptyView(plan) };
  if (before?.plan === plan && before.tip === tip) return { ok: true, view: before };
  if (before?.plan === plan && before.tip !== null) {
    const added = await readChain(git, [`${before.tip}..${tip}`, "-n", String(readAtOnce)]);
    if (added.ok && added.chain.at(-1)?.parents[0] === before.tip) {
      return { ok: true, view: extended(before, tip, parseChain(plan, added.chain)) };
    }
  }
  const newest = await readChain(git, [tip, "-n", String(readAtOnce)]);
  if (!newest.ok) return newest;
  let records = parseChain(plan, newest.chain);
  const isWhole = newest.chain.at(-1)?.parents.length === 0;
  if (!isWhole && !records.some((record) => record?.kind === "snapshot")) {
    const all = await readChain(git, [tip]);
    if (!all.ok) return all;
    records = parseChain(plan, all.chain);
  }
  const start = records.findLastIndex((record) => record?.kind === "snapshot");
  return { ok: true, view: extended(emptyView(plan), tip, records.slice(Math.max(start, 0))) };
}

/** Every record, oldest first, without snapshots. For people: decisions never need it. */
export async function readHistory(git: Git, plan: string, tip: Oid | null): Promise<LedgerRecord[]> {
  if (tip === null) return [];
  const all = await readChain(git, [tip]);
  if (!all.ok) return [];
  return parseChain(plan, all.chain).filter((record) => record !== null).filter(({ kind }) => kind !== "snapshot");
}

/** Makes the commits of new records on top of `view`, with a snapshot when one is due. No ref moves. */
export async function extendLedger(
  committer: Committer,
  emptyTree: Oid,
  view: LedgerView,
  records: readonly LedgerRecord[],
): Promise<LedgerRead> {
  let { tip } = view;
  const append = async (record: LedgerRecord): Promise<RepositoryProblem | null> => {
    const parents = tip === null ? [] : [tip];
    const made = await committer.commit({ tree: emptyTree, parents, message: formatRecord(record) });
    if (!made.ok) return made.problem;
    tip = made.oid;
    return null;
  };
  const isBulk = records.length > recordsAtOnce;
  for (const record of isBulk ? [] : records) {
    const problem = await append(record);
    if (problem !== null) return { ok: false, problem };
  }
  const next = extended(view, tip, records);
  const last = records.at(-1);
  if (last === undefined || (!isBulk && next.sinceSnapshot < snapshotEvery)) return { ok: true, view: next };

  const { v, plan, run, at } = last;
  const snapshot: LedgerRecord = { v, plan, run, at, kind: "snapshot", state: next.state };
  const problem = await append(snapshot);
  if (problem !== null) return { ok: false, problem };
  return { ok: true, view: extended(next, tip, [snapshot]) };
}

/** One commit of a ledger, as it was written. */
export interface LedgerCommit {
  oid: Oid;
  parents: Oid[];
  message: string;
}

export type ChainRead = { ok: true; chain: LedgerCommit[] } | { ok: false; problem: RepositoryProblem };

/** The commits that `git log` names, newest first. */
export async function readChain(git: Git, what: readonly string[]): Promise<ChainRead> {
  const args = [
    "log",
    "-z",
    "--first-parent",
    "--no-show-signature",
    "--encoding=UTF-8",
    "--format=%H %P%n%B",
    ...what,
  ];
  const result = await git([...args, "--"]);
  return result.ok ? { ok: true, chain: parseLog(result) } : { ok: false, problem: gitProblem(args, result) };
}

function parseLog(result: GitResult): LedgerCommit[] {
  return result.stdout.split("\0").filter((text) => text !== "").map((text) => {
    const end = text.indexOf("\n");
    const [oid = "", ...parents] = text.slice(0, end).trim().split(" ");
    return { oid, parents, message: text.slice(end + 1) };
  });
}

/** Oldest first; `null` for what is no record. */
function parseChain(plan: string, chain: readonly LedgerCommit[]): (LedgerRecord | null)[] {
  return chain.map(({ message }) => parseRecord(message, plan)).toReversed();
}

function extended(view: LedgerView, tip: Oid | null, records: readonly (LedgerRecord | null)[]): LedgerView {
  const known = records.filter((record) => record !== null);
  const snapshot = records.findLastIndex((record) => record?.kind === "snapshot");
  return {
    plan: view.plan,
    tip,
    state: foldAll(view.state, known),
    sinceSnapshot: snapshot === -1 ? view.sinceSnapshot + records.length : records.length - 1 - snapshot,
    skipped: view.skipped + records.length - known.length,
  };
}
