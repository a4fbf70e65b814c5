import { globMatcher } from "../../model/glob.ts";
import type { Step } from "../../model/plan.ts";
import type { FileChange } from "./changes.ts";
import { loosenedConfig } from "./config.ts";
import { loosenedTests } from "./tests.ts";

/** At most this much of a line is shown. */
const longest = 160;

/**
 * What of a change loosens the checks themselves, one line each: tests that are deleted, emptied, skipped or left out, lint
 * and CI configuration, thresholds of coverage. `allows` of the step names what it may; configuration that `paths` of the
 * step names may change as well, tests may not: where a step may write says nothing about what it may undo.
 */
export function loosenings(changes: readonly FileChange[], step: Pick<Step, "allows" | "paths">): string[] {
  const isOwn = globMatcher(step.paths ?? []);
  const cut = changes.map((change) => ({ ...change, before: cutLines(change.before), after: cutLines(change.after) }));
  return [...loosenedTests(cut), ...loosenedConfig(cut)]
    .filter(({ allows, path }) => !step.allows?.includes(allows) && (allows === "tests" || !isOwn(path)))
    .map(({ allows, path, what, sign, line }) =>
      `${path}:${line.at}: ${what} (${allows})\n  ${sign} ${line.text.trim().slice(0, longest)}`
    );
}

/** A line that nobody wrote by hand (minified code, data) declares no test, and patterns take their time on it. */
function cutLines(text: string | null): string | null {
  return text === null ? null : text.replaceAll(/^(.{2000}).+$/gm, "$1");
}
