import { chmod, chown, open, readdir, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { removeTree } from "./files.ts";
import { isAlive } from "./proc.ts";

/** Unique among the files that this process is writing. */
let written = 0;

/**
 * Replaces a file in one step: a reader sees the old content or the new one, also after a power cut
 * (temporary file beside it, fsync, rename). Mode and owner of an existing file are kept.
 * With `durable: false` a power cut may leave an empty file: for what is checked when it is read and may be lost.
 *
 * Throws the `ErrnoException` of the operating system (ENOSPC, EACCES, EROFS …); the old content is then untouched.
 * The rename itself is not synchronized: whatever is, later, takes it along in order.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { durable = true }: { durable?: boolean } = {},
): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const before = await stat(target).catch(() => null);
  const temporary = temporaryBeside(target);
  try {
    const file = await open(temporary, "wx", before?.mode ?? 0o666);
    try {
      await file.writeFile(data);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    if (before !== null) {
      // Only root may give a file away; the umask may have taken bits of the mode.
      await chown(temporary, before.uid, before.gid).catch(() => undefined);
      await chmod(temporary, before.mode);
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Brings files that others wrote to the disk, before anything that names them. Those that are not there are left out. */
export async function syncFiles(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map(async (path) => {
    const file = await open(path, "r").catch(() => null);
    try {
      await file?.sync();
    } finally {
      await file?.close();
    }
  }));
}

/** A new path beside `path` that tells who made it: what is there is removed once that process is gone. */
export function temporaryBeside(path: string): string {
  written += 1;
  return join(dirname(path), `.${basename(path)}.capstan-${process.pid}-${written}`);
}

/** Removes the temporary files and folders that processes left in a folder when they were killed. Returns their names. */
export async function removeAbandoned(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const abandoned = names.filter((name) => {
    const [, pid] = /^\..+\.capstan-(\d+)-\d+$/.exec(name) ?? [];
    return pid !== undefined && Number(pid) !== process.pid && !isAlive(Number(pid));
  });
  await Promise.all(abandoned.map((name) => removeTree(join(folder, name))));
  return abandoned;
}
