import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, rmdir, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { createRepo } from "../support/repo.ts";
import { control, openLane, planText, progressText } from "./lane-rig.ts";

/** Root reads everything, in most containers too. */
async function permissionsHold(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), "capstan-mode-"));
  await chmod(dir, 0);
  const isReadable = await readdir(dir).then(() => true, () => false);
  await rmdir(dir);
  return !isReadable;
}

test("every change is taken, staged or not, committed or not", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n", "b.ts": "1\n", "c.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ "a.ts": "2\n" });
  await rig.git("commit", "-q", "-am", "own");
  await rig.git("switch", "-q", "-c", "elsewhere");
  await rig.write({ "b.ts": null, "c.ts": null, "dir/new file\n.ts": "n\n" });
  await rig.write({ "c.ts": { link: "a.ts" } });
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([
    { path: "a.ts", status: "modified" },
    { path: "b.ts", status: "deleted" },
    { path: "c.ts", status: "type-changed" },
    { path: "dir/new file\n.ts", status: "added" },
  ]);
  expect(collected.tampering).toEqual([]);
  expect(collected.benign).toEqual(["made a commit of its own", "switched to the branch elsewhere"]);
  expect(await repo.show(collected.tree, "a.ts")).toBe("2\n");
});

test("bits that an agent sets in its own index, and its own ignore file, hide nothing", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n", "b.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.git("update-index", "--assume-unchanged", "a.ts");
  await rig.git("update-index", "--skip-worktree", "b.ts");
  await rig.write({ "a.ts": "2\n", "b.ts": "2\n", "c.ts": "new\n", ".git/info/exclude": "*\n" });
  expect((await rig.collect(lane)).changed.map(({ path }) => path)).toEqual(["a.ts", "b.ts", "c.ts"]);
});

test("an agent's git configuration, filters and hooks are never run", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  const proof = join(repo.base, "proof");
  await rig.git("config", "core.fsmonitor", `touch ${proof}`);
  await rig.git("config", "filter.evil.clean", `touch ${proof}; cat`);
  await rig.git("config", "core.hooksPath", join(lane.dir, "hooks"));
  await rig.write({
    ".gitattributes": "* filter=evil\n",
    "a.ts": "2\n",
    "hooks/pre-commit": { text: `#!/bin/sh\ntouch ${proof}\n`, mode: 0o755 },
  });
  await rig.collect(lane);
  await rig.prepare();
  expect(await readdir(repo.base)).not.toContain("proof");
});

test("attributes that make git fail are left out, and the rest of the work is taken", async () => {
  await using repo = await createRepo({ files: { ...control, "sub/.gitattributes": "*.txt text\n", "a.md": "a\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  const evil = "* working-tree-encoding=UTF-16\n";
  await rig.write({ ".gitattributes": evil, "sub/.gitattributes": evil, "a.md": "b\n", "sub/new.txt": "n\n" });
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([{ path: "a.md", status: "modified" }, { path: "sub/new.txt", status: "added" }]);
  expect(collected.benign).toEqual(["wrote attributes that git can't work with: they were left out"]);
  expect(await repo.show(collected.tree, "a.md")).toBe("b\n");
});

test("control files are the base's in the tree, and come back as the agent left them", async () => {
  await using repo = await createRepo({ files: control });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ "prd.json": "{ broken", "progress.txt": null, "work.txt": "w" });
  const collected = await rig.collect(lane);
  expect(collected.planText).toBe("{ broken");
  expect(collected.progressText).toBeNull();
  expect(collected.changed).toEqual([{ path: "work.txt", status: "added" }]);
  expect(await repo.show(collected.tree, "prd.json")).toBe(planText);
  expect(await repo.show(collected.tree, "progress.txt")).toBe(progressText);
});

test("a control file that became a link, a pipe, a folder or huge is not followed, waited for or read", async () => {
  await using repo = await createRepo({ files: control });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await writeFile(join(repo.base, "secret"), "secret");
  await rm(join(lane.dir, "prd.json"));
  await symlink(join(repo.base, "secret"), join(lane.dir, "prd.json"));
  await rm(join(lane.dir, "progress.txt"));
  execFileSync("mkfifo", [join(lane.dir, "progress.txt")]);
  const linked = await rig.collect(lane);
  expect([linked.planText, linked.progressText]).toEqual([null, null]);
  expect(await repo.show(linked.tree, "prd.json")).toBe(planText);

  const again = await rig.prepare();
  expect(await rig.read("progress.txt")).toBe(progressText);
  await rig.write({ "prd.json": null });
  await mkdir(join(lane.dir, "prd.json"));
  await truncate(join(lane.dir, "progress.txt"), 20 * 1024 * 1024);
  const huge = await rig.collect(again);
  expect([huge.planText, huge.progressText]).toEqual([null, progressText]);
  expect(huge.tampering).toEqual(["made `progress.txt` 20 MB large"]);
});

test("changes to registries are undone and named; a project's own files in that folder are work", async () => {
  const validators = '{ "unit": { "command": "true" } }\n';
  await using repo = await createRepo({ files: { ...control, "registries/validators.json": validators } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({
    "registries/validators.json": "{}",
    "registries/agents.json": "{}",
    "registries/own/data.json": "{}",
  });
  const collected = await rig.collect(lane);
  expect(collected.tampering).toEqual([
    "changed `registries/agents.json`",
    "changed `registries/validators.json`",
  ]);
  expect(collected.changed).toEqual([{ path: "registries/own/data.json", status: "added" }]);
  expect(await repo.show(collected.tree, "registries/validators.json")).toBe(validators);
  expect(await repo.show(collected.tree, "registries/agents.json")).toBeNull();
});

test("a folder of control files that gave way to a link is put back, and nothing behind the link is read", async () => {
  const files = {
    "scripts/ralph/prd.json": planText,
    "scripts/ralph/progress.txt": progressText,
    "scripts/run.sh": "x",
  };
  await using repo = await createRepo({ files });
  const rig = await openLane(repo);
  expect(rig.place.planPath).toBe("scripts/ralph/prd.json");
  const lane = await rig.prepare();
  const outside = join(repo.base, "outside");
  await rename(join(lane.dir, "scripts"), outside);
  await writeFile(join(outside, "ralph/prd.json"), "secret");
  await symlink(outside, join(lane.dir, "scripts"));
  const collected = await rig.collect(lane);
  expect(collected.planText).toBeNull();
  expect(await repo.show(collected.tree, "scripts/ralph/prd.json")).toBe(planText);
  expect(collected.tampering).toContain("put something in the place of `scripts/ralph/prd.json`");
  expect(collected.changed).toEqual([{ path: "scripts/run.sh", status: "deleted" }]);
  expect(await repo.ls(collected.tree)).toEqual(["scripts/ralph/prd.json", "scripts/ralph/progress.txt"]);
});

test("what lies behind a link to the outside is not taken", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  const outside = join(repo.base, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "a.ts"), "secret");
  await rm(join(lane.dir, "src"), { recursive: true });
  await symlink(outside, join(lane.dir, "src"));
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([{ path: "src", status: "added" }, { path: "src/a.ts", status: "deleted" }]);
  expect(await repo.ls(collected.tree)).toEqual(["prd.json", "progress.txt", "src"]);
});

test("ignored files are not taken, whatever the agent forced into its own index", async () => {
  await using repo = await createRepo({ files: { ...control, ".gitignore": "dist/\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ "dist/out.js": "x", "src.ts": "x" });
  await rig.git("add", "-f", "dist/out.js");
  await rig.git("commit", "-q", "-m", "forced");
  expect((await rig.collect(lane)).changed).toEqual([{ path: "src.ts", status: "added" }]);
});

test("repositories that an agent made or cloned inside become ordinary files", async () => {
  await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ "empty/readme.md": "e", "app/main.ts": "m", "app/vendor/lib.ts": "l" });
  await repo.gitIn(join(lane.dir, "empty"), "init", "-q");
  for (const dir of ["app/vendor", "app", "src"]) {
    const own = join(lane.dir, dir);
    await repo.gitIn(own, "init", "-q");
    await repo.gitIn(own, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x");
  }
  await repo.gitIn(join(lane.dir, "app"), "config", "core.fsmonitor", `touch ${join(repo.base, "proof")}`);
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([
    { path: "app/main.ts", status: "added" },
    { path: "app/vendor/lib.ts", status: "added" },
    { path: "empty/readme.md", status: "added" },
  ]);
  expect(collected.benign.join("\n")).toContain("repository of its own in `app`");
  expect(await readdir(repo.base)).not.toContain("proof");
  await rig.prepare();
  expect(await readdir(lane.dir)).not.toContain("app");
});

test("a tracked file that became a pipe loses its place and stops nothing", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ "a.ts": null, "b.ts": "new\n" });
  execFileSync("mkfifo", [join(lane.dir, "a.ts")]);
  const collected = await rig.collect(lane);
  expect(collected.changed.map(({ path }) => path)).toContain("b.ts");
  await rig.prepare();
  expect(await rig.read("a.ts")).toBe("1\n");
});

test("a lane that its agent removed yields the base and says so", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rm(lane.dir, { recursive: true });
  const collected = await rig.collect(lane);
  expect(collected.tree).toBe(await repo.git("rev-parse", "HEAD^{tree}"));
  expect(collected.changed).toEqual([]);
  expect(collected.planText).toBe(planText);
  expect(collected.benign).toEqual(["removed its own lane, so nothing of its work could be kept"]);
});

test("a lane without its `.git` is collected like any other", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ ".git": null, "a.ts": "2\n" });
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([{ path: "a.ts", status: "modified" }]);
  expect(collected.benign).toEqual(["removed the `.git` folder of its lane"]);
});

test("a lane can be collected by another runner than the one that prepared it", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const lane = await (await openLane(repo)).prepare();
  const rig = await openLane(repo);
  await rig.write({ "a.ts": "2\n" });
  const collected = await rig.collect(JSON.parse(JSON.stringify(lane)) as typeof lane);
  expect(collected.changed).toEqual([{ path: "a.ts", status: "modified" }]);
});

/** Waits for the next full second: git knows file times to the second. */
async function nextSecond(): Promise<void> {
  await delay(1000 - Date.now() % 1000);
}

test("a change of the same size, within the second in which the lane was made, is seen long after", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const rig = await openLane(repo);
  await rig.prepare();
  await rig.write({ "a.ts": "x\n" });
  await nextSecond();
  const lane = await rig.prepare();
  await rig.write({ "a.ts": "2\n" });
  await nextSecond();
  expect((await rig.collect(lane)).changed).toEqual([{ path: "a.ts", status: "modified" }]);
});

test("a change of the same size with the old file's time put back is seen", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const rig = await openLane(repo);
  await nextSecond();
  await rig.prepare();
  await nextSecond();
  const lane = await rig.prepare();
  await rig.write({ stamp: "" });
  execFileSync("sh", ["-c", "touch -r a.ts stamp && printf '2\\n' > a.ts && touch -r stamp a.ts && rm stamp"], {
    cwd: lane.dir,
  });
  expect((await rig.collect(lane)).changed).toEqual([{ path: "a.ts", status: "modified" }]);
});

test.runIf(await permissionsHold())(
  "files and folders without permissions are read all the same (not as root, who has them all)",
  async () => {
    await using repo = await createRepo({ files: { ...control, "src/a.ts": "1\n", "b.ts": "1\n" } });
    const rig = await openLane(repo);
    const lane = await rig.prepare();
    await rig.write({ "src/a.ts": "2\n", "src/new.ts": "n\n", "b.ts": "2\n", "new/c.ts": "c\n" });
    await chmod(join(lane.dir, "b.ts"), 0);
    await chmod(join(lane.dir, "src"), 0);
    await chmod(join(lane.dir, "new"), 0);
    const collected = await rig.collect(lane);
    expect(collected.changed.map(({ path }) => path)).toEqual(["b.ts", "new/c.ts", "src/a.ts", "src/new.ts"]);
    await chmod(join(lane.dir, "src"), 0);
    await rig.prepare();
    expect(await rig.git("status", "--porcelain")).toBe("");
  },
);
