import { join } from "node:path";
import type { Collected, Lane, LanePort, LanePrepared, LaneRequest, Outside } from "../loop/ports.ts";
import { systemClock } from "../system/clock.ts";
import { traceFile } from "../system/git-trace.ts";
import { createHome } from "../system/home.ts";
import { removeTree } from "../system/files.ts";
import { collectLane } from "./collect.ts";
import { createGit, type Git } from "./git.ts";
import { readInside, writeInside } from "./inside.ts";
import { type LaneDeps, type LaneFolder, openLaneFolder } from "./lane-folder.ts";
import type { Place } from "./locate.ts";
import { withoutSurprise } from "./os-problem.ts";
import { watchOutside } from "./outside.ts";
import type { GitValue } from "./tree.ts";
import { carriedTree } from "./carry.ts";

/** The lane of this repository (design 5): one folder, reused, made whole again before every iteration. */
export function createLanes(place: Place, deps: LaneDeps): LanePort {
  const folder = openLaneFolder(place, "lane", deps);
  // In a sandbox the repository is not there.
  const watch = deps.sandbox ? null : watchOutside({ place, git: createGit(place), clock: systemClock });
  const nothing: Outside = { tampering: [], diff: "" };
  return {
    async prepare(request) {
      const { base, branch, plan } = request;
      // A setup command may be what an agent wrote.
      watch?.begin();
      let carried = request.carry === null ? null : await carriedTree(folder.git, base, request.carry);
      let filled = await folder.populate({ tree: carried ?? base, head: base, branch, plan });
      if (!filled.ok && filled.problem.kind === "setup-failed" && carried !== null) {
        // Only the base's setup is the repository's: kept work that cannot be set up is nothing to start from.
        carried = null;
        filled = await folder.populate({ tree: base, head: base, branch, plan });
      }
      if (!filled.ok) return { ok: false, halt: { reason: "repository", problem: filled.problem } };
      return await withoutSurprise<LanePrepared>(
        place.stateDir,
        () => furnish(place, folder, request, carried !== null),
        (problem) => ({ ok: false, halt: { reason: "repository", problem } }),
      );
    },
    outside: async () => await watch?.look(null) ?? nothing,
    async collect(lane, frozen) {
      const collected = await withoutSurprise<GitValue<Collected>>(
        lane.dir,
        async () => {
          // Before any git reads the configuration.
          const outside = await watch?.look(traceFile(lane.home)) ?? nothing;
          const inside = await collectLane(place, folder, lane, frozen);
          return inside.ok ? { ok: true, value: withOutside(inside.value, outside) } : inside;
        },
        (problem) => ({ ok: false, problem }),
      );
      return collected.ok
        ? { ok: true, work: collected.value }
        : { ok: false, halt: { reason: "repository", problem: collected.problem } };
    },
    async release(lane) {
      await removeTree(lane.home);
    },
  };
}

function withOutside(work: Collected, { tampering, diff }: Outside): Collected {
  return { ...work, tampering: [...work.tampering, ...tampering], diff: `${work.diff}${diff}` };
}

async function furnish(
  place: Place,
  folder: LaneFolder,
  request: LaneRequest,
  carried: boolean,
): Promise<LanePrepared> {
  const { planText, progressText, base } = request;
  const { dir } = folder;
  const written = [
    ...await writeControl(dir, place.planPath, planText),
    ...await writeControl(dir, place.progressPath, progressText),
  ];
  if (written.length > 0) await hideFromStatus(folder.git, dir, written);
  // A runner that was killed removed no home: nothing in an old one may be found.
  const homes = join(place.stateDir, "homes");
  await removeTree(homes);
  const home = await createHome(homes);
  const lane: Lane = { dir, base, home: home.dir, planText, progressText };
  return { ok: true, lane, carried };
}

/** Writes a control file unless the tree has it so already. Returns its path when it differs from the tree's. */
async function writeControl(dir: string, path: string, text: string): Promise<string[]> {
  const found = await readInside(dir, path, Buffer.byteLength(text));
  if (found.kind === "text" && found.text === text) return [];
  if (found.kind === "none" && text === "") return [];
  return await writeInside(dir, path, text) ? [path] : [];
}

/**
 * Entries that wait to land stand in progress.txt, but in no commit: the agent's own index says "unchanged", so that
 * `git status` starts clean. The runner's index is another one. Untracked files can't be marked, and need not be.
 */
async function hideFromStatus(git: Git, dir: string, paths: readonly string[]): Promise<void> {
  const options = { workTree: dir, indexFile: join(dir, ".git/index") };
  for (const path of paths) await git(["update-index", "--assume-unchanged", "--", path], options);
}
