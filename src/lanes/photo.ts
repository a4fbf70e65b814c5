import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./locate.ts";

/** One file of the git folder, as it was. A link is its target; `signature` changes whenever it is written. */
export interface Shot {
  signature: string;
  mode: number;
  content: Buffer | { link: string };
}

/** Files of the git folder by absolute path. */
export interface Photo {
  /** What programs are started by, or what changes what git shows: hooks, configuration, attributes, alternates. */
  settings: ReadonlyMap<string, Shot>;
  refs: ReadonlyMap<string, Shot>;
}

const inCommonDir = [
  "config",
  "hooks",
  "info/attributes",
  "info/exclude",
  "info/grafts",
  "objects/info/alternates",
  "objects/info/http-alternates",
];

/**
 * Reads refs, hooks and configuration of the person's repository as files. No process; what did not change since
 * `before` is not read again. A ref costs a few microseconds.
 */
export function takePhoto({ commonDir, gitDir }: Pick<Place, "commonDir" | "gitDir">, before: Photo | null): Photo {
  const settings = new Map<string, Shot>();
  const refs = new Map<string, Shot>();
  for (const name of inCommonDir) walk(join(commonDir, name), before?.settings ?? null, settings);
  walk(join(gitDir, "config.worktree"), before?.settings ?? null, settings);
  for (const path of [join(commonDir, "refs"), join(commonDir, "packed-refs"), join(gitDir, "HEAD")]) {
    walk(path, before?.refs ?? null, refs);
  }
  return { settings, refs };
}

function walk(path: string, before: ReadonlyMap<string, Shot> | null, found: Map<string, Shot>): void {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  if (stats === undefined) return;
  if (stats.isDirectory()) {
    for (const name of attempt(() => readdirSync(path)) ?? []) {
      if (!name.endsWith(".lock")) walk(join(path, name), before, found);
    }
    return;
  }
  const signature = `${stats.mode} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
  const known = before?.get(path);
  if (known?.signature === signature) {
    found.set(path, known);
    return;
  }
  const content = stats.isSymbolicLink()
    ? attempt(() => ({ link: readlinkSync(path) }))
    : stats.isFile()
    ? attempt(() => readFileSync(path))
    : null;
  if (content !== null) found.set(path, { signature, mode: Number(stats.mode & 0o7777n), content });
}

/** Another git may take a file away while it is looked at. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Values of refs by name: an object id, or `ref: <name>`. A loose ref is stronger than a packed one. HEAD is one, too. */
export function refValues(
  { commonDir, gitDir }: Pick<Place, "commonDir" | "gitDir">,
  photo: Photo,
): Map<string, string> {
  const values = new Map<string, string>();
  const packed = photo.refs.get(join(commonDir, "packed-refs"));
  for (const line of textOf(packed).split("\n")) {
    const [, oid, ref] = /^([0-9a-f]{40,64}) (\S+)$/.exec(line) ?? [];
    if (oid !== undefined && ref !== undefined) values.set(ref, oid);
  }
  for (const [path, shot] of photo.refs) {
    if (path === join(gitDir, "HEAD")) values.set("HEAD", textOf(shot).trim());
    else if (path.startsWith(`${commonDir}/refs/`)) values.set(path.slice(commonDir.length + 1), textOf(shot).trim());
  }
  return values;
}

/** The text of a file; a link reads as nothing that git would write. */
export function textOf(shot: Shot | undefined): string {
  if (shot === undefined) return "";
  return Buffer.isBuffer(shot.content) ? shot.content.toString("utf8") : `link to ${shot.content.link}`;
}

/** Whether two files are the same to a reader. */
export function sameShot(a: Shot | undefined, b: Shot | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.signature === b.signature || (a.mode === b.mode && textOf(a) === textOf(b));
}
