import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { locate, type Place } from "../../src/lanes/locate.ts";

const run = promisify(execFile);

/** A file's content, or what else stands at its path; `null` removes it. */
export type FileSpec = string | Uint8Array | { link: string } | { text: string; mode: number } | null;

/** A temporary repository with configuration of its own, removed by `await using`. */
export interface TestRepo extends AsyncDisposable {
  /** The checkout. */
  dir: string;
  /** The folder that holds everything of this repository (`home`, `state`, remotes); removed at the end. */
  base: string;
  /** Isolated environment: no configuration of this machine, own HOME and XDG_STATE_HOME. Pass it to `locate`. */
  env: Record<string, string>;
  /** Runs git in the checkout; throws when it fails. Returns standard output without its last newline. */
  git(...args: string[]): Promise<string>;
  /** Runs git anywhere else. */
  gitIn(dir: string, ...args: string[]): Promise<string>;
  write(files: Record<string, FileSpec>): Promise<void>;
  read(path: string): Promise<string>;
  /** Writes the files, stages everything and commits it; returns the commit. */
  commit(message: string, files?: Record<string, FileSpec>): Promise<string>;
  /** A file's content in a commit, `null` when it is not there. */
  show(rev: string, path: string): Promise<string | null>;
  /** Paths of a commit or tree. */
  ls(rev: string): Promise<string[]>;
  /** Makes a bare repository, adds it as a remote and returns its folder. */
  remote(name?: string): Promise<string>;
  /** Another clone of a remote, with the same isolated environment. */
  clone(url: string, ...args: string[]): Promise<TestRepo>;
  /** `locate` on this checkout; throws when it finds a problem. */
  place(plan?: string): Promise<Place>;
}

export interface RepoOptions {
  /** Written and committed at once. `false` leaves the repository without any commit. */
  files?: Record<string, FileSpec> | false;
  branch?: string;
}

/** Makes a repository in a temporary folder: branch `main`, one commit with `files`. */
export async function createRepo(options: RepoOptions = {}): Promise<TestRepo> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "capstan-repo-")));
  const env = isolatedEnv(base);
  await mkdir(env.HOME!);
  const repo = openRepo(base, join(base, "repo"), env, true);
  await run("git", ["init", "-q", "-b", options.branch ?? "main", repo.dir], { env });
  await identify(repo);
  if (options.files !== false) await repo.commit("chore: start", options.files ?? { "README.md": "# test\n" });
  return repo;
}

/** The environment of tests that run git: nothing of this machine's or person's configuration. */
export function isolatedEnv(base: string): Record<string, string> {
  return {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
    HOME: join(base, "home"),
    XDG_STATE_HOME: join(base, "state"),
    TMPDIR: process.env.TMPDIR ?? tmpdir(),
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
}

async function identify(repo: TestRepo): Promise<void> {
  await repo.git("config", "user.name", "Test Person");
  await repo.git("config", "user.email", "person@example.com");
}

function openRepo(base: string, dir: string, env: Record<string, string>, owns: boolean): TestRepo {
  const gitIn = async (where: string, ...args: string[]): Promise<string> => {
    const { stdout } = await run("git", args, { cwd: where, env, maxBuffer: 1 << 28 });
    return stdout.replace(/\n$/, "");
  };
  const git = (...args: string[]): Promise<string> => gitIn(dir, ...args);
  const repo: TestRepo = {
    dir,
    base,
    env,
    git,
    gitIn,
    write: (files) => writeFiles(dir, files),
    read: (path) => readFile(join(dir, path), "utf8"),
    async commit(message, files = {}) {
      await writeFiles(dir, files);
      await git("add", "-A");
      await git("commit", "-q", "--allow-empty", "-m", message);
      return await git("rev-parse", "HEAD");
    },
    async show(rev, path) {
      try {
        const { stdout } = await run("git", ["cat-file", "-p", `${rev}:${path}`], {
          cwd: dir,
          env,
          maxBuffer: 1 << 28,
        });
        return stdout;
      } catch {
        return null;
      }
    },
    async ls(rev) {
      const out = await git("ls-tree", "-r", "-z", "--name-only", rev);
      return out.split("\0").filter((path) => path !== "");
    },
    async remote(name = "origin") {
      const url = join(base, `${name}.git`);
      await run("git", ["init", "-q", "--bare", "-b", "main", url], { env });
      await git("remote", "add", name, url);
      return url;
    },
    async clone(url, ...args) {
      const other = join(await mkdtemp(join(base, "clone-")), "repo");
      await run("git", ["clone", "-q", ...args, url, other], { env });
      const cloned = openRepo(base, other, { ...env, XDG_STATE_HOME: join(dirname(other), "state") }, false);
      await identify(cloned);
      return cloned;
    },
    async place(plan) {
      const located = await locate({ dir, env, ...plan !== undefined && { plan } });
      if (!located.ok) throw new Error(`locate: ${JSON.stringify(located.problem)}`);
      return located.place;
    },
    async [Symbol.asyncDispose]() {
      if (owns) await removeTemp(base);
    },
  };
  return repo;
}

/** Writes files below `dir`, with their folders. */
export async function writeFiles(dir: string, files: Record<string, FileSpec>): Promise<void> {
  for (const [path, spec] of Object.entries(files)) {
    const target = join(dir, path);
    if (spec === null) {
      await rm(target, { recursive: true, force: true });
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    if (typeof spec === "string" || spec instanceof Uint8Array) {
      await writeFile(target, spec);
    } else if ("link" in spec) {
      await symlink(spec.link, target);
    } else {
      await writeFile(target, spec.text);
      await chmod(target, spec.mode);
    }
  }
}

/** Removes a folder even when a test took its permissions away. */
async function removeTemp(dir: string): Promise<void> {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch {
    await run("chmod", ["-R", "u+rwX", dir]).catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  }
}
