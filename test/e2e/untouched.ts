import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { processesMarked } from "../../src/system/proc.ts";
import type { TestRepo } from "../support/repo.ts";
import type { Invocation } from "./rig.ts";

/** Everything of a repository that a refused run must leave alone. */
export interface Photo {
  refs: string;
  head: string;
  status: string;
  index: string;
  files: Record<string, string>;
}

/** Takes a photo of refs (ledger included), HEAD, index and every file of the checkout. */
export async function photo(repo: TestRepo): Promise<Photo> {
  const quiet = ["--no-optional-locks"];
  const head = await readFile(join(repo.dir, ".git/HEAD"), "utf8").catch(() => "");
  const git = (...args: string[]) => repo.git(...quiet, ...args).catch(() => "");
  return {
    refs: await git("for-each-ref"),
    head,
    status: await git("status", "--porcelain=v2", "--branch"),
    index: digest(await readFile(join(repo.dir, ".git/index")).catch(() => Buffer.alloc(0))),
    files: await filesBelow(repo.dir),
  };
}

async function filesBelow(dir: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(dir.length + 1);
    if (name === ".git" || name.startsWith(".git/")) continue;
    const stats = await lstat(path);
    if (stats.isSymbolicLink()) files[name] = `-> ${await readlink(path)}`;
    else if (stats.isFile()) files[name] = `${stats.mode} ${digest(await readFile(path))}`;
    else files[name] = "folder";
  }
  return files;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** One clear message: the exit code, one headline, everything that must be said, nothing that only we understand. */
export function expectRefusal(run: Invocation, code: number, says: readonly (string | RegExp)[]): void {
  expect(run.stderr).toBe("");
  for (const text of says) expect(run.stdout).toMatch(text);
  expect(run.stdout.match(/^x /gm)).toHaveLength(1);
  expect(run.stdout).not.toMatch(/^\s+at |Error:|undefined|\[object/m);
  expect(run.stdout).toMatch(/\nNext\n/);
  expect(run.code).toBe(code);
}

/** How many processes live that a run of this repository started. */
export function leftOf(repo: TestRepo): number {
  return processesMarked((mark) => mark.startsWith(`${repoKey(repo)}.`)).length;
}

function repoKey(repo: TestRepo): string {
  return `repo-${createHash("sha256").update(join(repo.dir, ".git")).digest("hex").slice(0, 12)}`;
}
