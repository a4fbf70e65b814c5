import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { createGit, gitEnv, runGit } from "../lanes/git.ts";
import { locate, type Place } from "../lanes/locate.ts";
import { parseRefs, refNames } from "../lanes/refs.ts";
import { readPlan } from "../plan/read.ts";
import { withWords } from "../report/paste.ts";
import { cleanEnv } from "../system/env.ts";
import { pathExists } from "../system/files.ts";
import { type Context, printHalt, printUsage } from "./context.ts";
import { takeLock } from "./lock.ts";
import { isCheckout, packageRoot } from "./package.ts";
import { copyQuickStart } from "./quickstart-files.ts";

/** What a reset must not lose: the person's edits of these. */
const guarded = ["prd.json", "progress.txt", "examples/duration", "quickstart"];
const branch = "capstan/quickstart";

/** Sets up the example that runs offline: in a checkout of Capstan it is there already and can be reset, else it is copied. */
export async function quickstart(context: Context, named: string | null, flags: { reset?: boolean }): Promise<number> {
  if (flags.reset === true) {
    return named === null
      ? await reset(context)
      : printUsage(context, "--reset takes no directory", context.paste("-C", named, "quickstart", "--reset"));
  }
  if (named === null && isCheckout() && resolve(context.dir) === packageRoot()) {
    const { io, paste } = context;
    const next = [[paste(), "runs it"], [paste("quickstart", "--reset"), "starts it over"]] as const;
    io.out.write(`The quick start is this checkout's own prd.json\n\n${nextLines(context, next)}`);
    return 0;
  }
  return await copy(context, resolve(context.dir, named ?? "capstan-quickstart"));
}

/** Leaves the quick start's branch and deletes it with everything that was recorded about it. */
async function reset(context: Context): Promise<number> {
  const located = await locate({ dir: context.dir });
  if (!located.ok) return printHalt(context, { reason: "repository", problem: located.problem });
  const { place } = located;
  const git = createGit(place);
  const dirty = await git(["status", "--porcelain", "--", ...guarded.map((path) => `:(top)${path}`)]);
  if (dirty.stdout.trim() !== "") {
    const paths = dirty.stdout.trimEnd().split("\n").map((line) => line.slice(3)).join(", ");
    return printUsage(
      context,
      `The quick start's files have uncommitted changes: ${paths}`,
      "commit or stash them first",
    );
  }
  const lock = await takeLock(place);
  if (!lock.ok) return printHalt(context, lock.halt);
  try {
    return await resetLocked(context, place, git);
  } finally {
    lock.release();
  }
}

async function resetLocked(context: Context, place: Place, git: ReturnType<typeof createGit>): Promise<number> {
  const { io, paste } = context;
  const { style } = io.out;
  const done: string[] = [];
  const old = await git(["rev-parse", "--verify", "--quiet", refNames.branch(branch)]);
  if (!old.ok) {
    const plan = await readFile(join(place.root, place.planPath), "utf8").catch(() => "");
    const read = readPlan(plan, place.planPath);
    if (!read.ok || read.plan.branchName !== branch) {
      return printUsage(
        context,
        "There is no quick start in this repository",
        `${paste("quickstart", "DIR")} makes one`,
      );
    }
    io.out.write(
      `${style.mark("ok")} Nothing to reset: it has not run yet\n\n${nextLines(context, [[paste(), "runs it"]])}`,
    );
    return 0;
  }
  const planIds = await planIdsOn(git, place);
  if (place.head.branch === branch) {
    const target = await otherBranch(git);
    const switched = target === null ? null : await git(["switch", target]);
    if (switched === null || !switched.ok) {
      const why = switched === null ? "there is no other branch to go to" : switched.stderr;
      return printUsage(
        context,
        `Cannot leave the branch ${branch}: ${why}`,
        "git switch to a branch that has the plan, then try again",
      );
    }
    done.push(`Switched from ${branch} to ${target}`);
  }
  const listed = await git([
    "for-each-ref",
    "--format=%(objectname) %(refname)",
    "refs/capstan/",
    refNames.branch(branch),
  ]);
  const doomed = [...parseRefs(listed.stdout).keys()].filter((ref) =>
    ref === refNames.branch(branch) || planIds.some((id) => ref.split("/").includes(id))
  );
  const deleted = await git(["update-ref", "--stdin"], { stdin: doomed.map((ref) => `delete ${ref}\n`).join("") });
  if (!deleted.ok) {
    const problem = { kind: "git-failed", command: "git update-ref", message: deleted.stderr } as const;
    return printHalt(context, { reason: "repository", problem });
  }
  done.push(`Deleted the branch ${branch} (it was at ${old.stdout.trim().slice(0, 9)})`);
  const records = doomed.length - 1;
  if (records > 0) {
    done.push(`Deleted what was recorded about it (${records} ${records === 1 ? "ref" : "refs"} below refs/capstan)`);
  }
  io.out.write(
    `${done.map((line) => `${style.mark("ok")} ${line}\n`).join("")}\n${
      nextLines(context, [[paste(), "runs it again"]])
    }`,
  );
  return 0;
}

/** Every id that the quick start's plan had on its branch; without one nothing was recorded. */
async function planIdsOn(git: ReturnType<typeof createGit>, place: Place): Promise<string[]> {
  const shown = await git(["cat-file", "blob", `${refNames.branch(branch)}:${place.planPath}`]);
  const read = shown.ok ? readPlan(shown.stdout, place.planPath) : null;
  return read?.ok && read.plan.planId !== undefined ? [read.plan.planId] : [];
}

/** Where the person came from, else the main branch. */
async function otherBranch(git: ReturnType<typeof createGit>): Promise<string | null> {
  const before = await git(["rev-parse", "--abbrev-ref", "--verify", "--quiet", "@{-1}"]);
  for (const name of [before.stdout.trim(), "main", "master"]) {
    if (name === "" || name === branch || name === "HEAD") continue;
    if ((await git(["rev-parse", "--verify", "--quiet", refNames.branch(name)])).ok) return name;
  }
  return null;
}

/** Copies the quick start into a new repository with one commit. */
async function copy(context: Context, dir: string): Promise<number> {
  const { io, dir: here } = context;
  if (await pathExists(dir) && (await readdir(dir).catch(() => ["?"])).length > 0) {
    return printUsage(
      context,
      `${relative(here, dir) || dir} exists and is not empty`,
      `${context.paste("quickstart", "DIR")} names another directory`,
    );
  }
  await mkdir(dir, { recursive: true });
  await copyQuickStart(dir, io.env);
  const env = gitEnv(cleanEnv(io.env));
  const known = await runGit(["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"], { cwd: dir, env });
  const identity = known.ok ? [] : ["-c", "user.name=Capstan", "-c", "user.email=capstan@localhost"];
  const steps = [
    ["init", "--quiet", "--initial-branch=main"],
    ["add", "--all"],
    [...identity, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message=Quick start of Capstan"],
  ];
  for (const args of steps) {
    const result = await runGit(args, { cwd: dir, env });
    if (result.ok) continue;
    const problem = { kind: "git-failed", command: `git ${args[0]}`, message: result.stderr } as const;
    return printHalt(context, { reason: "repository", problem });
  }
  const name = relative(here, dir);
  const inside = withWords(context.invocation, ["-C", name]);
  io.out.write(
    `${io.out.style.mark("ok")} Made ${name}: three steps and a gate, played from tapes, no key needed\n\n${
      nextLines(context, [[inside, "runs it"], [withWords(inside, ["status"]), "where it stands"]])
    }`,
  );
  return 0;
}

function nextLines({ io }: Context, next: readonly (readonly [command: string, text: string])[]): string {
  const { style } = io.out;
  const width = Math.max(...next.map(([command]) => command.length));
  const rows = next.map(([command, text]) =>
    `  ${style.paint("accent", command.padEnd(width))}  ${style.paint("dim", text)}\n`
  );
  return `${style.paint("strong", "Next")}\n${rows.join("")}`;
}
