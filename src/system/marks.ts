import { randomInt } from "node:crypto";

/** The environment variable that every process of an iteration inherits, and by which leftovers are found. */
export const markVariable = "CAPSTAN_RUN";

/** What a mark says. `iteration` counts from 1 within the run; `0` is for what runs outside of iterations. */
export interface MarkFacts {
  repoKey: string;
  run: string;
  iteration: number;
}

/** A new run's id: `[a-z0-9-]`, 15 characters, sorts by time of creation (milliseconds, then at random). */
export function runId(now: number = Date.now()): string {
  return `${base36(now, 8)}-${base36(randomInt(36 ** 6), 6)}`;
}

/** `<repoKey>.<run>.<iteration>`. None of the parts may hold a dot. */
export function mark(repoKey: string, run: string, iteration: number): string {
  return `${repoKey}.${run}.${iteration}`;
}

/** The parts of a mark, or `null` for text that `mark` did not make. */
export function parseMark(text: string): MarkFacts | null {
  const [repoKey, run, iteration, ...more] = text.split(".");
  if (!repoKey || !run || iteration === undefined || more.length > 0 || !/^\d+$/.test(iteration)) return null;
  return { repoKey, run, iteration: Number(iteration) };
}

function base36(value: number, length: number): string {
  return value.toString(36).padStart(length, "0");
}

/** A new plan's id, from its project's name and a random part: `[a-z0-9-]`, 6 to 64 characters. */
export function newPlanId(project: string): string {
  const slug = project.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "").slice(0, 40);
  return `${slug === "" ? "plan" : slug}-${base36(randomInt(36 ** 6), 6)}`;
}
