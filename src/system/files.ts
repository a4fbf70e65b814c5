import { constants } from "node:fs";
import { access, chmod, cp, lstat, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

/** The text of a file, or `null` when there is none. Throws any other `ErrnoException`. */
export async function readTextOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Whether something is at `path`: a dangling symbolic link counts, a parent that can't be searched does not. */
export async function pathExists(path: string): Promise<boolean> {
  return await lstat(path).then(() => true, () => false);
}

/** Whether `path` can be written by this process. */
export async function isWritable(path: string): Promise<boolean> {
  return await access(path, constants.W_OK).then(() => true, () => false);
}

/** Copies a file or a directory with everything in it; symbolic links stay links, times and modes are kept. */
export async function copyTree(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    mode: constants.COPYFILE_FICLONE,
  });
}

/**
 * Removes a file or a directory with everything in it, read-only directories included; nothing there is fine.
 * Never follows a symbolic link. Throws the `ErrnoException` of what could not be removed.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (!isDenied(error)) throw error;
    await openDirectories(path);
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Gives the owner all rights on every directory below `path`: module caches and test fixtures take them away. */
async function openDirectories(path: string): Promise<void> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) return;
  await chmod(path, 0o700);
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await openDirectories(join(path, entry.name));
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

function isDenied(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EACCES" || code === "EPERM" || code === "ENOTEMPTY";
}
