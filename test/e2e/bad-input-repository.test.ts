import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { createRepo, type FileSpec, type TestRepo, writeFiles } from "../support/repo.ts";
import { capstan, loop, planText, runtime, subjects, validatorsText } from "./rig.ts";
import { expectRefusal, photo } from "./untouched.ts";

const step = { id: "US-001", command: "echo one > one.txt", validators: ["one"] };

function withPlan(files: Record<string, FileSpec> = {}, more: Record<string, unknown> = {}): Promise<TestRepo> {
  return createRepo({
    files: {
      "README.md": "# test\n",
      "prd.json": planText([step], more),
      "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
      ...files,
    },
  });
}

/** Two branches that can't be joined without a person. */
async function conflicting(): Promise<TestRepo> {
  const repo = await withPlan();
  await repo.commit("feat: one", { "README.md": "one\n" });
  await repo.commit("feat: one more", { "README.md": "one more\n" });
  await repo.git("checkout", "-q", "-b", "other", "HEAD~2");
  await repo.commit("feat: two", { "README.md": "two\n" });
  await repo.git("checkout", "-q", "main");
  return repo;
}

async function midway(...command: string[]): Promise<TestRepo> {
  const repo = await conflicting();
  await repo.git(...command).catch(() => undefined);
  return repo;
}

describe.concurrent("a repository", { timeout: 60_000 }, () => {
  test.each<[string, () => Promise<TestRepo>, RegExp[]]>([
    ["that is none", async () => {
      const repo = await withPlan();
      await rm(join(repo.dir, ".git"), { recursive: true });
      return repo;
    }, [/Not a git repository: /, /git -C \S+ init/]],
    ["without commits", async () => {
      const repo = await createRepo({ files: false });
      await repo.write({ "prd.json": planText([step]) });
      return repo;
    }, [/The repository has no commits yet/, /git add -A && git commit/]],
    ["with a detached HEAD and no branch named", async () => {
      const repo = await withPlan({}, { branchName: undefined });
      await repo.git("checkout", "-q", "--detach");
      return repo;
    }, [/HEAD is detached and the plan names no branchName/, /git switch -c my-branch/, /--branch NAME/]],
    ["in the middle of a merge", () => midway("merge", "-q", "other"), [
      /in the middle of a merge/,
      /git merge --abort/,
    ]],
    ["in the middle of a rebase", () => midway("rebase", "-q", "other"), [
      /middle of a rebase/,
      /git rebase --continue/,
    ]],
    ["in the middle of a cherry-pick", () => midway("cherry-pick", "other"), [/git cherry-pick --abort/]],
    ["in the middle of a revert", () => midway("revert", "HEAD~1"), [/git revert --abort/]],
    ["in the middle of a bisect", async () => {
      const repo = await withPlan();
      await repo.git("bisect", "start", "HEAD");
      return repo;
    }, [/git bisect reset/]],
    ["whose branch is checked out in another worktree", async () => {
      const repo = await withPlan();
      await repo.git("worktree", "add", "-q", "-b", "capstan/test", join(repo.base, "wt"));
      return repo;
    }, [/capstan\/test is checked out in another worktree/, /switch --detach/]],
    ["with a branch in the way of the new one", async () => {
      const repo = await withPlan();
      await repo.git("branch", "capstan");
      return repo;
    }, [/The branch cannot be called "capstan\/test": the branch capstan is in its way/]],
    ["with edits in the way of checking the branch out", async () => {
      const repo = await withPlan();
      await repo.git("checkout", "-q", "-b", "capstan/test");
      await repo.commit("feat: file", { "a.txt": "1\n" });
      await repo.git("checkout", "-q", "main");
      await repo.write({ "a.txt": "mine\n" });
      return repo;
    }, [/Cannot check out capstan\/test/, /^ {2}a\.txt$/m, /git stash --include-untracked/, /--no-checkout/]],
  ])("%s is refused with one message and left alone", async (_what, make, says) => {
    await using repo = await make();
    const before = await photo(repo);
    expectRefusal(await capstan(repo, []), 2, says);
    const { files, ...after } = await photo(repo);
    const disposable = Object.entries(files).filter(([path]) => !path.startsWith(".capstan"));
    expect({ ...after, files: Object.fromEntries(disposable) }).toEqual(before);
  });

  test("whose state folder cannot be made is refused with what to set", async () => {
    await using repo = await withPlan();
    await writeFile(join(repo.base, "file"), "");
    const before = await photo(repo);
    const refused = await capstan(repo, [], { XDG_STATE_HOME: join(repo.base, "file") });
    expectRefusal(refused, 2, [/Cannot use the state folder \S+file\/capstan/, /not a directory/, /XDG_STATE_HOME/]);
    expect(await photo(repo)).toEqual(before);
    // A person who only looks needs no state folder.
    expect((await capstan(repo, ["status"], { XDG_STATE_HOME: join(repo.base, "file") })).code).toBe(0);
  });
});

/** Runs the loop on a repository of an unusual kind and expects it to land the step like anywhere else. */
async function expectLanded(repo: TestRepo): Promise<void> {
  const run = await loop(repo);
  expect(run.stderr).toBe("");
  expect(run.events.at(-1)).toMatchObject({ kind: "halted", halt: { reason: "complete" } });
  expect(run.code).toBe(0);
  expect((await subjects(repo, "capstan/test"))[0]).toBe("feat: US-001 - Step US-001");
  expect(await repo.git("status", "--porcelain")).toBe("");
}

/** A folder as a repository of its own, with the same environment. */
function at(repo: TestRepo, dir: string): TestRepo {
  const git = (...args: string[]) => repo.gitIn(dir, ...args);
  return { ...repo, dir, git, write: (files) => writeFiles(dir, files) };
}

describe.concurrent("the loop works", { timeout: 60_000 }, () => {
  test("in a linked worktree", async () => {
    await using repo = await withPlan();
    const dir = join(repo.base, "linked");
    await repo.git("worktree", "add", "-q", "-b", "elsewhere", dir);
    await expectLanded(at(repo, dir));
    expect(await repo.git("branch", "--show-current")).toBe("main");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("with a detached HEAD when the plan names its branch", async () => {
    await using repo = await withPlan();
    await repo.git("checkout", "-q", "--detach");
    await expectLanded(repo);
  });

  test("with a submodule, whose files agents and validators see without any network", async () => {
    await using library = await createRepo({ files: { "lib.txt": "library\n" } });
    await using repo = await withPlan({
      "prd.json": planText([{ ...step, command: "cat vendor/lib/lib.txt > one.txt" }]),
      "registries/validators.json": validatorsText({ one: "grep -q library one.txt && test -f vendor/lib/lib.txt" }),
    });
    await repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.dir, "vendor/lib");
    await repo.commit("chore: submodule");
    const pinned = await repo.git("rev-parse", "HEAD:vendor/lib");
    await rm(library.dir, { recursive: true });
    await expectLanded(repo);
    expect(await repo.git("rev-parse", "capstan/test:vendor/lib")).toBe(pinned);
  });

  test("with a submodule that was never fetched: its folder is empty and its commit stays", async () => {
    await using library = await createRepo({ files: { "lib.txt": "library\n" } });
    await using repo = await withPlan();
    await repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", library.dir, "vendor/lib");
    await repo.commit("chore: submodule");
    await using clone = await repo.clone(repo.dir);
    await expectLanded(clone);
    expect(await clone.git("rev-parse", "capstan/test:vendor/lib")).toBe(
      await repo.git("rev-parse", "HEAD:vendor/lib"),
    );
  });

  test("with LFS pointers and no git-lfs: they stay what they are", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 123456\n`;
    await using repo = await withPlan();
    await repo.commit("chore: large file", { "large.bin": pointer });
    await repo.commit("chore: attributes", { ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n" });
    for (const [key, value] of [["clean", "git-lfs clean -- %f"], ["smudge", "git-lfs smudge -- %f"]]) {
      await repo.git("config", `filter.lfs.${key}`, value!);
    }
    await repo.git("config", "filter.lfs.required", "false");
    await expectLanded(repo);
    expect(await repo.show("capstan/test", "large.bin")).toBe(pointer);
    expect(await repo.git("diff", "--name-only", "main", "capstan/test", "--", "large.bin", ".gitattributes")).toBe("");
  });

  test("in a sparse checkout: what is left out is neither needed nor deleted", async () => {
    await using repo = await withPlan({ "far/away.txt": "far\n", "near/by.txt": "near\n" });
    await repo.git("sparse-checkout", "set", "near", "registries");
    await expectLanded(repo);
    expect(await repo.show("capstan/test", "far/away.txt")).toBe("far\n");
    await expect(repo.read("far/away.txt")).rejects.toThrow();
  });

  test("in a partial clone, with what is missing fetched", async () => {
    await using repo = await withPlan({ "far/away.txt": "far\n" });
    await repo.commit("feat: second", { "far/away.txt": "further\n" });
    const url = await partialRemote(repo);
    await using clone = await repo.clone(`file://${url}`, "--filter=blob:none", "--sparse");
    await clone.git("sparse-checkout", "set", "registries");
    await expectLanded(clone);
    expect(await clone.show("capstan/test", "far/away.txt")).toBe("further\n");
  });

  test("in a sparse partial clone whose remote is gone, as long as nothing is missing", async () => {
    await using repo = await withPlan({ "far/away.txt": "far\n" });
    const url = await partialRemote(repo);
    await using clone = await repo.clone(`file://${url}`, "--filter=blob:none", "--sparse");
    await clone.git("sparse-checkout", "set", "registries");
    await rm(url, { recursive: true });
    await expectLanded(clone);
  });
});

describe.concurrent("a partial clone", { timeout: 60_000 }, () => {
  test("whose missing files cannot be fetched is refused with the command that helps", async () => {
    await using repo = await withPlan();
    await repo.git("checkout", "-q", "-b", "capstan/test");
    await repo.commit("feat: more", { "more.txt": "more\n" });
    await repo.git("checkout", "-q", "main");
    const url = await partialRemote(repo);
    await using clone = await repo.clone(`file://${url}`, "--filter=blob:none");
    await clone.git("branch", "-q", "capstan/test", "origin/capstan/test");
    await rename(url, `${url}.gone`);
    const before = await photo(clone);
    const refused = await capstan(clone, []);
    expect(refused.stdout).toMatch(/This is a partial clone and some of its objects could not be fetched/);
    expect(refused.stdout).toMatch(/git fetch --refetch --no-filter/);
    expect(refused.stdout.match(/^x /gm)).toHaveLength(1);
    expect(refused.code).toBe(2);
    expect((await photo(clone)).refs).toBe(before.refs);
    await rename(`${url}.gone`, url);
    expect((await loop(clone)).code).toBe(0);
  });
});

/** A remote of all branches that serves partial clones. */
async function partialRemote(repo: TestRepo): Promise<string> {
  const url = await repo.remote();
  await repo.gitIn(url, "config", "uploadpack.allowFilter", "true");
  await repo.gitIn(url, "config", "uploadpack.allowAnySHA1InWant", "true");
  await repo.git("push", "-q", "origin", "--all");
  return url;
}

/** Permissions do not bind the superuser: as that one, the loop is started as somebody else. */
const somebody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
const loopFile = join(import.meta.dirname, "../../loop.ts");
const canBeSomebody = spawnSync(runtime[0]!, ["--version"], { ...somebody }).status === 0 &&
  spawnSync("cat", [loopFile], { ...somebody }).status === 0;

describe.skipIf(!canBeSomebody).concurrent("a folder without permission", { timeout: 60_000 }, () => {
  test.each<[string, string, number, RegExp]>([
    ["the state folder", "state", 0o555, /Cannot use the state folder \S+state\/capstan/],
    ["the repository's git folder", "repo/.git", 0o555, /not writable\n {2}EACCES: .*\.git/],
    ["the checkout", "repo", 0o555, /not writable\n {2}EACCES: .*repo/],
  ])("%s: refused before an agent is paid", async (_what, folder, mode, says) => {
    await using repo = await withPlan();
    await mkdir(join(repo.base, "state"), { recursive: true });
    if (somebody.uid !== undefined) await promisify(execFile)("chown", ["-R", "65534:65534", repo.base]);
    await chmod(join(repo.base, folder), mode);
    const before = await photo(repo);
    const [command, ...args] = runtime;
    const { status, stdout, stderr } = spawnSync(command!, [...args, loopFile, "-C", repo.dir], {
      ...somebody,
      cwd: repo.base,
      env: { ...repo.env, NO_COLOR: "1" },
      encoding: "utf8",
    });
    await chmod(join(repo.base, folder), 0o755);
    expectRefusal({ code: status, signal: null, stdout, stderr }, 2, [says]);
    expect((await photo(repo)).refs).toBe(before.refs);
  });
});
