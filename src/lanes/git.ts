import type { RepositoryProblem } from "../model/halt.ts";
import type { Exit } from "../model/process.ts";
import { exec } from "../system/exec.ts";

/** What git needs to know to run: the checkout, its own git folder and the environment of the runner's processes. */
export interface GitPlace {
  root: string;
  gitDir: string;
  env: Record<string, string>;
}

export interface GitOptions {
  stdin?: string | Uint8Array;
  /** Another index than the checkout's. */
  indexFile?: string;
  /** Another work tree than the checkout; also where git runs. */
  workTree?: string;
  /** Exit codes besides 0 that are answers, not failures. */
  okCodes?: readonly number[];
  env?: Record<string, string>;
  signal?: AbortSignal;
}

/** What one git command came to. `bytes` and `stdout` are the same output; `code` is `null` when git did not exit by itself. */
export interface GitResult {
  ok: boolean;
  code: number | null;
  stdout: string;
  bytes: Buffer;
  stderr: string;
}

/** Runs one git command. Never rejects: a failure is `ok: false`. */
export type Git = (args: readonly string[], options?: GitOptions) => Promise<GitResult>;

/**
 * Settings that no repository may change under the runner: no hooks, no daemons, no background work, no questions,
 * file times that an agent can't fake away, and objects that are on the disk before a ref names them.
 */
const settings: Readonly<Record<string, string>> = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.splitIndex": "false",
  "core.quotePath": "false",
  "core.trustctime": "true",
  "core.checkStat": "default",
  "core.fsync": "committed",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "checkout.workers": "4",
  "submodule.recurse": "false",
  "advice.addEmbeddedRepo": "false",
  "advice.detachedHead": "false",
  "advice.updateSparsePath": "false",
  "color.ui": "false",
  "core.safecrlf": "false",
  // Other names for `.git` are refused here as on the systems where they would mean it.
  "core.protectHFS": "true",
  "core.protectNTFS": "true",
  // What an object id names is what is verified and landed.
  "core.useReplaceRefs": "false",
  "protocol.ext.allow": "never",
  // git-lfs takes what is in its own storage and leaves the rest as pointers, instead of downloading in every lane.
  "lfs.fetchexclude": "*",
};

const fixedArgs: readonly string[] = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);

/** Variables that would change what the runner's pathspecs and diffs mean (`cleanEnv` drops those that name a repository). */
const foreign = new Set([
  "GIT_LITERAL_PATHSPECS",
  "GIT_GLOB_PATHSPECS",
  "GIT_NOGLOB_PATHSPECS",
  "GIT_ICASE_PATHSPECS",
  "GIT_EXTERNAL_DIFF",
  "GIT_DIFF_OPTS",
  "GIT_TRACE",
]);

/** The environment of every git command of the runner: the given one without what would bend it, in English, never asking (the process has no terminal either). */
export function gitEnv(env: Record<string, string>): Record<string, string> {
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => !foreign.has(name)));
  return {
    ...own,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_ADVICE: "0",
    GIT_EDITOR: ":",
    GIT_PAGER: "cat",
  };
}

/** Git on the checkout at `place`. The repository is named explicitly, so that no other one is ever discovered. */
export function createGit(place: GitPlace): Git {
  const env = { ...gitEnv(place.env), GIT_DIR: place.gitDir };
  return async (args, options = {}) => {
    const workTree = options.workTree ?? place.root;
    return await runGit(args, {
      ...options,
      cwd: workTree,
      env: {
        ...env,
        GIT_WORK_TREE: workTree,
        ...options.indexFile !== undefined && { GIT_INDEX_FILE: options.indexFile },
        ...options.env,
      },
    });
  };
}

/** Runs git with the fixed settings in `cwd`, with exactly the environment given. For what happens before a place is known. */
export async function runGit(
  args: readonly string[],
  options: Omit<GitOptions, "workTree" | "indexFile"> & { cwd: string; env: Record<string, string> },
): Promise<GitResult> {
  const { exit, stdout, stderr } = await exec(["git", ...fixedArgs, ...args], {
    cwd: options.cwd,
    env: options.env,
    maxBytes: 1024 ** 3,
    quick: options.signal === undefined,
    ...options.stdin !== undefined && { stdin: options.stdin },
    ...options.signal !== undefined && { signal: options.signal },
  });
  return toResult(exit, stdout, stderr, options.okCodes ?? []);
}

function toResult(exit: Exit, bytes: Buffer, stderr: string, okCodes: readonly number[]): GitResult {
  const code = exit.kind === "code" ? exit.code : null;
  return {
    ok: code === 0 || (code !== null && okCodes.includes(code)),
    code,
    bytes,
    get stdout() {
      return bytes.toString("utf8");
    },
    stderr: exit.kind === "spawn-failed" ? exit.message : stderr.trim(),
  };
}

/** The fields of output made with `-z`. */
export function splitNul(output: GitResult | string): string[] {
  const fields = (typeof output === "string" ? output : output.stdout).split("\0");
  if (fields.at(-1) === "") fields.pop();
  return fields;
}

/** What a failed git command means for a person. */
export function gitProblem(args: readonly string[], result: GitResult): RepositoryProblem {
  const message = result.stderr === "" ? `git ended with ${result.code ?? "a signal"}` : result.stderr;
  if (/No space left on device|Disk quota exceeded/i.test(message)) return { kind: "disk", message };
  if (/promisor remote|partial clone|could not fetch [0-9a-f]{40}/i.test(message)) {
    return { kind: "partial-clone", message };
  }
  return { kind: "git-failed", command: `git ${args.join(" ")}`, message };
}
