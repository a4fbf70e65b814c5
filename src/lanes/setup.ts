import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { Notice } from "../model/event.ts";
import { globMatcher } from "../model/glob.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { Plan } from "../model/plan.ts";
import { removeTree } from "../system/files.ts";
import type { Sandbox } from "../system/sandbox.ts";
import { supervise } from "../system/supervise.ts";
import { type Git, gitProblem, splitNul } from "./git.ts";
import { detectSetup, lockFiles } from "./setup-detect.ts";
import { dropSnapshot, readSnapshot, restoreSnapshot, type Snapshot, takeSnapshot } from "./snapshot.ts";

/** The parts of a plan that say how a lane is set up. */
export type SetupPlan = Pick<Plan, "setup" | "copy" | "cache" | "cwd">;

export interface SetupDeps {
  git: Git;
  /** The lane's work tree, the runner's index of it, and the folder that keeps its snapshot. */
  dir: string;
  index: string;
  folder: string;
  /** The person's checkout. */
  root: string;
  env: Record<string, string>;
  mark: string;
  signal?: AbortSignal;
  notice: (notice: Notice) => void;
  /** Absent or `null`: the command runs with the person's rights. */
  sandbox?: Sandbox | null;
}

/** What has to happen with a lane's ignored files for one tree. */
export interface SetupState {
  key: string;
  /** What is there fits the tree: `restore` makes it as setup left it. Otherwise `run` has to make it. */
  fits: boolean;
  /** Ignore patterns of what `git clean` has to leave alone. */
  keep: string[];
}

export interface Setup {
  /** Reads what the setup for this tree depends on. One git call, none when there is no setup. */
  look(tree: Oid, plan: SetupPlan): Promise<SetupState>;
  /** The topmost ignored paths that setup made for this tree, once it is restored or was run. */
  made(state: SetupState): Promise<string[]>;
  /** Puts everything that setup made back as it was. */
  restore(plan: SetupPlan): Promise<void>;
  /** Runs the setup command and takes the snapshot. `ran` says whether there was a command to run. */
  run(
    state: SetupState,
    plan: SetupPlan,
  ): Promise<{ ok: true; ran: boolean } | { ok: false; problem: RepositoryProblem }>;
}

const setupTimeoutMs = 30 * 60_000;
const outputTailBytes = 4096;

/** The setup of one lane: run once, and again when a lock file changed. */
export function createSetup(deps: SetupDeps): Setup {
  const { git, dir, folder } = deps;
  let snapshot: Snapshot | null | undefined;
  /** The keys for which there was nothing to run. */
  const empty = new Set<string>();
  const current = async (): Promise<Snapshot | null> => snapshot ??= await readSnapshot(folder);

  return {
    async look(tree, plan) {
      const kept = plan.cache.map((glob) => `/${glob}`);
      if (plan.setup === false) return { key: "", fits: true, keep: kept };
      const prefix = plan.cwd === undefined || plan.cwd === "." ? "" : `${plan.cwd.replace(/\/+$/, "")}/`;
      const listed = await git(["ls-tree", "-z", tree, "--", ...lockFiles.map((name) => prefix + name)]);
      const key = createHash("sha256").update(JSON.stringify([plan.setup, prefix, listed.stdout])).digest("hex");
      // Without a lock file there is nothing that "auto" could find.
      if (empty.has(key) || (plan.setup === "auto" && listed.stdout === "")) return { key, fits: true, keep: kept };
      const found = await current();
      if (found?.key !== key) return { key, fits: false, keep: kept };
      return { key, fits: true, keep: [...kept, ...found.roots.map((root) => `/${escapePattern(root)}`)] };
    },
    async made({ key }) {
      const found = key === "" || empty.has(key) ? null : await current();
      return found?.key === key ? found.roots : [];
    },
    async restore(plan) {
      const found = await current();
      if (found === null || plan.setup === false) return;
      await restoreSnapshot({ dir, folder, snapshot: found, isKept: globMatcher(plan.cache) });
    },
    async run(state, plan) {
      const why = await current() === null ? "first" : "lock-file-changed";
      snapshot = null;
      await dropSnapshot(folder);
      const where = join(dir, plan.cwd ?? ".");
      const command = plan.setup === "auto"
        ? await detectSetup(git, {
          workTree: dir,
          dir: where,
          checkoutDir: join(deps.root, plan.cwd ?? "."),
          env: deps.env,
        })
        : plan.setup;
      if (command === null || command === false) {
        empty.add(state.key);
        return { ok: true, ran: false };
      }
      deps.notice({ kind: "setup", command, why, dir: where });
      const failure = await runCommand(deps, command, where);
      if (failure !== null) {
        return { ok: false, problem: { kind: "setup-failed", command, dir: where, output: failure } };
      }
      const args = ["ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory"];
      const listed = await git(args, { workTree: dir, indexFile: deps.index });
      if (!listed.ok) return { ok: false, problem: gitProblem(args, listed) };
      const isCache = globMatcher(plan.cache);
      const roots = splitNul(listed).map((path) => path.replace(/\/$/, "")).filter((path) =>
        path !== ".git" && !isCache(path)
      );
      snapshot = await takeSnapshot({ dir, folder, key: state.key, roots, env: deps.env });
      return { ok: true, ran: true };
    },
  };
}

/** Runs the setup command; returns the end of its output when it failed. */
async function runCommand(deps: SetupDeps, command: string, cwd: string): Promise<string | null> {
  const fenced = deps.sandbox ? await fenceSetup(deps, deps.sandbox, cwd) : null;
  const { done } = supervise({
    argv: ["sh", "-c", command],
    ...fenced !== null && { fence: fenced.fence },
    cwd,
    env: { CI: "1", ...deps.env, ...fenced?.env },
    mark: deps.mark,
    stop: { signal: "SIGTERM", graceMs: 5000 },
    timeoutMs: setupTimeoutMs,
    tailBytes: outputTailBytes,
    ...deps.signal !== undefined && { signal: deps.signal },
  });
  const { exit, stdoutTail, stderrTail } = await done;
  await fenced?.clear();
  if (exit.kind === "code" && exit.code === 0) return null;
  const end = exit.kind === "code"
    ? `exit code ${exit.code}`
    : exit.kind === "signal"
    ? `ended by ${exit.signal}`
    : exit.message;
  return [stdoutTail, stderrTail, end].map((part) => part.trim()).filter((part) => part !== "").join("\n");
}

/** Its temporary folder is beside the lane: what collects or snapshots the lane never sees it. */
async function fenceSetup(
  { dir }: SetupDeps,
  sandbox: Sandbox,
  cwd: string,
): Promise<{ fence: string[]; env: Record<string, string>; clear(): Promise<void> }> {
  const tmp = `${dir}.tmp`;
  await removeTree(tmp);
  await mkdir(tmp, { recursive: true });
  const fence = await sandbox.fence({ profile: "setup", lane: dir, cwd, scratch: [tmp], tmp });
  return { fence, env: { TMPDIR: tmp }, clear: () => removeTree(tmp) };
}

function escapePattern(path: string): string {
  return path.replaceAll(/[*?[\]\\!# ]/g, "\\$&");
}
