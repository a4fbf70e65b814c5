import type { Place } from "../lanes/locate.ts";
import type { LimitSource } from "../model/limits.ts";

/** Where a person finds the limits of each source. */
export function filesOf(
  { planPath, registriesPath }: Pick<Place, "planPath" | "registriesPath">,
): Record<LimitSource, string> {
  return {
    "command-line": "command line",
    plan: planPath,
    registry: `${registriesPath}/limits.json`,
    "built-in": "default",
  };
}
