import { chmod, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../system/files.ts";
import { type Git, type GitOptions, splitNul } from "./git.ts";

/** Gives the owner back the right to read what lies below `dir`: agents take it away, by accident or not. */
export async function allowReading(dir: string): Promise<void> {
  const stats = await lstat(dir);
  if (stats.isDirectory() && (stats.mode & 0o700) !== 0o700) await chmod(dir, stats.mode & 0o777 | 0o700);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== ".git") await allowReading(path);
    } else if (entry.isFile()) {
      const { mode } = await lstat(path);
      if ((mode & 0o400) === 0) await chmod(path, mode & 0o777 | 0o400);
    }
  }
}

/**
 * Makes ordinary folders of repositories without commits: git refuses to stage those. Returns what it did, in
 * sentences.
 */
export async function adoptRepositories(git: Git, options: GitOptions & { workTree: string }): Promise<string[]> {
  const listed = await git(["ls-files", "-z", "-o", "--exclude-standard", "--directory"], options);
  const folders = splitNul(listed).filter((path) => path.endsWith("/")).map((path) => path.slice(0, -1));
  const adopted: string[] = [];
  for (const folder of folders) await adoptBelow(options.workTree, folder, adopted);
  return adopted.map((path) => `made a repository of its own in \`${path}\`: its files were taken as ordinary ones`);
}

/** Puts the index's attributes in the place of those in the work tree. Returns whether there were any. */
export async function dropAttributes(
  git: Git,
  options: GitOptions & { workTree: string },
  told: string[],
): Promise<boolean> {
  const list = async (kind: string): Promise<string[]> =>
    splitNul(await git(["ls-files", "-z", kind, "--", ":(top,glob)**/.gitattributes"], options));
  const [tracked, others] = [await list("-c"), await list("-o")];
  for (const path of others) await removeTree(join(options.workTree, path));
  if (tracked.length > 0) await git(["checkout-index", "-f", "--", ...tracked], options);
  if (others.length + tracked.length === 0) return false;
  told.push("wrote attributes that git can't work with: they were left out");
  return true;
}

async function adoptBelow(root: string, folder: string, adopted: string[]): Promise<void> {
  for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
    if (entry.name === ".git") {
      await removeTree(join(root, folder, entry.name));
      adopted.push(folder);
    } else if (entry.isDirectory()) {
      await adoptBelow(root, `${folder}/${entry.name}`, adopted);
    }
  }
}
