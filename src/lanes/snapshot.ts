import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { chmod, cp, mkdir, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { exec } from "../system/exec.ts";
import { writeFileAtomic } from "../system/atomic.ts";
import { removeTree } from "../system/files.ts";
import { pathInside } from "./inside.ts";

/**
 * What stood at one path right after setup. A file's change time can't be set back by anybody but root with a changed
 * clock, so `[kind, mode, size, inode, change time, modification time]` tells an untouched file from one that was written,
 * cheaply. Deno knows the change time to the second only.
 */
type Mark = string;

/** The ignored files that setup made. `roots` are the topmost ignored paths, without a trailing slash. */
export interface Snapshot {
  /** What the setup depended on. */
  key: string;
  roots: string[];
  marks: Map<string, Mark>;
}

interface SnapshotFile {
  v: 1;
  key: string;
  roots: string[];
  marks: Record<string, Mark>;
}

/** How many files are looked at before other work gets its turn. */
const batch = 2000;

/** Reads the snapshot kept in `folder`; `null` when there is none that can be used. */
export async function readSnapshot(folder: string): Promise<Snapshot | null> {
  try {
    const file = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as SnapshotFile;
    return file.v === 1 ? { key: file.key, roots: file.roots, marks: new Map(Object.entries(file.marks)) } : null;
  } catch {
    return null;
  }
}

/** Notes what stands at `roots` below `dir` and keeps a pristine copy in `folder`. Replaces an older snapshot. */
export async function takeSnapshot(
  request: { dir: string; folder: string; key: string; roots: readonly string[]; env: Record<string, string> },
): Promise<Snapshot> {
  const { dir, folder, key, env } = request;
  await removeTree(folder);
  await mkdir(join(folder, "files"), { recursive: true });
  const roots = [...request.roots];
  for (const root of roots) await copyPristine(join(dir, root), join(folder, "files", root), env);
  const snapshot = { key, roots, marks: await walk(dir, roots) };
  await save(folder, snapshot);
  return snapshot;
}

/** `cp` shares blocks where the file system can, and is many times quicker than copying from here. */
async function copyPristine(from: string, to: string, env: Record<string, string>): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const { exit } = await exec(["cp", "-a", from, to], { env });
  if (exit.kind === "code" && exit.code === 0) return;
  await removeTree(to);
  await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
}

async function save(folder: string, { key, roots, marks }: Snapshot): Promise<void> {
  const file: SnapshotFile = { v: 1, key, roots, marks: Object.fromEntries(marks) };
  await writeFileAtomic(join(folder, "manifest.json"), JSON.stringify(file));
}

/**
 * Puts the snapshot's files below `dir` back as setup left them: what was added goes away, what was changed or removed
 * is copied back. Paths that `isKept` accepts are left as they are. Returns how many paths were put right.
 */
export async function restoreSnapshot(
  request: { dir: string; folder: string; snapshot: Snapshot; isKept: (path: string) => boolean },
): Promise<number> {
  const { dir, folder, snapshot, isKept } = request;
  for (const root of snapshot.roots) await openWay(dir, root);
  const now = await walk(dir, snapshot.roots);
  const wrong = new Set<string>();
  for (const [path, found] of now) if (snapshot.marks.get(path) !== found && !isKept(path)) wrong.add(path);
  for (const path of snapshot.marks.keys()) if (!now.has(path) && !isKept(path)) wrong.add(path);

  // In order, a folder comes before what is in it: replacing the folder as a whole makes its content right again.
  const done = new Set<string>();
  for (const path of [...wrong].toSorted()) {
    if (isBelow(path, done)) continue;
    await putBack(dir, folder, path, snapshot.marks.get(path), now.get(path), done);
  }
  if (wrong.size === 0) return 0;
  for (const path of snapshot.marks.keys()) if (wrong.has(path) || isBelow(path, done)) note(snapshot.marks, dir, path);
  await save(folder, snapshot);
  return wrong.size;
}

async function putBack(
  dir: string,
  folder: string,
  path: string,
  wanted: Mark | undefined,
  found: Mark | undefined,
  done: Set<string>,
): Promise<void> {
  const target = join(dir, path);
  const pristine = join(folder, "files", path);
  if (wanted?.startsWith("d") === true && found?.startsWith("d") === true) {
    await chmod(target, Number(wanted.split(" ")[1]));
    return;
  }
  done.add(path);
  await removeTree(target);
  if (wanted === undefined) return;
  await mkdir(dirname(target), { recursive: true });
  await cp(pristine, target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  if (wanted.startsWith("f")) await chmod(target, Number(wanted.split(" ")[1]));
}

function isBelow(path: string, folders: ReadonlySet<string>): boolean {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (folders.has(path.slice(0, end))) return true;
  }
  return false;
}

/** Takes away whatever stands where a folder on the way to `root` should be: through a link, restoring would write outside. */
async function openWay(dir: string, root: string): Promise<void> {
  if (await pathInside(dir, root) !== null) return;
  const folders = root.split("/").slice(0, -1);
  for (let at = 1; at <= folders.length; at++) {
    const path = join(dir, ...folders.slice(0, at));
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) await removeTree(path);
  }
}

/** The marks of everything below the roots. Synchronous reads in batches: four times quicker than promises for each file. */
async function walk(dir: string, roots: readonly string[]): Promise<Map<string, Mark>> {
  const marks = new Map<string, Mark>();
  const open = [...roots];
  let seen = 0;
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (++seen % batch === 0) await setImmediate();
    const isFolder = note(marks, dir, path);
    if (isFolder) { for (const name of namesIn(`${dir}/${path}`)) open.push(`${path}/${name}`); }
  }
  return marks;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Notes the mark of one path, or forgets it when nothing is there. Returns whether it is a folder. */
function note(marks: Map<string, Mark>, dir: string, path: string): boolean {
  // Both are plain: joining and big integers would double the time of a walk.
  const target = `${dir}/${path}`;
  const stats = lstatSync(target, { throwIfNoEntry: false });
  if (stats === undefined) {
    marks.delete(path);
    return false;
  }
  marks.set(path, markOf(stats, target));
  return stats.isDirectory();
}

function markOf(stats: Stats, target: string): Mark {
  const mode = stats.mode & 0o7777;
  if (stats.isDirectory()) return `d ${mode}`;
  if (stats.isSymbolicLink()) return `l ${readlinkSync(target)}`;
  return `${stats.isFile() ? "f" : "?"} ${mode} ${stats.size} ${stats.ino} ${stats.ctimeMs} ${stats.mtimeMs}`;
}

/** Moves a snapshot's folder away and removes it there, so that a crash in between leaves no half of one. */
export async function dropSnapshot(folder: string): Promise<void> {
  await rename(folder, `${folder}.old`).catch(() => undefined);
  await removeTree(`${folder}.old`);
}
