import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";

/** What reading a file that an agent may have replaced came to. */
export type ReadInside =
  | { kind: "text"; text: string }
  /** Nothing there, or something that is no ordinary file (a link, a folder, a pipe), or a link on the way to it. */
  | { kind: "none" }
  | { kind: "too-large"; bytes: number };

/**
 * The absolute path of `path` below `root`, when every folder on the way is a real one: through a symbolic link a lane
 * would reach the outside. `make` creates missing folders. `null` otherwise.
 */
export async function pathInside(root: string, path: string, make = false): Promise<string | null> {
  const folders = path.split("/").slice(0, -1);
  let at = root;
  for (const folder of folders) {
    at = join(at, folder);
    const stats = await lstat(at).catch(() => null);
    if (stats?.isDirectory() === true) continue;
    if (stats !== null || !make) return null;
    await mkdir(at);
  }
  return join(root, path);
}

/** Reads a file below `root` without following any symbolic link, and never more than `maxBytes`. */
export async function readInside(root: string, path: string, maxBytes: number): Promise<ReadInside> {
  const target = await pathInside(root, path);
  const file = target === null ? null : await openFile(target);
  if (file === null) return { kind: "none" };
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return { kind: "none" };
    if (stats.size > maxBytes) return { kind: "too-large", bytes: stats.size };
    return { kind: "text", text: await file.readFile("utf8") };
  } finally {
    await file.close();
  }
}

/** Without `O_NONBLOCK`, opening a pipe would wait for its writer for ever. */
async function openFile(path: string): Promise<FileHandle | null> {
  return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(() => null);
}

/** Writes a file below `root`; whatever stands at its path is replaced, never written through. `false`: a link is on the way. */
export async function writeInside(root: string, path: string, text: string): Promise<boolean> {
  const target = await pathInside(root, path, true);
  if (target === null) return false;
  await rm(target, { recursive: true, force: true });
  const file = await open(target, "wx");
  try {
    await file.writeFile(text);
  } finally {
    await file.close();
  }
  return true;
}
