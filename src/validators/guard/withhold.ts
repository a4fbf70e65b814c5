import type { Collected } from "../../loop/ports.ts";
import type { WithholdRequest } from "../../loop/validator-port.ts";
import { globMatcher } from "../../model/glob.ts";
import type { Redactor } from "../../system/redact.ts";
import type { VerifyLane } from "../verify-lane.ts";
import { leakLines, leaksIn } from "./secrets.ts";

/** The work with every file that holds what looks like a secret as it is on the base. Kept work is pushed like the rest. */
export async function withholdSecrets(
  lane: Pick<VerifyLane, "texts" | "overlay">,
  { base, work, step, validators }: WithholdRequest,
  redactor: Redactor,
): Promise<{ work: Collected; lines: string[] }> {
  const globs = validators.find(({ builtin }) => builtin === "secrets")?.paths;
  const concerns = globs === undefined ? () => true : globMatcher(globs);
  const paths = work.changed.filter(({ path, status }) => status !== "deleted" && concerns(path)).map(({ path }) =>
    path
  );
  if (paths.length === 0 || step.allows?.includes("secrets")) return { work, lines: [] };
  const [before, after] = await Promise.all([lane.texts(base, paths), lane.texts(work.tree, paths)]);
  const changes = paths.map((path, index) => ({
    path,
    from: path,
    before: before[index] ?? null,
    after: after[index] ?? null,
  }));
  const leaks = leaksIn(changes, redactor);
  if (leaks.length === 0) return { work, lines: [] };
  const leaky = new Set(leaks.map(({ path }) => path));
  const tree = await lane.overlay(work.tree, base, [...leaky]);
  const changed = work.changed.filter(({ path }) => !leaky.has(path));
  return { work: { ...work, tree, changed }, lines: leakLines(leaks, redactor).map((line) => line.split("\n")[0]!) };
}
