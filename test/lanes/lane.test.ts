import { existsSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withoutSurprise } from "../../src/lanes/os-problem.ts";
import type { RepositoryProblem } from "../../src/model/halt.ts";
import { createRepo } from "../support/repo.ts";
import { control, openLane, planText, planWith, progressText } from "./lane-rig.ts";

test("a lane lies outside of the checkout, at the base commit, on the branch, clean and without a remote", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  await repo.remote();
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect(lane.dir.startsWith(repo.dir)).toBe(false);
  expect(await rig.git("rev-parse", "HEAD")).toBe(lane.base);
  expect(await rig.git("symbolic-ref", "--short", "HEAD")).toBe("main");
  expect(await rig.git("status", "--porcelain")).toBe("");
  expect(await rig.git("remote")).toBe("");
  expect(await rig.git("config", "user.email")).toBe("person@example.com");
  expect(await readdir(lane.home)).toEqual(expect.arrayContaining(["home", "tmp"]));
  expect(await repo.git("rev-parse", "refs/capstan/base/lane")).toBe(lane.base);
});

test("an agent sees the branches, tags and history of the repository", async () => {
  await using repo = await createRepo({ files: control });
  await repo.git("tag", "v1");
  await repo.commit("second", { a: "1" });
  await repo.git("switch", "-q", "-c", "topic/deep");
  const rig = await openLane(repo);
  await rig.prepare({ branch: "topic/deep" });
  expect(await rig.git("log", "--format=%s", "v1..HEAD")).toBe("second");
  expect(await rig.git("branch", "--format=%(refname:short)")).toBe("main\ntopic/deep");
});

test("nothing that an agent plants in its lane or its `.git` is there in the next iteration", async () => {
  await using repo = await createRepo({ files: { ...control, ".gitignore": "*.log\ndist/\n", "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  await rig.prepare();
  await rig.write({
    "note.txt": "remember me",
    "secret.log": "ignored note",
    "dist/deep/x.js": "ignored",
    "src/a.ts": "changed",
    ".git/hooks/pre-commit": { text: "#!/bin/sh\n", mode: 0o755 },
    ".git/info/exclude": "*\n",
    ".git/note": "hidden",
    "nested/.git/HEAD": "ref: refs/heads/x\n",
  });
  await rig.git("config", "core.fsmonitor", "touch /tmp/never");
  await rig.git("commit", "-q", "--allow-empty", "-m", "own");
  await rig.git("stash", "-q");
  const lane = await rig.prepare();
  expect(await rig.git("status", "--porcelain", "--ignored")).toBe("");
  expect(await rig.read("src/a.ts")).toBe("1\n");
  expect((await readdir(lane.dir)).toSorted()).toEqual([".git", ".gitignore", "prd.json", "progress.txt", "src"]);
  expect(await rig.git("log", "--format=%H", "--all")).toBe(lane.base);
  expect(await rig.has(".git/note")).toBe(false);
  expect(await rig.has(".git/hooks/pre-commit")).toBe(false);
});

test("a folder that an agent moved away and linked back is a folder again, and nothing behind the link changed", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n", "src/deep/b.ts": "2\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  const outside = join(repo.base, "outside");
  await rename(join(lane.dir, "src"), outside);
  await writeFile(join(outside, "mine.txt"), "mine");
  await symlink(outside, join(lane.dir, "src"));
  await rig.prepare();
  expect((await lstat(join(lane.dir, "src"))).isDirectory()).toBe(true);
  expect(await rig.git("status", "--porcelain")).toBe("");
  expect((await readdir(outside)).toSorted()).toEqual(["a.ts", "deep", "mine.txt"]);
});

test("a lane that was deleted, or replaced by a link, is built again", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const { dir } = await rig.prepare();
  await rm(dir, { recursive: true });
  await rig.prepare();
  expect(await rig.read("src/a.ts")).toBe("1\n");
  await rm(dir, { recursive: true });
  await symlink(repo.dir, dir);
  await rig.prepare();
  expect((await lstat(dir)).isDirectory()).toBe(true);
  expect(await repo.git("status", "--porcelain")).toBe("");
});

test("a broken index costs one rebuild and a notice, never the run", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const { dir } = await rig.prepare();
  await writeFile(`${dir}.index`, "garbage");
  await rig.prepare();
  expect(rig.notices.map(({ kind }) => kind)).toEqual(["lane-rebuilt"]);
  expect(await rig.git("status", "--porcelain")).toBe("");
});

test("a lock file that a killed git left behind is in nobody's way", async () => {
  await using repo = await createRepo({ files: control });
  const rig = await openLane(repo);
  const { dir } = await rig.prepare();
  await writeFile(`${dir}.index.lock`, "");
  await writeFile(`${dir}.collect.lock`, "");
  await writeFile(join(rig.place.commonDir, "refs/capstan/base/lane.lock"), "");
  const lane = await rig.prepare();
  await rig.write({ "new.txt": "1" });
  expect((await rig.collect(lane)).changed).toEqual([{ path: "new.txt", status: "added" }]);
  expect(rig.notices).toEqual([]);
});

test("kept work is there as uncommitted changes on the base", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const first = await rig.prepare();
  await rig.write({ "src/a.ts": "2\n", "src/new.ts": "n\n" });
  const { tree } = await rig.collect(first);
  const carry = await repo.git("commit-tree", tree, "-p", first.base, "-m", "kept");
  const lane = await rig.prepare({ carry });
  expect(await rig.git("rev-parse", "HEAD")).toBe(first.base);
  expect(await rig.git("diff", "--name-status", "HEAD")).toBe("M\tsrc/a.ts\nA\tsrc/new.ts");
  expect((await rig.collect(lane)).tree).toBe(tree);
});

test("kept work follows a branch that moved on, and is left behind when it does not fit", async () => {
  await using repo = await createRepo({ files: { ...control, "a.txt": "1\n2\n3\n4\n5\n", "b.txt": "b\n" } });
  const rig = await openLane(repo);
  const first = await rig.prepare();
  await rig.write({ "a.txt": "one\n2\n3\n4\n5\n" });
  const { tree } = await rig.collect(first);
  const carry = await repo.git("commit-tree", tree, "-p", first.base, "-m", "kept");
  await repo.commit("moved on", { "a.txt": "1\n2\n3\n4\nfive\n", "b.txt": "B\n" });
  await rig.prepare({ carry });
  expect(await rig.read("a.txt")).toBe("one\n2\n3\n4\nfive\n");
  expect(await rig.read("b.txt")).toBe("B\n");
  await repo.commit("in the way", { "a.txt": "uno\n2\n3\n4\nfive\n" });
  await rig.prepare({ carry });
  expect(await rig.read("a.txt")).toBe("uno\n2\n3\n4\nfive\n");
  await rig.prepare({ carry: "1".repeat(40) });
  expect(await rig.git("status", "--porcelain")).toBe("");
});

test("kept work follows a branch whose history was rewritten", async () => {
  await using repo = await createRepo({ files: control });
  await repo.commit("one", { "a.txt": "1\n", "progress.txt": `${progressText}one\n` });
  const rig = await openLane(repo);
  const first = await rig.prepare({ progressText: `${progressText}one\n` });
  await rig.write({ "b.txt": "kept\n" });
  const { tree } = await rig.collect(first);
  const carry = await repo.git("commit-tree", tree, "-p", first.base, "-m", "kept");
  await repo.git("checkout", "-q", "--orphan", "squashed");
  await repo.commit("squashed", { "a.txt": "1\n", "progress.txt": `${progressText}squashed\n` });
  await rig.prepare({ carry, branch: "squashed", progressText: `${progressText}squashed\n` });
  expect(await rig.git("diff", "--name-status", "HEAD")).toBe("A\tb.txt");
});

test("entries that have not landed yet stand in progress.txt without showing in `git status`", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const pending = `${progressText}## 2026 - US-001\n- failed\n---\n`;
  const lane = await rig.prepare({ progressText: pending });
  expect(await rig.read("progress.txt")).toBe(pending);
  expect(await rig.git("status", "--porcelain")).toBe("");
  await rig.write({ "progress.txt": `${pending}more\n`, "src/a.ts": "2\n" });
  await rig.git("commit", "-q", "-am", "own");
  const collected = await rig.collect(lane);
  expect(collected.progressText).toBe(`${pending}more\n`);
  expect(collected.changed).toEqual([{ path: "src/a.ts", status: "modified" }]);
  expect(await repo.show(collected.tree, "progress.txt")).toBe(progressText);
});

test("untracked files that the plan names are copied in, hidden from git and never taken as work", async () => {
  await using repo = await createRepo({ files: { ...control, "conf/app.json": "{}" } });
  await repo.write({ ".env.test": "TOKEN=1", "conf/local/x.env": "X", "other.txt": "not named" });
  const rig = await openLane(repo);
  const lane = await rig.prepare({ plan: planWith({ copy: [".env.test", "conf/**"] }) });
  expect(await rig.read(".env.test")).toBe("TOKEN=1");
  expect(await rig.read("conf/local/x.env")).toBe("X");
  expect(await rig.has("other.txt")).toBe(false);
  expect(await rig.git("status", "--porcelain")).toBe("");
  await rig.write({ ".env.test": "changed" });
  expect((await rig.collect(lane)).changed).toEqual([]);
});

test("a folder of links in the tree never leads a copy outside", async () => {
  await using repo = await createRepo({ files: control });
  const outside = join(repo.base, "outside");
  await mkdir(outside);
  await repo.commit("a link out", { conf: { link: outside } });
  const base = await repo.git("rev-parse", "HEAD");
  await repo.write({ conf: null, "conf/x.env": "X" });
  const rig = await openLane(repo);
  await rig.prepare({ base, plan: planWith({ copy: ["conf/**"] }) });
  expect(await readdir(outside)).toEqual([]);
});

test("modes, links, line endings and binary files come through prepare and collect unchanged", async () => {
  await using repo = await createRepo({ files: control });
  const binary = new Uint8Array([0, 255, 13, 10, 0]);
  await repo.git("config", "core.autocrlf", "true");
  await repo.commit("kinds", {
    "run.sh": { text: "#!/bin/sh\n", mode: 0o755 },
    "link": { link: "run.sh" },
    "win.txt": "a\r\nb\r\n",
    "data.bin": binary,
  });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect((await lstat(join(lane.dir, "run.sh"))).mode & 0o100).toBe(0o100);
  expect(await rig.read("win.txt")).toBe("a\r\nb\r\n");
  expect(new Uint8Array(await readFile(join(lane.dir, "data.bin")))).toEqual(binary);
  expect(await rig.git("status", "--porcelain")).toBe("");
  expect(lane.planText).toBe(planText);
  const collected = await rig.collect(lane);
  expect(collected.planText).toBe(planText);
  expect(collected.changed).toEqual([]);
  expect(collected.tree).toBe(await repo.git("rev-parse", "HEAD^{tree}"));
});

test("the home is fresh every time and gone after release", async () => {
  await using repo = await createRepo({ files: control });
  const rig = await openLane(repo);
  const first = await rig.prepare();
  await writeFile(join(first.home, "home", "note"), "remember");
  await rig.port.release(first);
  const second = await rig.prepare();
  expect(second.home).not.toBe(first.home);
  expect(await readdir(join(second.home, "home"))).toEqual([]);
  await expect(lstat(first.home)).rejects.toThrow("ENOENT");
  await (await openLane(repo)).prepare();
  await expect(lstat(second.home)).rejects.toThrow("ENOENT");
});

test("kept work of the parts that only the runner writes is never carried", async () => {
  await using repo = await createRepo({ files: control });
  const rig = await openLane(repo);
  await repo.commit("elsewhere", { "prd.json": "{}", "progress.txt": "other", "a.ts": "1\n" });
  const carry = await repo.git("rev-parse", "HEAD");
  await repo.git("reset", "-q", "--hard", "HEAD~1");
  const lane = await rig.prepare({ carry });
  expect(await rig.read("a.ts")).toBe("1\n");
  expect(await rig.read("prd.json")).toBe(planText);
  const collected = await rig.collect(lane);
  expect(await repo.show(collected.tree, "prd.json")).toBe(planText);
  expect(collected.changed).toEqual([{ path: "a.ts", status: "added" }]);
  expect(collected.tampering).toEqual([]);
});

test.runIf(existsSync("/dev/full"))("a full disk is a problem with a name, not a crash", async () => {
  const tell = (problem: RepositoryProblem) => problem;
  const full = await withoutSurprise<RepositoryProblem>("/state", async () => {
    await writeFile("/dev/full", "x");
    return { kind: "bare" };
  }, tell);
  expect(full).toMatchObject({ kind: "disk", message: expect.stringContaining("ENOSPC") });
  const bug = withoutSurprise("/state", () => Promise.reject(new TypeError("a bug")), tell);
  await expect(bug).rejects.toThrow("a bug");
});
