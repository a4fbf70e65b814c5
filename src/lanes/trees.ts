import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { syncFiles } from "../system/atomic.ts";
import { type Git, gitProblem } from "./git.ts";
import { fileProblem } from "./intent.ts";

/** One path to set (`oid`) or to remove (`oid: null`) in a tree. The mode of an existing file is kept. */
export interface TreeEdit {
  path: string;
  oid: Oid | null;
}

export type TreeWritten = { ok: true; tree: Oid } | { ok: false; problem: RepositoryProblem };

interface Entry {
  mode: string;
  oid: Oid;
}

/** Entries by name; names are bytes spelled as latin1, so that no encoding is lost. */
type Level = Map<string, Entry>;

const treeMode = "40000";
const fileMode = "100644";

/** The id that git gives to an object. `like` is any id of the repository: its length says which hash is used. */
export function objectId(kind: "blob" | "tree", bytes: Uint8Array, like: Oid): Oid {
  return createHash(like.length === 64 ? "sha256" : "sha1").update(`${kind} ${bytes.length}\0`).update(bytes).digest(
    "hex",
  );
}

/**
 * Writes a tree that differs from `tree` in the given files only. Two git processes whatever the size of the
 * repository, and no index: only the folders on the way to the files are read and written.
 */
export async function editTree(
  { git, place: { commonDir } }: { git: Git; place: { commonDir: string } },
  tree: Oid,
  edits: readonly TreeEdit[],
): Promise<TreeWritten> {
  const dirs = [...new Set(edits.flatMap(({ path }) => parentsOf(path)))].toSorted((a, b) => depth(b) - depth(a));
  const read = await readLevels(git, tree, dirs);
  if (!read.ok) return read;
  const { levels } = read;
  for (const { path, oid } of edits) {
    const level = levels.get(parentOf(path))!;
    const name = toBytes(baseOf(path));
    if (oid === null) level.delete(name);
    else level.set(name, { mode: fileModeOf(level.get(name)), oid });
  }
  const texts: string[] = [];
  const written: Oid[] = [];
  let root = tree;
  for (const dir of dirs) {
    const level = levels.get(dir)!;
    const sorted = [...level].toSorted(([a, x], [b, y]) => compareBytes(sortKey(a, x), sortKey(b, y)));
    const id = objectId("tree", encodeTree(sorted), tree);
    if (dir === "") {
      root = id;
    } else {
      const parent = levels.get(parentOf(dir))!;
      if (level.size === 0) parent.delete(toBytes(baseOf(dir)));
      else parent.set(toBytes(baseOf(dir)), { mode: treeMode, oid: id });
    }
    written.push(id);
    texts.push(sorted.map(([name, { mode, oid }]) => `${mode} ${typeOf(mode)} ${oid}\t${name}\0`).join(""));
  }
  const args = ["mktree", "-z", "--missing", "--batch"];
  const made = await git(args, { stdin: Buffer.from(texts.join("\0"), "latin1") });
  if (!made.ok) return { ok: false, problem: gitProblem(args, made) };
  if (made.stdout.trim().split("\n").at(-1) !== root) {
    throw new Error("Internal error: git wrote another tree than expected");
  }
  const unsynced = await fileProblem(() => syncObjects(commonDir, written));
  if (unsynced !== null) return { ok: false, problem: unsynced };
  return { ok: true, tree: root };
}

/** `git mktree` and `git merge-tree` read no `core.fsync`: what they wrote is brought to the disk here. */
export async function syncObjects(commonDir: string, oids: readonly Oid[]): Promise<void> {
  await syncFiles(oids.map((oid) => join(commonDir, "objects", oid.slice(0, 2), oid.slice(2))));
}

/** Writes a text as a blob, exactly as it is. */
export async function writeBlob(
  git: Git,
  text: string,
): Promise<{ ok: true; oid: Oid } | { ok: false; problem: RepositoryProblem }> {
  const args = ["hash-object", "-w", "--stdin"];
  const result = await git(args, { stdin: text });
  return result.ok ? { ok: true, oid: result.stdout.trim() } : { ok: false, problem: gitProblem(args, result) };
}

/** The objects of a `cat-file --batch` output, in the order asked; `null` for what does not exist. */
export function parseBatch(bytes: Buffer): ({ oid: Oid; type: string; content: Buffer } | null)[] {
  const objects: ({ oid: Oid; type: string; content: Buffer } | null)[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    if (end === -1) break;
    const [, oid, type, size] = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(bytes.toString("latin1", at, end)) ?? [];
    at = end + 1;
    if (oid === undefined || type === undefined) {
      objects.push(null);
      continue;
    }
    objects.push({ oid, type, content: bytes.subarray(at, at + Number(size)) });
    at += Number(size) + 1;
  }
  return objects;
}

async function readLevels(
  git: Git,
  tree: Oid,
  dirs: readonly string[],
): Promise<{ ok: true; levels: Map<string, Level> } | { ok: false; problem: RepositoryProblem }> {
  const args = ["cat-file", "--batch", "-z"];
  const names = dirs.map((dir) => dir === "" ? `${tree}^{tree}\0` : `${tree}:${dir}\0`);
  const result = await git(args, { stdin: names.join("") });
  if (!result.ok) return { ok: false, problem: gitProblem(args, result) };
  const objects = parseBatch(result.bytes);
  const levels = new Map(dirs.map((dir, index): [string, Level] => {
    const object = objects[index];
    return [dir, object?.type === "tree" ? decodeTree(object.content, tree.length / 2) : new Map()];
  }));
  return { ok: true, levels };
}

function decodeTree(bytes: Buffer, idBytes: number): Level {
  const level: Level = new Map();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(32, at);
    const end = bytes.indexOf(0, space);
    const oid = bytes.toString("hex", end + 1, end + 1 + idBytes);
    level.set(bytes.toString("latin1", space + 1, end), { mode: bytes.toString("latin1", at, space), oid });
    at = end + 1 + idBytes;
  }
  return level;
}

function encodeTree(entries: readonly [string, Entry][]): Buffer {
  return Buffer.concat(entries.flatMap(([name, { mode, oid }]) => [
    Buffer.from(`${mode} ${name}\0`, "latin1"),
    Buffer.from(oid, "hex"),
  ]));
}

/** Git sorts a folder as if its name ended with a slash. */
function sortKey(name: string, { mode }: Entry): string {
  return mode === treeMode ? `${name}/` : name;
}

/** Latin1 strings compare like the bytes they spell. */
function compareBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function fileModeOf(entry: Entry | undefined): string {
  return entry?.mode === "100755" ? "100755" : fileMode;
}

function typeOf(mode: string): string {
  return mode === treeMode ? "tree" : mode === "160000" ? "commit" : "blob";
}

function toBytes(name: string): string {
  return Buffer.from(name, "utf8").toString("latin1");
}

/** The folders that hold `path`, down from the root (`""`). */
function parentsOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return ["", ...parts.map((_, index) => parts.slice(0, index + 1).join("/"))];
}

function parentOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function depth(dir: string): number {
  return dir === "" ? 0 : dir.split("/").length;
}
