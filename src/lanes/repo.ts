import type { Clock, Oid } from "../loop/ports.ts";
import type { Notice } from "../model/event.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { Plan, Problem } from "../model/plan.ts";
import type { Failures } from "../model/failure.ts";
import type { Validator } from "../model/validator.ts";
import type { PlanRead } from "../plan/read.ts";
import { type Committer, createCommitter } from "./commits.ts";
import { createGit, type Git, gitProblem } from "./git.ts";
import type { Lease } from "./lease-push.ts";
import { emptyView, type LedgerView, readLedger } from "./ledger.ts";
import type { Place } from "./locate.ts";
import { refNames } from "./refs.ts";

/** `null`: there is no remote, and none was asked for. */
export type RemoteChosen = { ok: true; remote: string | null } | { ok: false; problem: RepositoryProblem };

export type ValidatorsResolved =
  | { ok: true; validators: Validator[]; failures: Failures }
  | { ok: false; problems: Problem[] };

export interface RepositoryOptions {
  /** Goes into every record. */
  run: string;
  clock: Clock;
  notice: (notice: Notice) => void;
  /** A new, random plan id (`[a-z0-9-]{6,64}`) for a plan that has none yet. */
  newPlanId(plan: Plan): string;
  /** Files of the tip that `resolveValidators` wants to see besides the registries: package.json, Makefile … */
  validatorSources: readonly string[];
  /** The validators as the given files of the tip declare them. Called again only when one of the files changed. */
  resolveValidators(
    files: ReadonlyMap<string, string>,
    plan: Plan,
    tip: Oid,
  ): ValidatorsResolved | Promise<ValidatorsResolved>;
  /** `--branch`: stronger than the plan's `branchName`. */
  branch?: string;
  /** `--no-checkout` is `false`: the checkout is left alone. @default {true} */
  checkout?: boolean;
  /** `--push`: branch and ledger go to this remote after each landing; `true` is the branch's own. @default {false} */
  push?: string | boolean;
}

/** A file of a commit. */
export interface TipFile {
  mode: string;
  oid: Oid;
}

/** The control files and validator sources of the branch's tip. */
export interface TipView {
  oid: Oid;
  files: ReadonlyMap<string, TipFile>;
  texts: ReadonlyMap<string, string>;
}

/** A checkout that did not follow yet: files that are still those of `old` are nobody's edits. */
export interface Follow {
  old: Oid;
  next: Oid;
}

/** One opened repository: what stays the same, and what was last seen of it. Nothing here survives the process. */
export interface Repo {
  readonly place: Place;
  readonly options: RepositoryOptions;
  readonly git: Git;
  readonly committer: Committer;
  emptyTree(): Promise<Oid>;
  branch: string | null;
  planId: string | null;
  ledger: LedgerView | null;
  tip: TipView | null;
  /** The branch's tip as of the last observation or landing; `null` before the first. */
  seen: Oid | null;
  behind: Follow | null;
  /** The last landing that this run knows of: a person may commit from a checkout that does not show it yet. */
  landing: Follow | null;
  validators: { key: string; validators: Validator[]; failures: Failures } | null;
  parsed: { text: string; read: PlanRead } | null;
  remote: RemoteChosen | null;
  /** What this run holds on the remote, where it has to hold anything. */
  lease: Lease | null;
  /** Aborts when another run has taken the lease over. */
  readonly lost: AbortController;
  /** What the last push brought to the remote. */
  pushed: string | null;
  /** Told once: HEAD went elsewhere, a plan that can't be read, LFS files that can't be sent, a remote without leases. */
  told: { left: string | null; unreadable: string | null; skipped: number; lfs: boolean; unleased: boolean };
}

export function openRepo(place: Place, options: RepositoryOptions): Repo {
  const git = createGit(place);
  let emptyTree: Promise<Oid> | null = null;
  return {
    place,
    options,
    git,
    committer: createCommitter(git, place.env, options.notice),
    emptyTree: () =>
      emptyTree ??= git(["hash-object", "-t", "tree", "-w", "--stdin"], { stdin: "" }).then(({ stdout }) =>
        stdout.trim()
      ),
    branch: null,
    planId: null,
    ledger: null,
    tip: null,
    seen: null,
    behind: null,
    landing: null,
    validators: null,
    parsed: null,
    remote: null,
    lease: null,
    lost: new AbortController(),
    pushed: null,
    told: { left: null, unreadable: null, skipped: 0, lfs: false, unleased: false },
  };
}

/** Where everything stands right now. */
export interface Heads {
  /** `null` when the branch does not exist. */
  tip: Oid | null;
  /** HEAD of the checkout is the run's branch. */
  attached: boolean;
  ledger: Oid | null;
  /** Kept attempts and parked commits by ref. */
  attempts: Map<string, Oid>;
}

export type HeadsRead = { ok: true; heads: Heads } | { ok: false; problem: RepositoryProblem };

/** Branch, ledger, kept attempts and HEAD in one git call. */
export async function readHeads(repo: Repo): Promise<HeadsRead> {
  const branch = refNames.branch(repo.branch ?? "HEAD");
  const { planId } = repo;
  const own = planId === null ? [] : [refNames.ledger(planId), refNames.attempts(planId), refNames.parked(planId, "")];
  const args = ["for-each-ref", "--format=%(HEAD)%(objectname) %(refname)", branch, ...own];
  const result = await repo.git(args);
  if (!result.ok) return { ok: false, problem: gitProblem(args, result) };
  const heads: Heads = { tip: null, attached: false, ledger: null, attempts: new Map() };
  for (const line of result.stdout.split("\n")) {
    const [, head, oid, ref] = /^([* ])([0-9a-f]+) (.+)$/.exec(line) ?? [];
    if (oid === undefined || ref === undefined) continue;
    if (ref === branch) {
      heads.tip = oid;
      heads.attached = head === "*";
    } else if (ref === own[0]) heads.ledger = oid;
    else heads.attempts.set(ref, oid);
  }
  return { ok: true, heads };
}

/** Brings `repo.ledger` to the ledger's tip, telling about records that had to be skipped. */
export async function refreshLedger(repo: Repo, tip: Oid | null): Promise<RepositoryProblem | null> {
  if (repo.planId === null) {
    repo.ledger = emptyView("");
    return null;
  }
  const read = await readLedger(repo.git, repo.planId, tip, repo.ledger ?? undefined);
  if (!read.ok) return read.problem;
  repo.ledger = read.view;
  if (read.view.skipped > repo.told.skipped) {
    repo.options.notice({ kind: "records-skipped", count: read.view.skipped, ref: refNames.ledger(repo.planId) });
  }
  repo.told.skipped = read.view.skipped;
  return null;
}
