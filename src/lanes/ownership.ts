import type { Frozen } from "../loop/ports.ts";
import { globMatcher } from "../model/glob.ts";
import { isControl, isRegistry } from "./control.ts";
import type { Place } from "./locate.ts";
import { looksLike } from "./look-alike.ts";
import { gitlinkMode, type TreeChange } from "./tree.ts";

/**
 * Whose a changed path is. `work` is the agent's; `own` the runner's, and nobody touched it; everything else is put
 * back. `dependency` lies where setup installs what validators run.
 */
export type Owner = "work" | "own" | "submodule" | "registry" | "control" | "protected" | "look-alike" | "dependency";

/** What an agent did, by owner, in words that a path completes. Those without words are nobody's offence. */
export const offences: Readonly<Partial<Record<Owner, string>>> = {
  registry: "changed",
  control: "put something in the place of",
  protected: "changed the protected file",
  "look-alike": "made a look-alike of a file that is not its own:",
  dependency: "put a file among the installed dependencies:",
};

export interface OwnedPlaces {
  place: Pick<Place, "planPath" | "progressPath" | "registriesPath">;
  /** Left out of staging: the runner wrote them. */
  skipped: readonly string[];
  /** The topmost ignored paths that setup made. */
  made: readonly string[];
  protects: Frozen["protects"];
}

/** Decides for each changed path of one lane. Pure. */
export function ownership({ place, skipped, made, protects }: OwnedPlaces): (change: TreeChange) => Owner {
  const isProtected = globMatcher(protects);
  const seemsProtected = globMatcher(protects.map(looksLike));
  const seen = {
    planPath: looksLike(place.planPath),
    progressPath: looksLike(place.progressPath),
    registriesPath: looksLike(place.registriesPath),
  };
  return ({ path, before, after }) => {
    if (path === place.registriesPath || isRegistry(place, path)) return "registry";
    // They were left out of `add`: one that is gone all the same had a folder on the way to it replaced.
    if (path === place.planPath || path === place.progressPath) return after === null ? "control" : "own";
    if (skipped.includes(path)) return "own";
    if (before?.mode === gitlinkMode || after?.mode === gitlinkMode) return "submodule";
    if (isProtected(path)) return "protected";
    if (made.some((root) => path === root || path.startsWith(`${root}/`))) return "dependency";
    const twin = looksLike(path);
    const isTwin = before === null && twin !== path && (isControl(seen, twin) || seemsProtected(twin));
    return isTwin ? "look-alike" : "work";
  };
}
