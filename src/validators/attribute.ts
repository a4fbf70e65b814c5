import type { Exit } from "../model/process.ts";
import type { Evidence, Verdict } from "../model/verdict.ts";
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

/** What the base said: `null` when it was not asked, `unknown` when it could not be. */
export type BaseResult = "green" | "red" | "unknown" | null;

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
 * one that differed on the same tree is `flaky` and does not block.
 */
export function verdictOf(tried: Tried): Verdict {
  const { validator, named, runs, base } = tried;
  const first = runs[0]!;
  const last = runs.at(-1)!;
  const flaky = runs.length > 1 && first.status !== "pass" && last.status === "pass";
  const red = isRed(tried);
  const attribution = flaky ? null : attributionOf(red, base);
  return {
    validator: validator.id,
    status: flaky ? "flaky" : last.status,
    attribution,
    named,
    blocks: red && (named || attribution !== "broken-before"),
    exit: flaky ? first.exit : last.exit,
    durationMs: first.durationMs,
    digest: flaky ? `Failed once and passed when run again on the same files:\n${first.digest}` : last.digest,
    fix: validator.fix ?? null,
    log: flaky ? first.log : last.log,
    cached: last.cached,
  };
}

function attributionOf(red: boolean, base: BaseResult): Verdict["attribution"] {
  if (base === "unknown") return null;
  if (red) return base === null ? null : base === "red" ? "broken-before" : "regressed";
  return base === "red" ? "fixed" : "clean";
}

/**
 * What a pass of these verdicts rests on, `null` when nothing verified the change. `proven` says that a test of the
 * change fails on the base. Hygiene proves nothing.
 */
export function evidenceOf(
  tried: readonly Tried[],
  facts: { unchanged: boolean; proven: boolean; trust: "validators" | "agent" | undefined },
): Evidence | null {
  const counted = tried.filter(({ validator }) => !isHygiene(validator));
  const green = counted.filter((one) => !isRed(one));
  const named = counted.filter((one) => one.named);
  const steady = named.filter(({ runs }) => runs.every(({ status }) => status === "pass"));
  if (facts.unchanged && named.length > 0 && steady.length === named.length) return "already-true";
  if (steady.some(({ base }) => base === "red") || facts.proven) return "step";
  if (green.length > 0) return "repo";
  return facts.trust === "agent" ? "agent" : null;
}
