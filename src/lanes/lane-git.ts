import { constants, copyFileSync, writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import { removeTree } from "../system/files.ts";
import { type Git, splitNul } from "./git.ts";
import { copyIndex } from "./index-file.ts";

/** The person's git configuration: the last value of every name (section and key in lower case, as git prints them). */
export type Config = ReadonlyMap<string, string>;

/** Reads the configuration as it holds in the checkout. One git call. */
export async function readConfig(git: Git): Promise<Config> {
  const listed = await git(["config", "--list", "-z"]);
  return new Map(
    splitNul(listed).map((line) => {
      const end = line.indexOf("\n");
      return end === -1 ? [line, "true"] as const : [line.slice(0, end), line.slice(end + 1)] as const;
    }),
  );
}

export interface LaneGitRequest {
  /** The work tree that gets a `.git` folder. */
  dir: string;
  /** The folder whose objects it borrows, and whose `shallow`, `info/exclude` and sparse patterns it shares. */
  commonDir: string;
  gitDir: string;
  head: Oid;
  /** `null` leaves HEAD detached. */
  branch: string | null;
  config: Config;
  env: Record<string, string>;
  /** The text of a `packed-refs` file. */
  refs: string;
  /** Untracked files that were copied in and are nobody's work. */
  hidden: readonly string[];
}

/**
 * Takes the `.git` folder of a lane away and makes the folders of a new one: whatever an earlier iteration left in the old
 * one (hooks, configuration, commits, stashes) is gone.
 */
export async function emptyLaneGit(dir: string, branch: string | null): Promise<void> {
  const own = join(dir, ".git");
  await removeTree(own);
  const folders = ["objects/info", "info", dirname(refOf(branch) ?? "refs/heads/x"), "refs/tags"];
  await Promise.all(folders.map((folder) => mkdir(join(own, folder), { recursive: true })));
}

/**
 * Fills the folders of `emptyLaneGit`: the `.git` that an agent sees, but for its index. It knows no remote. The runner
 * itself never uses it.
 */
export async function makeLaneGit(request: LaneGitRequest): Promise<void> {
  const { dir, commonDir, gitDir, head, branch, config } = request;
  const own = join(dir, ".git");
  const exclude = await excludeText(request);
  // A few small files: handing each to another thread takes longer than writing it.
  const write = (path: string, text: string): void => writeFileSync(join(own, path), text);
  const ref = refOf(branch);
  write("HEAD", ref === null ? `${head}\n` : `ref: ${ref}\n`);
  write("config", laneConfig(config, head));
  write("objects/info/alternates", `${join(commonDir, "objects")}\n`);
  write("packed-refs", request.refs);
  write("info/exclude", exclude);
  if (ref !== null) write(ref, `${head}\n`);
  copyIfThere(join(commonDir, "shallow"), join(own, "shallow"));
  copyIfThere(join(gitDir, "info/sparse-checkout"), join(own, "info/sparse-checkout"));
}

function refOf(branch: string | null): string | null {
  return branch === null ? null : `refs/heads/${branch}`;
}

/** Gives the `.git` folder its own copy of the runner's index, so that the first `git status` is quick. */
export async function giveIndex(dir: string, index: string): Promise<void> {
  await copyIndex(index, join(dir, ".git/index"));
}

/** Which of the person's settings decide how files look in a work tree. */
const sharedSettings: readonly string[] = [
  "core.filemode",
  "core.symlinks",
  "core.ignorecase",
  "core.precomposeunicode",
  "core.autocrlf",
  "core.eol",
  "core.sparsecheckout",
  "core.sparsecheckoutcone",
  "core.quotepath",
];

function laneConfig(config: Config, head: Oid): string {
  const isSha256 = head.length === 64;
  const shared = [...config].filter(([name]) => sharedSettings.includes(name) || name.startsWith("filter."));
  const settings: [string, string][] = [
    ["core.repositoryformatversion", isSha256 ? "1" : "0"],
    ...isSha256 ? [["extensions.objectformat", "sha256"] as [string, string]] : [],
    ["core.bare", "false"],
    ["core.logallrefupdates", "true"],
    ["user.name", config.get("user.name") ?? "Capstan"],
    ["user.email", config.get("user.email") ?? "capstan@localhost"],
    ["commit.gpgsign", "false"],
    ["gc.auto", "0"],
    ["maintenance.auto", "false"],
    ...shared,
  ];
  return settings.map(([name, value]) => setting(name, value)).join("");
}

/** One setting in the syntax of git's configuration files: `section.sub.section.key`. */
function setting(name: string, value: string): string {
  const first = name.indexOf(".");
  const last = name.lastIndexOf(".");
  const quote = (text: string): string => `"${text.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
  const section = first === last
    ? name.slice(0, first)
    : `${name.slice(0, first)} ${quote(name.slice(first + 1, last))}`;
  return `[${section}]\n\t${name.slice(last + 1)} = ${quote(value)}\n`;
}

/** The person's own ignore files, joined: an agent's HOME is fresh and would not find the global one. */
async function excludeText(request: LaneGitRequest): Promise<string> {
  const files = [join(request.commonDir, "info/exclude"), globalExcludes(request.config, request.env)];
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  const hidden = request.hidden.map((hiddenPath) => `/${hiddenPath.replaceAll(/[*?[\]\\!# ]/g, "\\$&")}\n`);
  return [...texts.map((text) => text.endsWith("\n") || text === "" ? text : `${text}\n`), ...hidden].join("");
}

function globalExcludes(config: Config, env: Record<string, string>): string {
  const home = env.HOME ?? "";
  const named = config.get("core.excludesfile");
  if (named !== undefined) return named.replace(/^~(?=\/)/, home);
  return join(env.XDG_CONFIG_HOME ?? join(home, ".config"), "git/ignore");
}

function copyIfThere(from: string, to: string): void {
  try {
    copyFileSync(from, to, constants.COPYFILE_FICLONE);
  } catch {
    // Most repositories have neither.
  }
}
