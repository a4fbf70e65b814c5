import type { NewRecord, Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { AttemptRecord } from "../model/ledger.ts";
import { normalizeAgentProgress } from "../plan/progress.ts";
import { passFlags } from "../plan/edit.ts";
import { advance } from "./advance.ts";
import { changedPaths } from "./checkout.ts";
import { isControl } from "./control.ts";
import { commitWork } from "./land.ts";
import { refNames } from "./refs.ts";
import { withFilesOf } from "./replay.ts";
import type { Follow, Repo, TipView } from "./repo.ts";

/** A landing that a person's commit on top of it took back. */
export interface TakenBack {
  step: string;
  /** The person reverted it knowingly. Otherwise they committed from a checkout that did not show it yet. */
  deliberate: boolean;
  /** Where its work is kept, by ref. */
  kept: [ref: string, work: Oid][];
}

/**
 * Finds whether the branch, which moved since the last landing, holds none of it any more although its commit is still
 * there. `git commit -a` does that in a checkout that had not followed the branch yet: its files are the old ones, plan
 * and all, and nothing of git warns. The step is open again then, and its verified work is kept as the work of an attempt
 * that passed and did not land: it needs no agent, and lands on top of what the person committed once it is verified there.
 */
export async function findTakenBack(
  repo: Repo,
  tip: TipView,
): Promise<{ ok: true; back: TakenBack | null } | { ok: false; problem: RepositoryProblem }> {
  const none = { ok: true as const, back: null };
  const { landing } = repo;
  if (landing === null || landing.next === tip.oid || repo.ledger === null) return none;
  const { steps } = repo.ledger.state;
  const shown = passFlags(tip.texts.get(repo.place.planPath) ?? "{}");
  const step = Object.keys(steps).find((id) => steps[id]?.passed?.commit === landing.next && shown.get(id) === false);
  const record = step === undefined ? undefined : steps[step]!.recent.findLast(({ commit }) => commit === landing.next);
  if (step === undefined || record === undefined) return none;
  if (!await isGone(repo, landing, tip.oid)) return none;
  repo.landing = null;
  const by = await whoTook(repo, landing.next, tip.oid);
  if (by.text.includes(`This reverts commit ${landing.next}`)) {
    return { ok: true, back: { step, deliberate: true, kept: [] } };
  }

  const again = await keepAgain(repo, landing, tip, { record, iterations: steps[step]!.iterations, by: by.name });
  if (!again.ok) return again;
  repo.options.notice({ kind: "taken-back", step, commit: by.commit, by: by.name });
  return { ok: true, back: { step, deliberate: false, kept: again.kept } };
}

/** Whether nothing of the landing's work is left at `tip`, and some of it is exactly as it was before. */
async function isGone(repo: Repo, { old, next }: Follow, tip: Oid): Promise<boolean> {
  const isBelow = await repo.git(["merge-base", "--is-ancestor", next, tip]);
  if (!isBelow.ok) return false;
  const [landed, since, rest] = await Promise.all([
    changedPaths(repo, old, next),
    changedPaths(repo, next, tip),
    changedPaths(repo, old, tip),
  ]);
  const work = landed.filter((path) => !isControl(repo.place, path));
  return work.length > 0 && work.every((path) => since.includes(path)) && work.some((path) => !rest.includes(path));
}

async function whoTook(repo: Repo, next: Oid, tip: Oid): Promise<{ commit: Oid; name: string; text: string }> {
  const args = ["log", "--first-parent", "--reverse", "-n", "50", "--format=%H%n%an <%ae>%n%B", `${next}..${tip}`];
  const { stdout } = await repo.git(args);
  const [commit = tip, name = ""] = stdout.split("\n");
  return { commit, name, text: stdout };
}

async function keepAgain(
  repo: Repo,
  { old, next }: Follow,
  tip: TipView,
  facts: { record: AttemptRecord; iterations: number; by: string },
): Promise<{ ok: true; kept: TakenBack["kept"] } | { ok: false; problem: RepositoryProblem }> {
  const { place } = repo;
  const control = (await changedPaths(repo, old, next)).filter((path) => isControl(place, path));
  const tree = await withFilesOf(repo, next, old, control);
  const { v: _v, plan: _plan, run: _run, at: _at, ...record } = facts.record;
  const attempt = facts.iterations + 1;
  const kept = tree === null
    ? null
    : await commitWork(repo, tree, old, `attempt: ${record.step} #${attempt} taken back`);
  if (kept?.ok === false) return kept;
  const work = kept?.oid ?? null;
  const before = tip.texts.get(place.progressPath) ?? "";
  const written = normalizeAgentProgress({ before, after: await progressAt(repo, next) });
  const records: NewRecord[] = [
    { kind: "reopened", step: record.step, by: facts.by, why: "" },
    {
      ...record,
      attempt,
      outcome: "superseded",
      commit: null,
      work,
      costUsd: 0,
      usage: null,
      durationMs: 0,
      summary: `verified and landed, then taken back by a commit of ${facts.by} that did not show it`,
      progress: written.addedEntries.join(""),
      patterns: written.addedPatterns,
    },
  ];
  const ref = refNames.attempt(repo.planId!, record.step, attempt);
  const refs = work === null ? [] : [{ ref, old: null, next: work }];
  const advanced = await advance(repo, { records, refs, reason: `${record.step} taken back` });
  if (advanced.kind === "failed") return { ok: false, problem: advanced.problem };
  return { ok: true, kept: work === null ? [] : [[ref, work]] };
}

async function progressAt(repo: Repo, commit: Oid): Promise<string> {
  const shown = await repo.git(["cat-file", "blob", `${commit}:${repo.place.progressPath}`]);
  return shown.ok ? shown.stdout : "";
}
