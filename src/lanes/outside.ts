import { chmod, lstat, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { Clock, Outside } from "../loop/ports.ts";
import { patchOf } from "../plan/patch.ts";
import { readTextOrNull, removeTree } from "../system/files.ts";
import { wroteTo } from "../system/git-trace.ts";
import type { Git } from "./git.ts";
import type { Place } from "./locate.ts";
import { type Photo, refValues, sameShot, type Shot, takePhoto, textOf } from "./photo.ts";
import { moveRefs, refNames } from "./refs.ts";

/** Watches over the person's repository while an agent works that nothing holds back. */
export interface Watch {
  /** Remembers how everything is. */
  begin(): void;
  /** Puts back what was changed since `begin` by somebody who may not, and says what; then begins anew. */
  look(traceFile: string | null): Promise<Outside>;
}

interface Parts {
  place: Place;
  git: Git;
  clock: Clock;
}

/**
 * Refs, hooks and configuration of the repository against those of the start. Hooks, configuration (but for sections of
 * branches), attributes, alternates, replacements and the runner's own refs are nobody's to change meanwhile. Branches,
 * tags and HEAD are the person's as well: they are put back only when the agent's git moved them, or when they were
 * written past git.
 */
export function watchOutside({ place, git, clock }: Parts): Watch {
  let photo: Photo | null = null;
  return {
    begin() {
      photo = takePhoto(place, photo);
    },
    async look(traceFile) {
      if (photo === null) return { tampering: [], diff: "" };
      const before = photo;
      const after = takePhoto(place, before);
      // First the files, which git would read.
      const settings = await restoreSettings(place, before, after);
      const refs = await restoreRefs({ place, git, clock }, before, after, traceFile);
      if (settings.tampering.length + refs.length > 0) photo = takePhoto(place, after);
      else photo = after;
      return { tampering: [...settings.tampering, ...refs], diff: settings.diff };
    },
  };
}

async function restoreSettings(place: Place, before: Photo, after: Photo): Promise<Outside> {
  const tampering: string[] = [];
  const diffs: string[] = [];
  // What came in goes first: it may stand where a folder was.
  const added = [...after.settings.keys()].filter((path) => !before.settings.has(path));
  for (const path of [...added, ...before.settings.keys()]) {
    const [old, now] = [before.settings.get(path), after.settings.get(path)];
    if (sameShot(old, now) || (path === join(place.commonDir, "config") && sameButBranches(old, now))) continue;
    await putBack(path, old);
    const name = relative(dirname(place.commonDir), path);
    tampering.push(`changed \`${name}\` of your repository`);
    diffs.push(patchOf(name, old === undefined ? null : textOf(old), now === undefined ? null : textOf(now)));
  }
  return { tampering, diff: diffs.join("") };
}

/** Editors and `git push -u` write there at any time, and nothing there is run. */
function sameButBranches(old: Shot | undefined, now: Shot | undefined): boolean {
  const rest = (shot: Shot | undefined) => textOf(shot).replaceAll(/^\[branch "[^\n]*"\]\n(?:[ \t]+[^\n]*\n)*/gm, "");
  return old !== undefined && now !== undefined && old.mode === now.mode && rest(old) === rest(now);
}

async function putBack(path: string, shot: Shot | undefined): Promise<void> {
  await removeTree(path);
  if (shot === undefined) return;
  // A folder that gave way to a file or a link.
  const stats = await lstat(dirname(path)).catch(() => null);
  if (stats?.isDirectory() !== true) await rm(dirname(path), { force: true });
  await mkdir(dirname(path), { recursive: true });
  if (!Buffer.isBuffer(shot.content)) return await symlink(shot.content.link, path);
  await writeFile(path, shot.content, { flag: "wx" });
  await chmod(path, shot.mode);
}

async function restoreRefs(parts: Parts, before: Photo, after: Photo, traceFile: string | null): Promise<string[]> {
  const { place } = parts;
  const [old, now] = [refValues(place, before), refValues(place, after)];
  const moved = [...new Set([...old.keys(), ...now.keys()])].filter((ref) => old.get(ref) !== now.get(ref));
  if (moved.length === 0) return [];
  const trace = traceFile === null ? null : await readTextOrNull(traceFile).catch(() => null);
  const byAgent = trace !== null && wroteTo(place, trace);
  const told: string[] = [];
  // Branches before HEAD, which names one of them.
  for (const ref of moved.toSorted((a, b) => Number(a === "HEAD") - Number(b === "HEAD"))) {
    const [from, to] = [old.get(ref) ?? null, now.get(ref) ?? null];
    if (/^refs\/capstan\/(?!ledger\/|attempts\/|parked\/)/.test(ref)) continue;
    if (!isOffence(ref) && !byAgent && !await isPastGit(place, ref, to)) continue;
    if (ref.startsWith("refs/capstan/ledger/") && !byAgent && await isPersons(parts, from, to)) continue;
    const done = ref === "HEAD" ? await restoreHead(parts, from) : await restoreRef(parts, before, { ref, from, to });
    const where = to === null ? `deleted ${ref}` : from === null ? `made ${ref}` : `moved ${ref} to ${to.slice(0, 12)}`;
    const what = `${where} in your repository`;
    told.push(done ? what : `${what} (it could not be put back: it was ${from ?? "not there"})`);
  }
  return told;
}

/** Refs that nobody moves while an agent works, but the runner, who does not then. */
function isOffence(ref: string): boolean {
  return /^refs\/(replace|capstan\/(ledger|attempts|parked))\//.test(ref);
}

/** A value that no git noted in the log that the ref has: somebody wrote the file. */
async function isPastGit({ commonDir, gitDir }: Place, ref: string, to: string | null): Promise<boolean> {
  if (to === null) return false;
  const log = await readTextOrNull(join(ref === "HEAD" ? gitDir : commonDir, "logs", ref)).catch(() => null);
  if (to.startsWith("ref: ")) return !/^ref: refs\/\S+$/.test(to);
  if (!/^[0-9a-f]{40,64}$/.test(to)) return true;
  const last = log?.trimEnd().split("\n").at(-1) ?? "";
  return last !== "" && last.split(" ")[1] !== to;
}

/** Decisions that a person made meanwhile (`capstan approve` and the like) only add to the ledger. */
async function isPersons({ git }: Parts, from: string | null, to: string | null): Promise<boolean> {
  if (from === null || to === null) return false;
  const forward = await git(["merge-base", "--is-ancestor", from, to]);
  if (!forward.ok) return false;
  const added = await git(["log", "--format=%s", `${from}..${to}`]);
  const subjects = added.stdout.trim().split("\n");
  return added.ok && subjects.every((subject) => /^(gate: \S+ (approved|rejected)|answer|reopen)\b/.test(subject));
}

interface Moved {
  ref: string;
  from: string | null;
  to: string | null;
}

async function restoreRef({ place, git, clock }: Parts, before: Photo, { ref, from, to }: Moved): Promise<boolean> {
  const isOid = (value: string | null) => value === null || /^[0-9a-f]{40,64}$/.test(value);
  const path = join(place.commonDir, ref);
  if (!isOid(from) || !isOid(to)) {
    await putBack(path, before.refs.get(path));
    return true;
  }
  const moved = await moveRefs(git, clock, [{ ref, next: from, old: to }], "capstan: put back what an agent moved");
  if (moved.kind !== "moved") await putBack(path, before.refs.get(path));
  const head = textOf(before.refs.get(join(place.gitDir, "HEAD"))).trim();
  // The checkout followed the agent's commit; what the person edits in it stays.
  if (head === `ref: ${ref}` && from !== null && to !== null) await git(["read-tree", "-m", "-u", to, from]);
  return true;
}

async function restoreHead({ git, place }: Parts, from: string | null): Promise<boolean> {
  if (from === null) return false;
  const branch = from.startsWith(`ref: ${refNames.branch("")}`)
    ? from.slice(`ref: ${refNames.branch("")}`.length)
    : null;
  const args = branch === null ? ["switch", "--quiet", "--detach", from] : ["switch", "--quiet", "--no-guess", branch];
  if ((await git(args)).ok) return true;
  const current = await readTextOrNull(join(place.gitDir, "HEAD")).catch(() => null);
  if (current !== null && /^(ref: refs\/\S+|[0-9a-f]{40,64})\n?$/.test(current)) return false;
  // Not even a HEAD any more: git would not call it a repository.
  await writeFile(join(place.gitDir, "HEAD"), `${from}\n`);
  return true;
}
