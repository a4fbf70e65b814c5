import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { locate, type Place } from "../../src/lanes/locate.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";

async function problemIn(repo: TestRepo, dir: string, plan?: string): Promise<unknown> {
  const located = await locate({ dir, env: repo.env, ...plan !== undefined && { plan } });
  return located.ok ? located.place : located.problem;
}

async function placeIn(repo: TestRepo, dir: string, plan?: string): Promise<Place> {
  const located = await locate({ dir, env: repo.env, ...plan !== undefined && { plan } });
  if (!located.ok) throw new Error(JSON.stringify(located.problem));
  return located.place;
}

test("a folder that is missing, a file, or in no repository is said to be none", async () => {
  await using repo = await createRepo();
  for (
    const dir of [
      join(repo.base, "missing"),
      join(repo.dir, "README.md"),
      join(repo.base, "home"),
      join(repo.dir, ".git"),
    ]
  ) {
    expect(await problemIn(repo, dir)).toEqual({ kind: "not-a-repository", dir });
  }
});

test("a bare repository and one without commits are named as such", async () => {
  await using repo = await createRepo({ files: false });
  expect(await problemIn(repo, repo.dir)).toEqual({ kind: "no-commits" });
  expect(await problemIn(repo, await repo.remote())).toEqual({ kind: "bare" });
});

test("git that is missing or too old is said with what is needed", async () => {
  await using repo = await createRepo();
  const bin = join(repo.base, "bin");
  await mkdir(bin);
  const env = { ...repo.env, PATH: bin };
  expect(await locate({ dir: repo.dir, env })).toEqual({ ok: false, problem: { kind: "git-missing" } });
  await writeFile(join(bin, "git"), "#!/bin/sh\necho git version 2.37.9 '(Apple Git-1)'\n");
  await chmod(join(bin, "git"), 0o755);
  const old = { kind: "git-too-old", version: "2.37.9", needed: "2.38" };
  expect(await locate({ dir: repo.dir, env })).toEqual({ ok: false, problem: old });
});

const conflict = { "a.txt": "1\n" };
test.each([
  ["merge", ["merge", "other"]],
  ["rebase", ["rebase", "other"]],
  ["cherry-pick", ["cherry-pick", "other"]],
  ["revert", ["revert", "--no-edit", "HEAD~1"]],
  ["bisect", ["bisect", "start", "HEAD", "HEAD~1"]],
])("a checkout in the middle of a %s is refused, and still shown to those who only read", async (operation, args) => {
  await using repo = await createRepo({ files: conflict });
  await repo.git("switch", "-q", "-c", "other");
  await repo.commit("theirs", { "a.txt": "2\n" });
  await repo.git("switch", "-q", "main");
  await repo.commit("before", { "a.txt": "3\n" });
  await repo.commit("ours", { "a.txt": "4\n" });
  await repo.git(...args).catch(() => undefined);
  expect(await problemIn(repo, repo.dir)).toEqual({ kind: "operation-in-progress", operation });
  expect(await locate({ dir: repo.dir, env: repo.env, readOnly: true })).toMatchObject({ ok: true });
});

test("the head is a branch, or an id alone when it is detached", async () => {
  await using repo = await createRepo({ branch: "topic/deep" });
  const oid = await repo.git("rev-parse", "HEAD");
  expect((await repo.place()).head).toEqual({ branch: "topic/deep", oid });
  await repo.git("checkout", "-q", "--detach");
  expect((await repo.place()).head).toEqual({ branch: null, oid });
});

test("the plan is the one named, the nearest above, Ralph's, or the only one; else `prd.json` at the root", async () => {
  await using repo = await createRepo({ files: { "src/deep/a.ts": "1" } });
  const deep = join(repo.dir, "src/deep");
  expect((await placeIn(repo, deep)).planPath).toBe("prd.json");
  await repo.write({ "tools/loop/prd.json": "{}" });
  expect((await placeIn(repo, deep)).planPath).toBe("tools/loop/prd.json");
  await repo.write({ "scripts/ralph/prd.json": "{}" });
  const ralph = await placeIn(repo, deep);
  expect([ralph.planPath, ralph.progressPath, ralph.registriesPath]).toEqual([
    "scripts/ralph/prd.json",
    "scripts/ralph/progress.txt",
    "scripts/ralph/registries",
  ]);
  await repo.write({ "prd.json": "{}" });
  expect((await placeIn(repo, deep)).planPath).toBe("prd.json");
  await repo.write({ "src/prd.json": "{}" });
  expect((await placeIn(repo, deep)).planPath).toBe("src/prd.json");
  expect((await placeIn(repo, deep, "../../plans/x.json")).planPath).toBe("plans/x.json");
  expect((await placeIn(repo, deep)).root).toBe(repo.dir);
});

test("a plan outside of the repository is refused", async () => {
  await using repo = await createRepo();
  const outside = { kind: "plan-outside", root: repo.dir };
  expect(await problemIn(repo, repo.dir, "../prd.json")).toEqual({ ...outside, file: "../prd.json" });
  expect(await problemIn(repo, repo.dir, "/etc/passwd")).toEqual({ ...outside, file: "/etc/passwd" });
});

test("a state folder that can't be made is said, with why; reading needs none", async () => {
  await using repo = await createRepo();
  await writeFile(join(repo.base, "state"), "a file");
  expect(await problemIn(repo, repo.dir)).toMatchObject({
    kind: "state-folder",
    message: expect.stringContaining("ENOTDIR"),
  });
  expect(await locate({ dir: repo.dir, env: repo.env, readOnly: true })).toMatchObject({ ok: true });
});

test("two repositories never share a state folder, and its name holds no dots", async () => {
  await using one = await createRepo();
  await using two = await createRepo();
  const [a, b] = [await one.place(), await two.place()];
  expect(a.stateDir).not.toBe(b.stateDir);
  expect(a.stateDir.startsWith(join(one.base, "state", "capstan"))).toBe(true);
  const dotted = await one.clone(one.dir);
  expect((await dotted.place()).stateDir).toMatch(/\/repo-[0-9a-f]{12}$/);
});

test("variables of a git hook or an outer git do not lead elsewhere", async () => {
  await using repo = await createRepo();
  await using other = await createRepo();
  const env = { ...repo.env, GIT_DIR: join(other.dir, ".git"), GIT_WORK_TREE: other.dir, GIT_INDEX_FILE: "/nowhere" };
  const located = await locate({ dir: repo.dir, env });
  expect(located).toMatchObject({ ok: true, place: { root: repo.dir } });
});

test("being inside of a lane or of an agent's process is noticed", async () => {
  await using repo = await createRepo({ files: { "prd.json": "{}", "progress.txt": "" } });
  expect((await repo.place()).insideLane).toBe(false);
  expect(await locate({ dir: repo.dir, env: { ...repo.env, CAPSTAN_RUN: "x.y.1" } })).toMatchObject({
    place: { insideLane: true },
  });
  const lane = join((await repo.place()).stateDir, "lane");
  await repo.git("clone", "-q", repo.dir, lane);
  expect(await locate({ dir: lane, env: repo.env })).toMatchObject({ place: { insideLane: true } });
});
