import type { Frozen, Oid } from "../loop/ports.ts";
import { patchOf } from "../plan/patch.ts";
import type { Git } from "./git.ts";
import type { GitValue, TreeChange, TreeEntry } from "./tree.ts";
import { writeBlob } from "./trees.ts";

/** A larger file is only named: nobody reads its diff. */
const maxShown = 1024 * 1024;

/** One manifest whose scripts were put back. */
export interface Rewritten {
  path: string;
  entry: TreeEntry;
  /** The scripts, quoted. */
  names: string[];
}

/** Puts scripts back that validators run and that could not fail any more. No git call unless a manifest changed. */
export async function rewrittenScripts(
  git: Git,
  changes: readonly TreeChange[],
  frozen: Frozen,
): Promise<GitValue<Rewritten[]>> {
  const found: Rewritten[] = [];
  for (const { path, before, after } of changes) {
    if (before === null || after === null || !frozen.manifests.includes(path)) continue;
    const [old, now] = [await textOf(git, before.oid), await textOf(git, after.oid)];
    const emptied = old === null || now === null ? null : frozen.emptied(path, old, now);
    if (emptied === null) continue;
    const written = await writeBlob(git, emptied.text);
    if (!written.ok) return written;
    const oid = written.oid;
    found.push({ path, entry: { mode: after.mode, oid }, names: emptied.names.map((name) => `"${name}"`) });
  }
  return { ok: true, value: found };
}

/** What was put back, as the agent had it: unified diffs. Only after an offence, so that it may cost git calls. */
export async function offenceDiff(git: Git, undone: readonly TreeChange[]): Promise<string> {
  const diffs: string[] = [];
  for (const { path, before, after } of undone.slice(0, maxFiles)) {
    const [old, now] = [await textOf(git, before?.oid ?? null), await textOf(git, after?.oid ?? null)];
    diffs.push(patchOf(path, old, now));
  }
  return diffs.join("");
}

const maxFiles = 10;

async function textOf(git: Git, oid: Oid | null): Promise<string | null> {
  if (oid === null) return null;
  const read = await git(["cat-file", "blob", oid]);
  // A submodule's commit is no blob.
  return !read.ok || read.bytes.length > maxShown || read.bytes.includes(0) ? null : read.stdout;
}
