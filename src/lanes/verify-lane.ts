import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import { composeTree, type GitValue, overlayTree } from "./tree.ts";
import { type LaneDeps, openLaneFolder } from "./lane-folder.ts";
import type { Place } from "./locate.ts";
import type { SetupPlan } from "./setup.ts";

export interface CheckoutRequest {
  tree: Oid;
  /** The commit that HEAD names: what differs from it shows up in `git status`. */
  head: Oid;
  plan: SetupPlan;
}

/** The second lane, which no agent touches: own folder, own index, own dependencies. Trees enter it by object id. */
export interface VerifyLane {
  dir: string;
  /**
   * Makes the folder hold exactly this tree, whatever ran in it before. Returns the folder.
   * A setup that fails on an agent's tree (`setup-failed`) is the step's failure, not the repository's.
   */
  checkout(request: CheckoutRequest): Promise<GitValue<string>>;
  /** `tree` with everything that the globs match as it is in `base`: what only a person may change. */
  compose(tree: Oid, base: Oid, globs: readonly string[]): Promise<GitValue<Oid>>;
  /** `base` with only these paths from `tree`: a step's own tests, tried on what was there before it. */
  overlay(base: Oid, tree: Oid, paths: readonly string[]): Promise<GitValue<Oid>>;
}

/** Opens the verify lane of this repository. Nothing is made before the first checkout. */
export function openVerifyLane(place: Place, deps: LaneDeps): VerifyLane {
  const folder = openLaneFolder(place, "verify", deps);
  const scratch = join(place.stateDir, "verify.scratch");
  return {
    dir: folder.dir,
    async checkout({ tree, head, plan }) {
      const filled = await folder.populate({ tree, head, branch: null, plan });
      return filled.ok ? { ok: true, value: folder.dir } : filled;
    },
    compose: (tree, base, globs) => composeTree(folder.git, tree, base, globs, scratch),
    overlay: (base, tree, paths) => overlayTree(folder.git, base, tree, paths, scratch),
  };
}
