import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Halt } from "../model/halt.ts";
import type { Problem } from "../model/plan.ts";
import { type PlanRead, readPlan } from "../plan/read.ts";
import { isRegistry, type PersonEdit, personEdits } from "./control.ts";
import type { Place } from "./locate.ts";
import type { Repo, TipView } from "./repo.ts";

/** A text that can't be read now may be one that is being written. */
const rereads = 4;
const rereadMs = 500;

/** Reads a plan with everything that is checked about it. The last text's result is kept. */
export function readPlanOf(repo: Repo, text: string): PlanRead {
  if (repo.parsed?.text === text) return repo.parsed.read;
  const read = readPlan(text, repo.place.planPath);
  repo.parsed = { text, read };
  return read;
}

export type Readable = { ok: true; edits: PersonEdit[] } | { ok: false; halt: Halt };

/**
 * The person's edits that make sense. One that does not is read again for two seconds; after that it ends a run that
 * just begins, and is left out (and told about once) in a run under way.
 */
export async function readableEdits(repo: Repo, tip: TipView, first: boolean): Promise<Readable> {
  const never = new AbortController().signal;
  for (let looks = 0;; looks += 1) {
    const read = await personEdits(repo, tip);
    if (!read.ok) return { ok: false, halt: { reason: "repository", problem: read.problem } };
    const wrong = read.edits.flatMap((edit) => editProblems(repo, edit));
    if (wrong.length === 0) {
      repo.told.unreadable = null;
      return { ok: true, edits: read.edits };
    }
    const files = new Set(wrong.map(({ file }) => file));
    const signature = read.edits.filter(({ path }) => files.has(path)).map(({ path, oid }) => `${path} ${oid}`).join(
      "\n",
    );
    const isNews = repo.told.unreadable !== signature;
    if (isNews && looks < rereads) {
      await repo.options.clock.sleep(rereadMs, never);
      continue;
    }
    if (first) return { ok: false, halt: { reason: "invalid", problems: wrong } };
    if (isNews) {
      repo.told.unreadable = signature;
      const { file, message } = wrong[0]!;
      repo.options.notice({ kind: "plan-unreadable", file: join(repo.place.root, file), message });
    }
    return { ok: true, edits: read.edits.filter(({ path }) => !files.has(path)) };
  }
}

/** What is wrong with an edited file. A deleted registry or progress.txt is an edit like any other. */
export function editProblems(repo: Repo, { path, text }: PersonEdit): Problem[] {
  if (path === repo.place.planPath) {
    if (text === null) return [missingPlan(path)];
    const read = readPlanOf(repo, text);
    return read.ok ? [] : read.problems.map((problem) => ({ ...problem, file: path }));
  }
  if (text === null || !isRegistry(repo.place, path)) return [];
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    return [{ file: path, path: "", line: null, message: `is no JSON: ${(error as Error).message}` }];
  }
}

export function missingPlan(file: string): Problem {
  const hint = "Write one with `capstan init`, or name another with `--plan FILE`";
  return { file, path: "", line: null, message: "There is no plan", hint };
}

/** The same for a plan that was looked for in the checkout: something else may stand at its place. */
export async function absentPlan({ root, planPath }: Pick<Place, "root" | "planPath">): Promise<Problem> {
  const missing = missingPlan(planPath);
  const stats = await lstat(join(root, planPath)).catch(() => null);
  if (stats === null) return missing;
  const what = stats.isSymbolicLink() ? "a symbolic link" : stats.isDirectory() ? "a folder" : "no file";
  return { ...missing, message: `This is ${what}, where the plan should be`, hint: "Name the plan with `--plan FILE`" };
}
