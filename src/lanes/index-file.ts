import { constants } from "node:fs";
import { copyFile, stat, utimes } from "node:fs/promises";

/**
 * Copies an index with its time. Git looks into every file that is as young as the index, because a change within the
 * same second may leave no other trace: a copy that looks younger would miss it.
 */
export async function copyIndex(from: string, to: string): Promise<void> {
  const { mtimeMs } = await stat(from);
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const seconds = Math.floor(mtimeMs) / 1000;
  await utimes(to, seconds, seconds);
}
