import { chmod, lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { openVerifyLane } from "../../src/lanes/verify-lane.ts";
import { parseMark } from "../../src/system/marks.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { control, openLane, planWith } from "./lane-rig.ts";

/** A setup that leaves a dependency, a link, a cache and a trace of how often it ran. */
const setup =
  `echo run >> "$HOME/runs"; mkdir -p deps/pkg && cp lock deps/pkg/index.js && ln -sf pkg deps/link && chmod 755 deps/pkg/index.js`;
const plan = planWith({ setup });
const files = { ...control, ".gitignore": "deps/\n.cache/\n", "lock": "v1\n", "package-lock.json": "{}\n" };

async function runs(repo: TestRepo): Promise<number> {
  const text = await readFile(join(repo.env.HOME!, "runs"), "utf8").catch(() => "");
  return text.split("\n").length - 1;
}

test("setup runs once, and again only when a lock file changed", async () => {
  await using repo = await createRepo({ files });
  const rig = await openLane(repo);
  await rig.prepare({ plan });
  await rig.prepare({ plan });
  expect(await runs(repo)).toBe(1);
  expect(await rig.read("deps/pkg/index.js")).toBe("v1\n");
  await repo.commit("other", { "a.ts": "1\n" });
  await rig.prepare({ plan });
  expect(await runs(repo)).toBe(1);
  await (await openLane(repo)).prepare({ plan });
  expect(await runs(repo)).toBe(1);
  await repo.commit("new lock", { "package-lock.json": "{ }\n", "lock": "v2\n" });
  await rig.prepare({ plan });
  expect(await runs(repo)).toBe(2);
  expect(await rig.read("deps/pkg/index.js")).toBe("v2\n");
  expect(rig.notices.map((notice) => notice.kind === "setup" ? notice.why : notice.kind)).toEqual([
    "first",
    "lock-file-changed",
  ]);
});

test("whatever an agent does to what setup made is undone, file by file", async () => {
  await using repo = await createRepo({ files });
  const rig = await openLane(repo);
  const { dir } = await rig.prepare({ plan });
  await rig.write({ "deps/pkg/note.txt": "remember", "deps/pkg/index.js": null, "deps/other/x": "planted" });
  await rig.write({ "deps/pkg/index.js": "v9\n" });
  await rm(join(dir, "deps/link"));
  await symlink("/etc", join(dir, "deps/link"));
  await rig.prepare({ plan });
  expect(await readdir(join(dir, "deps"))).toEqual(["link", "pkg"]);
  expect(await readdir(join(dir, "deps/pkg"))).toEqual(["index.js"]);
  expect(await rig.read("deps/link/index.js")).toBe("v1\n");
  expect((await lstat(join(dir, "deps/pkg/index.js"))).mode & 0o777).toBe(0o755);

  await chmod(join(dir, "deps/pkg/index.js"), 0o600);
  await rig.prepare({ plan });
  expect((await lstat(join(dir, "deps/pkg/index.js"))).mode & 0o777).toBe(0o755);

  await rm(join(dir, "deps"), { recursive: true });
  await rig.prepare({ plan });
  expect(await rig.read("deps/link/index.js")).toBe("v1\n");
  expect(await runs(repo)).toBe(1);
  expect(await rig.git("status", "--porcelain")).toBe("");
});

test("restoring never writes through a link that an agent put in the place of a folder", async () => {
  await using repo = await createRepo({ files: { ...files, "pkgs/a/x.ts": "1\n" } });
  const rig = await openLane(repo);
  // The cache glob makes the cleaning before it leave the link alone.
  const own = planWith({ setup: "mkdir -p pkgs/a/deps && echo 1 > pkgs/a/deps/f", cache: ["pkgs/*"] });
  const { dir } = await rig.prepare({ plan: own });
  const outside = join(repo.base, "outside");
  await mkdir(outside);
  for (const moved of ["pkgs/a", "pkgs/a/deps"]) {
    await rig.prepare({ plan: own });
    await rename(join(dir, moved), join(repo.base, "moved"));
    await symlink(outside, join(dir, moved));
    await rig.prepare({ plan: own });
    expect(await readdir(outside)).toEqual([]);
    expect(await rig.read("pkgs/a/deps/f")).toBe("1\n");
    await rm(join(repo.base, "moved"), { recursive: true });
  }
});

test("declared caches survive as they are, other ignored files do not", async () => {
  await using repo = await createRepo({ files });
  const rig = await openLane(repo);
  const cached = planWith({ setup, cache: [".cache/**", "deps/pkg/warm"] });
  await rig.prepare({ plan: cached });
  await rig.write({ ".cache/x/y": "kept", "deps/pkg/warm": "kept", "deps/pkg/note": "gone" });
  await rig.prepare({ plan: cached });
  expect(await rig.read(".cache/x/y")).toBe("kept");
  expect(await rig.read("deps/pkg/warm")).toBe("kept");
  expect(await rig.has("deps/pkg/note")).toBe(false);
});

test("what setup writes where git does not ignore it is no agent's work", async () => {
  await using repo = await createRepo({ files });
  await repo.write({ ".env.test": "T" });
  const rig = await openLane(repo);
  const messy = planWith({ setup: `${setup}; echo x > stray.txt; echo x >> lock`, copy: [".env.test"] });
  const lane = await rig.prepare({ plan: messy });
  expect(await rig.git("status", "--porcelain")).toBe("");
  expect(await rig.read(".env.test")).toBe("T");
  expect((await rig.collect(lane)).changed).toEqual([]);
});

test("a lane that was deleted gets its dependencies back without another setup", async () => {
  await using repo = await createRepo({ files });
  const rig = await openLane(repo);
  const { dir } = await rig.prepare({ plan });
  await rm(dir, { recursive: true });
  await rig.prepare({ plan });
  expect(await rig.read("deps/link/index.js")).toBe("v1\n");
  expect(await runs(repo)).toBe(1);
});

test("git and setup carry the run's mark, by which the next start finds what a killed runner left behind", async () => {
  await using repo = await createRepo({ files: { ...files, ".gitattributes": "a.ts filter=see\n" } });
  const seen = join(repo.base, "seen");
  await repo.git("config", "filter.see.smudge", `printf '%s\\n' "$CAPSTAN_RUN" >> ${seen}; cat`);
  await repo.commit("filtered", { "a.ts": "1\n" });
  const rig = await openLane(repo);
  await rig.prepare({ plan: planWith({ setup: `printf '%s\\n' "$CAPSTAN_RUN" >> ${seen}` }) });
  const marks = (await readFile(seen, "utf8")).trim().split("\n").map(parseMark);
  const own = { repoKey: basename(rig.place.stateDir), run: "test", iteration: 0 };
  expect(marks).toEqual([own, own]);
});

test("a setup that fails halts with its command and the end of its output", async () => {
  await using repo = await createRepo({ files });
  const rig = await openLane(repo);
  const failing = planWith({ setup: "echo out; echo err >&2; exit 3" });
  const prepared = await rig.port.prepare(await rig.request({ plan: failing }));
  expect(prepared).toMatchObject({
    ok: false,
    halt: {
      reason: "repository",
      problem: { kind: "setup-failed", command: failing.setup, output: "out\nerr\nexit code 3" },
    },
  });
  await rig.prepare({ plan });
  expect(await rig.read("deps/pkg/index.js")).toBe("v1\n");
});

test("`auto` installs what a lock file says when the tool is there and its folder is ignored, and nothing otherwise", async () => {
  await using repo = await createRepo({
    files: { ...control, "package-lock.json": "{}\n", ".gitignore": "node_modules/\n" },
  });
  const bin = join(repo.base, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "npm"), `#!/bin/sh\nmkdir -p node_modules && echo "$@" > node_modules/args\n`, {
    mode: 0o755,
  });
  repo.env.PATH = `${bin}:/usr/bin:/bin`;
  const auto = planWith({ setup: "auto" });
  const rig = await openLane(repo);
  await rig.prepare({ plan: auto });
  expect(await rig.read("node_modules/args")).toBe("ci --no-audit --no-fund\n");

  await repo.commit("not ignored", { ".gitignore": "other/\n", "package-lock.json": "{  }\n" });
  await rig.prepare({ plan: auto });
  expect(await rig.has("node_modules")).toBe(false);
  await repo.commit("no lock", { ".gitignore": "node_modules/\n", "package-lock.json": null });
  await rig.prepare({ plan: auto });
  expect(rig.notices).toHaveLength(1);
});

test("the verify lane has dependencies of its own and holds exactly the tree that it was given", async () => {
  await using repo = await createRepo({ files: { ...files, "src/a.ts": "1\n" } });
  const rig = await openLane(repo);
  const lane = await rig.prepare({ plan });
  await rig.write({ "src/a.ts": "2\n", "deps/pkg/index.js": "planted", "lock": "v2\n" });
  const { tree } = await rig.collect(lane);
  const verify = openVerifyLane(rig.place, { run: "test", notice: () => undefined });
  const head = lane.base;
  const checked = await verify.checkout({ tree, head, plan });
  expect(checked).toEqual({ ok: true, value: verify.dir });
  expect(await readFile(join(verify.dir, "src/a.ts"), "utf8")).toBe("2\n");
  expect(await readFile(join(verify.dir, "deps/pkg/index.js"), "utf8")).toBe("v2\n");
  expect(await repo.gitIn(verify.dir, "diff", "--name-only")).toBe("");
  expect(await repo.gitIn(verify.dir, "diff", "--name-only", "HEAD")).toBe("lock\nsrc/a.ts");

  await writeFile(join(verify.dir, "src/a.ts"), "left by a validator");
  await writeFile(join(verify.dir, "deps/pkg/index.js"), "left by a validator");
  await verify.checkout({ tree: head, head, plan });
  expect(await readFile(join(verify.dir, "src/a.ts"), "utf8")).toBe("1\n");
  expect(await repo.gitIn(verify.dir, "status", "--porcelain")).toBe("");
  const failed = await verify.checkout({ tree, head, plan: planWith({ setup: "exit 1" }) });
  expect(failed).toMatchObject({ ok: false, problem: { kind: "setup-failed" } });
});

test("protected files come from the base, and added tests can be tried on it", async () => {
  await using repo = await createRepo({
    files: {
      ...control,
      "test/a.test.ts": "old\n",
      "test/gone.test.ts": "gone\n",
      "src/a.ts": "1\n",
      "test/run.sh": { text: "r", mode: 0o755 },
    },
  });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({
    "test/a.test.ts": "weaker\n",
    "test/gone.test.ts": null,
    "test/new.test.ts": "new\n",
    "src/a.ts": "2\n",
    "test/run.sh": null,
  });
  await rig.write({ "test/run.sh/inside": "a folder now" });
  const { tree } = await rig.collect(lane);
  const verify = openVerifyLane(rig.place, { run: "test", notice: () => undefined });
  const composed = await verify.compose(tree, lane.base, ["test/**"]);
  if (!composed.ok) throw new Error(composed.problem.kind);
  expect(await repo.git("diff", "--name-only", lane.base, composed.value)).toBe("src/a.ts");
  expect(await verify.compose(tree, lane.base, [])).toEqual({ ok: true, value: tree });
  expect(await verify.compose(tree, lane.base, ["docs/**"])).toEqual({ ok: true, value: tree });
  const overlaid = await verify.overlay(lane.base, tree, ["test/new.test.ts", "test/gone.test.ts"]);
  if (!overlaid.ok) throw new Error(overlaid.problem.kind);
  expect(await repo.git("diff", "--name-status", "--no-renames", lane.base, overlaid.value)).toBe(
    "D\ttest/gone.test.ts\nA\ttest/new.test.ts",
  );
});
