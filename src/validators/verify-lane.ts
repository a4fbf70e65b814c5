import type { Oid } from "../loop/ports.ts";

/**
 * The lane that no agent touches, as validation needs it. `tree` and `base` may be commits or trees.
 * One checkout at a time: the next one replaces the files of the one before, whatever was done to them.
 */
export interface VerifyLane {
  /** Puts exactly this tree into the lane, set up and ready to run in. */
  checkout(tree: Oid): Promise<{ ok: true; dir: string } | { ok: false; message: string }>;
  /** `tree` with the files that `globs` match taken from `base`. Without globs: the id of the tree itself. */
  composeTree(tree: Oid, base: Oid, globs: string[]): Promise<Oid>;
  /** `base` with only these paths taken from `tree`. */
  overlay(base: Oid, tree: Oid, paths: string[]): Promise<Oid>;
  /** The text of a file, `null` when the tree holds none at this path. */
  read(tree: Oid, path: string): Promise<string | null>;
  /** The texts of several files, in order; `null` for what is no file there, or binary. */
  texts(tree: Oid, paths: readonly string[]): Promise<(string | null)[]>;
  /** All paths of files in the tree; what git ignores is not among them. */
  list(tree: Oid): Promise<string[]>;
}
