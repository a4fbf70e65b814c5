import type { Observation, Observed, Oid } from "../loop/ports.ts";
import type { Halt, RepositoryProblem } from "../model/halt.ts";
import type { LedgerState } from "../model/ledger.ts";
import type { Problem } from "../model/plan.ts";
import { readPlanOf } from "./readable.ts";
import { isControl } from "./control.ts";
import type { Heads, Repo, TipFile, TipView } from "./repo.ts";
import { readTip } from "./tip.ts";
import { objectId } from "./trees.ts";

/** What was seen, before it becomes an observation. */
export interface Sight {
  oid: Oid;
  planText: string;
  first: boolean;
  heads: Heads;
  /** Control files as they lie in the checkout, where those count and are not committed yet. */
  checkout?: ReadonlyMap<string, Buffer> | null;
}

/** Reads what the tip holds and puts everything together; validators are resolved again only when their files changed. */
export async function toObservation(repo: Repo, sight: Sight): Promise<Observed> {
  const { oid, planText, first, heads, checkout = null } = sight;
  const read = readPlanOf(repo, planText);
  if (!read.ok) return invalid(read.problems);
  const tip = await readTip(repo, oid);
  if (!tip.ok) return repositoryHalt(tip.problem);
  const { files, texts } = checkout === null ? tip.view : withCheckout(repo, tip.view, checkout);
  const key = JSON.stringify([
    objectId("blob", Buffer.from(planText), oid),
    [...files].map(([path, file]) => [path, file.oid])
      .filter(([path]) => path !== repo.place.planPath && path !== repo.place.progressPath),
  ]);
  if (repo.validators?.key !== key) {
    // Problems are shown at their line of the plan that was read, which may lie in the checkout only.
    const shown = new Map(texts).set(repo.place.planPath, planText);
    const resolved = await repo.options.resolveValidators(shown, read.plan, oid);
    if (resolved.ok) repo.validators = { key, validators: resolved.validators, failures: resolved.failures };
    else if (first || repo.validators === null) return invalid(resolved.problems);
    else {
      const { file, message } = resolved.problems[0]!;
      repo.options.notice({ kind: "plan-unreadable", file, message });
      repo.validators = { ...repo.validators, key };
    }
  }
  const value: Observation = {
    plan: read.plan,
    planText,
    progressText: texts.get(repo.place.progressPath) ?? "",
    tip: oid,
    branch: repo.branch!,
    ledger: withoutLostWork(repo.ledger!.state, heads),
    validators: repo.validators.validators,
    failures: repo.validators.failures,
  };
  return { ok: true, value };
}

/** The tip's files with the checkout's control files in their places, as they will be once they are committed. */
function withCheckout(
  { place }: Repo,
  tip: TipView,
  checkout: ReadonlyMap<string, Buffer>,
): Pick<TipView, "files" | "texts"> {
  const others = <T>(map: ReadonlyMap<string, T>) => [...map].filter(([path]) => !isControl(place, path));
  const files = new Map<string, TipFile>(others(tip.files));
  const texts = new Map<string, string>(others(tip.texts));
  for (const [path, bytes] of checkout) {
    files.set(path, { mode: "100644", oid: objectId("blob", bytes, tip.oid) });
    texts.set(path, bytes.toString("utf8"));
  }
  return { files, texts };
}

/** Kept work that no ref of this clone holds (it was never pushed) can't be carried: the next attempt starts afresh. */
function withoutLostWork(state: LedgerState, heads: Heads): LedgerState {
  const kept = new Set(heads.attempts.values());
  const lost = Object.entries(state.steps).filter(([, { carry }]) => carry !== null && !kept.has(carry.work));
  if (lost.length === 0) return state;
  const steps = Object.assign(Object.create(null) as LedgerState["steps"], state.steps);
  for (const [id, step] of lost) steps[id] = { ...step, carry: null };
  return { ...state, steps };
}

export function repositoryHalt(problem: RepositoryProblem): { ok: false; halt: Halt } {
  return { ok: false, halt: { reason: "repository", problem } };
}

export function invalid(problems: Problem[]): { ok: false; halt: Halt } {
  return { ok: false, halt: { reason: "invalid", problems } };
}
