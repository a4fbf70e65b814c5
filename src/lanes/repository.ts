import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Inflight, NewRecord, Observed, RepositoryPort } from "../loop/ports.ts";
import type { Halt, RepositoryProblem } from "../model/halt.ts";
import type { LedgerRecord } from "../model/ledger.ts";
import { readTextOrNull } from "../system/files.ts";
import { chooseBranch } from "./branch.ts";
import { clearDead } from "./dead-git.ts";
import { keepAlive, lostHalt, releaseLease } from "./hold.ts";
import { ownFolder, writeOwn } from "./intent.ts";
import { append, keep } from "./keep.ts";
import { land } from "./land.ts";
import { readHistory } from "./ledger.ts";
import type { Place } from "./locate.ts";
import { look, observe } from "./observe.ts";
import { reconcile } from "./reconcile.ts";
import { push } from "./remote.ts";
import { findPlan } from "./remote-plan.ts";
import { replay } from "./replay.ts";
import { openRepo, readHeads, type Repo, type RepositoryOptions } from "./repo.ts";
import { holdNewPlan, type Start, start, type Started } from "./start.ts";

/** The repository as the loop and the commands use it. */
export interface Repository extends RepositoryPort {
  /** Before the first `observe` of a run: checks, recovery, branch, remote, lease. Commands that only read or append skip it. */
  start(before?: Start): Promise<Started>;
  /**
   * After the first `observe` of a run: keeps the lease alive from here on. A plan without an id had none to take: it is
   * taken now, and the plan with its id goes to the remote, where others see it.
   */
  hold(before: Start): Promise<Halt | null>;
  /** Aborts when another run has taken the lease over: nothing of this one reaches the remote any more. */
  readonly lost: AbortSignal;
  /** Gives the lease back. */
  release(): Promise<void>;
  /** What `observe` would see, without changing anything: for `status`, `brief`, `explain`. */
  look(): Promise<Observed>;
  /** `look`, and on the remote's branch where the plan is not here yet: for a run that begins. */
  find(): Promise<Observed>;
  /** Every record of this plan, oldest first. Empty before the first. */
  history(): Promise<LedgerRecord[]>;
}

/** Opens the repository at `place`. Nothing is read or changed yet. */
export function openRepository(place: Place, options: RepositoryOptions): Repository {
  const repo = openRepo(place, options);
  const inflightFile = join(ownFolder(repo), "inflight.json");
  const located = () => ensureBranch(repo);
  const toHalt = (problem: RepositoryProblem | null): Halt | null =>
    problem === null ? null : { reason: "repository", problem };

  return {
    start: (before) => start(repo, before ?? { died: false }),
    hold: async (before) => {
      const halt = repo.lease === null ? await holdNewPlan(repo, before) : null;
      if (halt === null && repo.lease !== null) void keepAlive(repo, repo.lease);
      return halt;
    },
    lost: repo.lost.signal,
    release: () => releaseLease(repo),
    observe: async () => {
      if (repo.lease?.lost === true) return { ok: false, halt: await lostHalt(repo, repo.lease) };
      const halt = await located();
      if (halt !== null) return { ok: false, halt };
      if (repo.behind !== null) await reconcile(repo, { isStart: false });
      return await observe(repo);
    },
    look: async () => {
      const halt = await located();
      return halt === null ? await look(repo) : { ok: false, halt };
    },
    find: async () => {
      const halt = await located();
      return halt === null ? await findPlan(repo) : { ok: false, halt };
    },
    history: async () => {
      if (await ensureLedger(repo) !== null) return [];
      const read = await readHeads(repo);
      return read.ok && repo.planId !== null ? await readHistory(repo.git, repo.planId, read.heads.ledger) : [];
    },
    append: async (record: NewRecord) => {
      // A command that appends makes no other preparations.
      if (repo.seen === null) await clearDead(repo, { died: false });
      return await ensureLedger(repo) ?? toHalt(await append(repo, [record]));
    },
    keep: async (record, work) => toHalt(await keep(repo, record, work)),
    land: (request) => land(repo, request),
    replay: (work, base, tip) => replay(repo, work, base, tip),
    push: async () => await ensureLedger(repo) ?? await push(repo),
    // What an agent writes into its lane is not synchronized either.
    markInflight: async (facts) =>
      toHalt(await writeOwn(repo, inflightFile, { plan: repo.planId, facts }, { durable: false })),
    clearInflight: () => rm(inflightFile, { force: true }),
    leftover: async () => {
      const text = await readTextOrNull(inflightFile);
      return text === null ? null : parseInflight(text, repo.planId);
    },
  };
}

async function ensureBranch(repo: Repo): Promise<Halt | null> {
  return repo.branch === null ? await chooseBranch(repo) : null;
}

/** For commands that append without a run: finds branch, plan and ledger by looking. */
async function ensureLedger(repo: Repo): Promise<Halt | null> {
  if (repo.ledger !== null && repo.planId !== null) return null;
  const halt = await ensureBranch(repo);
  if (halt !== null) return halt;
  const observed = await look(repo);
  if (!observed.ok) return observed.halt;
  if (repo.planId !== null) return null;
  const file = repo.place.planPath;
  const message = "has no planId yet: no run of it has begun";
  return {
    reason: "invalid",
    problems: [{ file, path: "planId", line: null, message, hint: "start it with `capstan`" }],
  };
}

/** A file that was cut off, or another plan's, says nothing. */
function parseInflight(text: string, plan: string | null): Inflight | null {
  try {
    const noted = JSON.parse(text) as { plan: string | null; facts: Inflight };
    return noted.plan === plan && typeof noted.facts.lane.dir === "string" ? noted.facts : null;
  } catch {
    return null;
  }
}
