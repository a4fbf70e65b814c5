import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { controlPaths, isRegistry } from "./control.ts";
import { gitProblem, splitNul } from "./git.ts";
import type { Repo, TipFile, TipView } from "./repo.ts";
import { parseBatch } from "./trees.ts";

export type TipRead = { ok: true; view: TipView } | { ok: false; problem: RepositoryProblem };

/**
 * Reads the control files and validator sources of a commit: nothing when `repo.tip` is that commit, otherwise one git
 * call, and a second one when a file changed.
 */
export async function readTip(repo: Repo, oid: Oid): Promise<TipRead> {
  const known = repo.tip;
  if (known?.oid === oid) return { ok: true, view: known };
  const { place, options } = repo;
  const wanted = [...new Set([...controlPaths(place), ...options.validatorSources])];
  const listArgs = ["ls-tree", "-r", "-z", "--full-tree", oid, "--", ...wanted];
  const listed = await repo.git(listArgs);
  if (!listed.ok) return { ok: false, problem: gitProblem(listArgs, listed) };
  const files = parseTree(splitNul(listed));

  const texts = new Map<string, string>();
  const missing = new Map<string, Oid>();
  for (const [path, file] of files) {
    if (!file.mode.startsWith("100") || !isWanted(repo, wanted, path)) continue;
    const text = known?.files.get(path)?.oid === file.oid ? known.texts.get(path) : undefined;
    if (text === undefined) missing.set(path, file.oid);
    else texts.set(path, text);
  }
  if (missing.size > 0) {
    const readArgs = ["cat-file", "--batch"];
    const read = await repo.git(readArgs, { stdin: [...missing.values()].map((blob) => `${blob}\n`).join("") });
    if (!read.ok) return { ok: false, problem: gitProblem(readArgs, read) };
    const objects = parseBatch(read.bytes);
    for (const [index, path] of [...missing.keys()].entries()) {
      const object = objects[index];
      if (object?.type === "blob") texts.set(path, object.content.toString("utf8"));
    }
  }
  repo.tip = { oid, files, texts };
  return { ok: true, view: repo.tip };
}

function isWanted(repo: Repo, wanted: readonly string[], path: string): boolean {
  return wanted.includes(path) || isRegistry(repo.place, path);
}

/** The lines of `ls-tree -r -z`, by path. */
export function parseTree(lines: readonly string[]): Map<string, TipFile> {
  const files = new Map<string, TipFile>();
  for (const line of lines) {
    const [, mode, oid, path] = /^(\d+) \w+ ([0-9a-f]+)\t([^]+)$/.exec(line) ?? [];
    if (mode !== undefined && oid !== undefined && path !== undefined) files.set(path, { mode, oid });
  }
  return files;
}
