import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { gitProblem } from "./git.ts";
import type { Place } from "./locate.ts";
import type { Repo, TipView } from "./repo.ts";
import { objectId } from "./trees.ts";

type ControlPlace = Pick<Place, "planPath" | "progressPath" | "registriesPath">;

const registryName = /^(agents|validators|roles|skills|tiers|limits|prices|failures|artifacts|workflows\/[^/]+)\.json$/;

/** Where control files lie: what `ls-tree` is asked for. */
export function controlPaths(place: ControlPlace): string[] {
  return [place.planPath, place.progressPath, `${place.registriesPath}/`];
}

/** Whether a path is one of ours below the registries folder: a project may keep other things in a folder of that name. */
export function isRegistry(place: ControlPlace, path: string): boolean {
  const prefix = `${place.registriesPath}/`;
  return path.startsWith(prefix) && registryName.test(path.slice(prefix.length));
}

/** Plan, progress and registries: what the runner reads and an agent must not decide about. */
export function isControl(place: ControlPlace, path: string): boolean {
  return path === place.planPath || path === place.progressPath || isRegistry(place, path);
}

/** A control file of the checkout that differs from the branch's tip. `oid: null` is a deleted one. */
export interface PersonEdit {
  path: string;
  oid: Oid | null;
  /** As git stores it (line endings and filters undone). */
  text: string | null;
}

export type EditsRead = { ok: true; edits: PersonEdit[] } | { ok: false; problem: RepositoryProblem };

/**
 * The person's uncommitted edits of control files in the checkout, already written as objects. Compares contents, so
 * no index is read and nothing is spawned when nothing changed. Whatever is still as it was before a landing that the
 * checkout did not follow yet is nobody's edit.
 */
export async function personEdits(repo: Repo, tip: TipView): Promise<EditsRead> {
  const { place } = repo;
  const found = await readCheckout(place);
  const tracked = [...tip.files.keys()].filter((path) => isControl(place, path));
  const edits: PersonEdit[] = [];
  const changed: { path: string; bytes: Buffer }[] = [];
  const before = await beforeFollow(repo);
  for (const path of new Set([...found.keys(), ...tracked])) {
    const bytes = found.get(path);
    const own = bytes === undefined ? null : objectId("blob", bytes, tip.oid);
    if (own === (tip.files.get(path)?.oid ?? null) || (before !== null && own === (before.get(path) ?? null))) continue;
    if (bytes === undefined) edits.push({ path, oid: null, text: null });
    else changed.push({ path, bytes });
  }
  if (changed.length === 0) return { ok: true, edits };

  const args = ["hash-object", "-w", "--stdin-paths"];
  const hashed = await repo.git(args, { stdin: changed.map(({ path }) => `${path}\n`).join("") });
  if (!hashed.ok) return { ok: false, problem: gitProblem(args, hashed) };
  const oids = hashed.stdout.trim().split("\n");
  for (const [index, { path, bytes }] of changed.entries()) {
    const oid = oids[index]!;
    if (oid === tip.files.get(path)?.oid) continue;
    const verbatim = objectId("blob", bytes, tip.oid) === oid;
    const text = verbatim ? bytes.toString("utf8") : (await repo.git(["cat-file", "blob", oid])).stdout;
    edits.push({ path, oid, text });
  }
  return { ok: true, edits };
}

/** The control files' ids before the landing that the checkout still has to follow. */
async function beforeFollow(repo: Repo): Promise<Map<string, Oid> | null> {
  if (repo.behind === null) return null;
  const { place, behind } = repo;
  const listed = await repo.git(["ls-tree", "-r", "--full-tree", "-z", behind.old, "--", ...controlPaths(place)]);
  return new Map(
    listed.stdout.split("\0").filter((line) => line !== "").map((line): [string, Oid] => [
      line.slice(line.indexOf("\t") + 1),
      line.split("\t")[0]!.split(" ")[2]!,
    ]),
  );
}

/** The control files that lie in the checkout now. Links and folders in their place are not followed. */
export async function readCheckout(place: Place): Promise<Map<string, Buffer>> {
  const paths = [place.planPath, place.progressPath, ...await registryPaths(place)];
  const files = new Map<string, Buffer>();
  for (const path of paths) {
    const bytes = await readRegular(join(place.root, path));
    if (bytes !== null) files.set(path, bytes);
  }
  return files;
}

/** The bytes of a regular file, or `null` for anything else. */
export async function readRegular(file: string): Promise<Buffer | null> {
  try {
    return (await lstat(file)).isFile() ? await readFile(file) : null;
  } catch {
    return null;
  }
}

async function registryPaths(place: Place): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of [place.registriesPath, `${place.registriesPath}/workflows`]) {
    const names = await readdir(join(place.root, folder)).catch(() => []);
    paths.push(...names.map((name) => `${folder}/${name}`).filter((path) => isRegistry(place, path)));
  }
  return paths;
}
