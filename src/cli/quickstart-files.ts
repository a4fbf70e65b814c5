import { cp, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGit, type Git } from "../lanes/git.ts";
import { locate } from "../lanes/locate.ts";
import { readPlan } from "../plan/read.ts";
import { removeTree } from "../system/files.ts";
import { isCheckout, packageRoot } from "./package.ts";

/** What belongs to the quick start; in the package at the same places as in a checkout. */
const files = ["prd.json", "progress.txt", "examples/duration", "quickstart", "registries/validators.json"];

/**
 * Copies the quick start into a folder, as it is before it ran. A checkout in which it ran holds its result: there the
 * files come from the commit before its first one. Throws the `ErrnoException` of a full or forbidden disk.
 */
export async function copyQuickStart(dir: string, env: Record<string, string | undefined>): Promise<void> {
  if (isCheckout() && await checkOutBefore(dir, env)) return;
  for (const file of files) await cp(join(packageRoot(), file), join(dir, file), { recursive: true });
}

/** `false` when it did not run in this checkout, or left no commit by which that could be told. */
async function checkOutBefore(dir: string, env: Record<string, string | undefined>): Promise<boolean> {
  const read = readPlan(await readFile(join(packageRoot(), "prd.json"), "utf8"), "prd.json");
  if (!read.ok || read.plan.planId === undefined) return false;
  const located = await locate({ dir: packageRoot(), readOnly: true, env });
  if (!located.ok) return false;
  const git = createGit(located.place);
  const before = await commitBefore(git, read.plan.planId);
  if (before === null) return false;
  await mkdir(dir, { recursive: true });
  // An index of its own: the checkout's must not take these files for its own.
  const indexFile = join(dirname(dir), `.capstan-index-${process.pid}`);
  try {
    return (await git(["checkout", "--quiet", before, "--", ...files], { workTree: dir, indexFile })).ok;
  } finally {
    await removeTree(indexFile);
  }
}

/** The parent of the first commit that belongs to the plan. */
async function commitBefore(git: Git, planId: string): Promise<string | null> {
  const listed = await git(["log", "--format=%H", "--fixed-strings", `--grep=Capstan-Plan: ${planId}`, "HEAD"]);
  const first = listed.stdout.trim().split("\n").at(-1) ?? "";
  if (first === "") return null;
  const parent = await git(["rev-parse", "--verify", "--quiet", `${first}^`]);
  return parent.ok ? parent.stdout.trim() : null;
}
