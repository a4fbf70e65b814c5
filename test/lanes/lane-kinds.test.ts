import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { locate } from "../../src/lanes/locate.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { control, openLane } from "./lane-rig.ts";

async function addSubmodule(repo: TestRepo, inner: TestRepo): Promise<void> {
  await repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.dir, "vendor/lib");
  await repo.commit("add submodule");
}

const innerFiles = { "lib.ts": "1\n" };

test("a submodule comes from the checkout's own objects, without its remote", async () => {
  await using repo = await createRepo({ files: control });
  await using inner = await createRepo({ files: innerFiles });
  await addSubmodule(repo, inner);
  await rm(inner.dir, { recursive: true });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect(await rig.read("vendor/lib/lib.ts")).toBe("1\n");
  expect(await rig.git("status", "--porcelain")).toBe("");
  expect((await rig.collect(lane)).tree).toBe(await repo.git("rev-parse", "HEAD^{tree}"));
});

test("a submodule that the checkout does not have stays an empty folder", async () => {
  await using repo = await createRepo({ files: control });
  await using inner = await createRepo({ files: innerFiles });
  await addSubmodule(repo, inner);
  await repo.git("submodule", "--quiet", "deinit", "--all", "--force");
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect(await readdir(join(lane.dir, "vendor/lib"))).toEqual([]);
  await rig.write({ "a.ts": "1\n" });
  expect((await rig.collect(lane)).changed).toEqual([{ path: "a.ts", status: "added" }]);
});

test("what an agent does inside a submodule is undone, and its configuration is never read", async () => {
  await using repo = await createRepo({ files: control });
  await using inner = await createRepo({ files: innerFiles });
  await addSubmodule(repo, inner);
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  const sub = join(lane.dir, "vendor/lib");
  const proof = join(repo.base, "proof");
  await repo.gitIn(sub, "config", "filter.evil.clean", `touch ${proof}; cat`);
  await repo.gitIn(sub, "config", "core.fsmonitor", `touch ${proof}; false`);
  await rig.write({ "vendor/lib/lib.ts": "2\n", "vendor/lib/.gitattributes": "* filter=evil\n", "a.ts": "1\n" });
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([{ path: "a.ts", status: "added" }]);
  expect(await readdir(repo.base)).not.toContain("proof");
  await rig.prepare();
  expect(await rig.read("vendor/lib/lib.ts")).toBe("1\n");
  expect(await rig.has("vendor/lib/.gitattributes")).toBe(false);
});

test("paths outside of a sparse checkout stay in every tree, and new files out there are taken", async () => {
  await using repo = await createRepo({
    files: { ...control, "in/a.ts": "1\n", "out/b.ts": "1\n", "out/c.ts": "1\n" },
  });
  await repo.git("sparse-checkout", "set", "--cone", "in");
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect((await readdir(lane.dir)).toSorted()).toEqual([".git", "in", "prd.json", "progress.txt"]);
  expect(await rig.git("status", "--porcelain")).toBe("");
  await rig.write({ "in/a.ts": "2\n", "out/new.ts": "n\n" });
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([{ path: "in/a.ts", status: "modified" }, { path: "out/new.ts", status: "added" }]);
  expect(await repo.ls(collected.tree)).toEqual([
    "in/a.ts",
    "out/b.ts",
    "out/c.ts",
    "out/new.ts",
    "prd.json",
    "progress.txt",
  ]);
  await rig.write({ "out/b.ts": "planted\n" });
  const again = await rig.prepare();
  expect(await readdir(again.dir)).not.toContain("out");
  expect((await rig.collect(again)).tree).toBe(await repo.git("rev-parse", "HEAD^{tree}"));
});

test("a shallow, detached clone of a bare remote has a lane like any other", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  await repo.commit("second", { "a.ts": "2\n" });
  const url = await repo.remote();
  await repo.git("push", "-q", "origin", "main");
  const clone = await repo.clone(`file://${url}`, "--depth=1", "--single-branch");
  await clone.git("checkout", "-q", "--detach");
  const rig = await openLane(clone);
  const lane = await rig.prepare({ branch: "capstan/work" });
  expect(await rig.git("log", "--format=%s")).toBe("second");
  await rig.write({ "a.ts": "3\n" });
  expect((await rig.collect(lane)).changed).toEqual([{ path: "a.ts", status: "modified" }]);
});

test("a linked worktree shares the lane of its repository and keeps its own checkout state", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const main = await repo.place();
  const dir = join(repo.base, "linked");
  await repo.git("worktree", "add", "-q", "-b", "linked", dir);
  const located = await locate({ dir, env: repo.env });
  if (!located.ok) throw new Error(located.problem.kind);
  expect(located.place.stateDir).toBe(main.stateDir);
  expect(located.place.gitDir).not.toBe(main.gitDir);
  expect(located.place.commonDir).toBe(main.commonDir);
  expect(located.place.head.branch).toBe("linked");
});

test("missing objects of a partial clone are fetched once, or refused with what git said", async () => {
  await using repo = await createRepo({ files: { ...control, "a.ts": "1\n" } });
  const url = await repo.remote();
  await repo.gitIn(url, "config", "uploadpack.allowFilter", "true");
  await repo.gitIn(url, "config", "uploadpack.allowAnySHA1InWant", "true");
  await repo.git("push", "-q", "origin", "main");
  const online = await repo.clone(`file://${url}`, "--filter=blob:none", "--no-checkout");
  const rig = await openLane(online);
  await rig.prepare();
  expect(await rig.read("a.ts")).toBe("1\n");

  const offline = await repo.clone(`file://${url}`, "--filter=blob:none", "--no-checkout");
  await offline.git("remote", "set-url", "origin", "file:///nowhere");
  const broken = await openLane(offline);
  const refused = await broken.port.prepare(await broken.request());
  expect(refused).toMatchObject({ ok: false, halt: { reason: "repository", problem: { kind: "partial-clone" } } });
});

test("files of a large file store are cleaned and smudged by the person's own filter", async () => {
  await using repo = await createRepo({ files: control });
  const store = join(repo.base, "store");
  await mkdir(store);
  const filter = join(repo.base, "filter.sh");
  await writeFile(
    filter,
    `#!/bin/sh
if [ "$1" = clean ]; then tee ${store}/tmp | sha1sum | cut -c1-40 > ${store}/id; mv ${store}/tmp ${store}/$(cat ${store}/id); cat ${store}/id
else id=$(cat); cat ${store}/$id; fi
`,
  );
  await chmod(filter, 0o755);
  await repo.git("config", "filter.lfs.clean", `${filter} clean`);
  await repo.git("config", "filter.lfs.smudge", `${filter} smudge`);
  await repo.git("config", "filter.lfs.required", "true");
  await repo.commit("store", { ".gitattributes": "*.bin filter=lfs\n", "big.bin": "large content\n" });
  expect(await repo.show("HEAD", "big.bin")).toMatch(/^[0-9a-f]{40}\n$/);
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect(await rig.read("big.bin")).toBe("large content\n");
  expect(await rig.git("status", "--porcelain")).toBe("");
  await rig.write({ "new.bin": "more content\n" });
  const collected = await rig.collect(lane);
  expect(collected.changed).toEqual([{ path: "new.bin", status: "added" }]);
  expect(await repo.show(collected.tree, "new.bin")).toMatch(/^[0-9a-f]{40}\n$/);
});

test("a repository with SHA-256 object ids works", async () => {
  await using repo = await createRepo({ files: false });
  execFileSync("rm", ["-rf", join(repo.dir, ".git")]);
  await repo.git("init", "-q", "-b", "main", "--object-format=sha256");
  await repo.git("config", "user.name", "T");
  await repo.git("config", "user.email", "t@example.com");
  await repo.commit("start", control);
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write({ "registries/agents.json": "{}", "a.ts": "1\n" });
  expect(await rig.git("status", "--porcelain")).toContain("a.ts");
  expect((await rig.collect(lane)).changed).toEqual([{ path: "a.ts", status: "added" }]);
});
