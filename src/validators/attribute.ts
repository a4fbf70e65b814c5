import type { Exit } from "../model/process.ts";
import type { Evidence, Verdict } from "../model/verdict.ts";
import { isLock } from "./lock.ts";
import { isHygiene, type Selected } from "./select.ts";

/** One run of one validator on one tree. */
export interface Execution {
  status: "pass" | "fail" | "error";
  exit: Exit;
  durationMs: number;
  digest: string;
  log: string | null;
  cached: boolean;
}

/**
 * What the base said: `null` when it was not asked, `unknown` when it could not be, `flaky` when it said both. `other-red` is red in
 * another way than the step demands.
 */
export type BaseResult = "green" | "red" | "other-red" | "flaky" | "unknown" | null;

/** A validator with everything that was learned about it. `runs` are those on the result, one or two. */
export interface Tried extends Selected {
  runs: Execution[];
  base: BaseResult;
}

/** Whether the result is red for certain: red in every run. */
export function isRed({ runs }: Pick<Tried, "runs">): boolean {
  return runs.every(({ status }) => status !== "pass");
}

/**
 * What the runs come to. A red one blocks unless it was red before this change and the step does not name it;
 * one that differed on the same tree is `flaky` and does not block. What guards earlier steps must not differ on the
 * base either: nobody works on those steps now, and a flaky one would stop every other step.
 */
export function verdictOf(tried: Tried): Verdict {
  const { validator, named, guards, runs, base } = tried;
  const first = runs[0]!;
  const last = runs.at(-1)!;
  const differed = runs.length > 1 && first.status !== "pass" && last.status === "pass";
  const flaky = differed || (base === "flaky" && isRed(tried) && !named && guards.length > 0);
  const red = isRed(tried) && !flaky;
  const attribution = flaky ? null : attributionOf(red, base);
  return {
    validator: validator.id,
    status: flaky ? "flaky" : last.status,
    attribution,
    named,
    blocks: red && (named || attribution !== "broken-before"),
    exit: flaky ? first.exit : last.exit,
    durationMs: first.durationMs,
    digest: flaky ? `${flakyText(differed)}:\n${first.digest}` : last.digest,
    fix: validator.fix ?? null,
    log: flaky ? first.log : last.log,
    cached: last.cached,
    ...red && attribution === "regressed" && guards.length > 0 && { breaks: guards },
  };
}

function flakyText(differed: boolean): string {
  return differed
    ? "Failed once and passed when run again on the same files"
    : "Failed, but on the files before this change it fails and passes by turns";
}

function attributionOf(red: boolean, base: BaseResult): Verdict["attribution"] {
  if (base === "unknown") return null;
  const wasRed = base === "red" || base === "other-red";
  if (red) return base === null ? null : wasRed ? "broken-before" : "regressed";
  return wasRed ? "fixed" : "clean";
}

/**
 * What a pass of these verdicts rests on, `null` when nothing verified the change. `proven` says that a test of the
 * change fails on the base. With `redFirst`, own validators that were as green before the work are told from those of
 * the repository. Hygiene and what only guards earlier steps prove nothing.
 */
export function evidenceOf(
  tried: readonly Tried[],
  facts: { unchanged: boolean; proven: boolean; redFirst: boolean; trust: "validators" | "agent" | undefined },
): Evidence | null {
  const counted = tried.filter((one) => !isHygiene(one.validator) && !isLock(one));
  const green = counted.filter((one) => !isRed(one));
  const named = counted.filter((one) => one.named);
  const steady = named.filter(({ runs }) => runs.every(({ status }) => status === "pass"));
  if (facts.unchanged && named.length > 0 && steady.length === named.length) return "already-true";
  if (steady.some(({ base }) => base === "red") || facts.proven) return "step";
  const isVacuous = named.length > 0 && named.every(({ base }) => base !== null && base !== "unknown");
  if (facts.redFirst && isVacuous && steady.length === named.length) return "vacuous";
  if (green.length > 0) return "repo";
  return facts.trust === "agent" ? "agent" : null;
}
