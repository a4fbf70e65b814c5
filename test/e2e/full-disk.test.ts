import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { appendFile, mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { loop, planText, subjects, validatorsText } from "./rig.ts";

/** Only the superuser may mount a small disk, and not in every container. */
const canMount = process.platform === "linux" && process.getuid?.() === 0 &&
  spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

/** A small disk at a folder of the repository, unmounted in the end. */
function smallDisk(dir: string, megabytes: number): Disposable {
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", dir]);
  if (mounted.status !== 0) throw new Error(mounted.stderr.toString());
  return { [Symbol.dispose]: () => void spawnSync("umount", ["-l", dir]) };
}

/** Fills a disk to its last byte. */
async function fill(dir: string): Promise<void> {
  for (const bytes of [1 << 20, 4096, 1]) {
    for (;;) {
      const failed = await appendFile(join(dir, "fill"), Buffer.alloc(bytes)).then(() => false, () => true);
      if (failed) break;
    }
  }
}

/** What an agent runs to fill a disk, the first time only. */
function fillBy(repo: TestRepo, dir: string): string {
  return `test -e '${repo.base}/filled' || { touch '${repo.base}/filled'; cat /dev/zero > '${dir}/fill' 2> /dev/null; }`;
}

/** Moves the repository's git folder to a small disk. */
function gitOnSmallDisk(repo: TestRepo): Disposable {
  const [own, away] = [join(repo.dir, ".git"), join(repo.base, "git")];
  spawnSync("mv", [own, away]);
  mkdirSync(own);
  const disk = smallDisk(own, 8);
  spawnSync("cp", ["-a", `${away}/.`, own]);
  return disk;
}

async function repoOf(command: (repo: TestRepo) => string): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await mkdir(repo.env.XDG_STATE_HOME!, { recursive: true });
  await repo.commit("chore: start", {
    "prd.json": planText([
      { id: "US-001", command: `echo started >> '${repo.base}/starts'; ${command(repo)}`, validators: ["one"] },
      { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
    ], { planId: "plan-abc", branchName: "main" }),
    "registries/validators.json": validatorsText({ one: "test -f one.txt", two: "test -f two.txt" }),
  });
  return repo;
}

function haltOf(events: readonly Event[]): unknown {
  const last = events.at(-1);
  return last?.kind === "halted" ? last.halt : null;
}

async function starts(repo: TestRepo): Promise<number> {
  return (await readFile(join(repo.base, "starts"), "utf8").catch(() => "")).split("\n").length - 1;
}

/** Both steps once, nothing broken, nothing left over. */
async function expectWhole(repo: TestRepo): Promise<void> {
  expect((await subjects(repo, "main")).filter((subject) => subject.startsWith("feat"))).toEqual([
    "feat: US-002 - Step US-002",
    "feat: US-001 - Step US-001",
  ]);
  expect(await repo.git("fsck", "--strict", "--no-dangling")).toBe("");
  expect(await repo.git("status", "--porcelain", "--untracked-files=no")).toBe("");
}

describe.skipIf(!canMount)("a disk that is full (skipped where none can be mounted)", { timeout: 60_000 }, () => {
  test("under the repository when a step has to land: 7, the branch stays, and the next run goes on with the work", async () => {
    await using repo = await repoOf((at) => `echo one >> one.txt; ${fillBy(at, join(at.dir, ".git"))}`);
    using _ = gitOnSmallDisk(repo);
    const run = await loop(repo);
    expect(haltOf(run.events)).toMatchObject({ reason: "repository", problem: { kind: "disk" } });
    expect(run.code).toBe(7);
    expect(await subjects(repo, "main")).toEqual(["chore: start"]);
    await rm(join(repo.dir, ".git/fill"));
    const again = await loop(repo);
    expect(again.code).toBe(0);
    expect(await repo.show("main", "one.txt")).toBe("one\none\n");
    await expectWhole(repo);
  });

  test("under the repository before an agent is started: 7, and none is", async () => {
    await using repo = await repoOf(() => "echo one > one.txt");
    using _ = gitOnSmallDisk(repo);
    await fill(join(repo.dir, ".git"));
    const run = await loop(repo);
    expect(haltOf(run.events)).toMatchObject({ reason: "repository", problem: { kind: "disk" } });
    expect(run.code).toBe(7);
    expect(await starts(repo)).toBe(0);
    await rm(join(repo.dir, ".git/fill"));
    expect((await loop(repo)).code).toBe(0);
    await expectWhole(repo);
  });

  test("under the lanes while an agent works: nothing is lost, and with room the run completes", async () => {
    await using repo = await repoOf((at) => `echo one > one.txt; ${fillBy(at, at.env.XDG_STATE_HOME!)}`);
    using _ = smallDisk(repo.env.XDG_STATE_HOME!, 16);
    const run = await loop(repo);
    expect([0, 4, 7]).toContain(run.code);
    expect(run.stderr).toBe("");
    await rm(join(repo.env.XDG_STATE_HOME!, "fill"));
    expect((await loop(repo)).code).toBe(0);
    await expectWhole(repo);
  });

  test("under the lanes before an agent is started: 2 or 7, and none is", async () => {
    await using repo = await repoOf(() => "echo one > one.txt");
    using _ = smallDisk(repo.env.XDG_STATE_HOME!, 8);
    await fill(repo.env.XDG_STATE_HOME!);
    const run = await loop(repo);
    expect(haltOf(run.events)).toMatchObject({ reason: "repository" });
    expect([2, 7]).toContain(run.code);
    expect(await starts(repo)).toBe(0);
    await rm(join(repo.env.XDG_STATE_HOME!, "fill"));
    expect((await loop(repo)).code).toBe(0);
    await expectWhole(repo);
  });

  test.each([["repository", ".git"], ["lanes", "../state"]] as const)(
    "under the %s that turns read-only while an agent works ends the run with 7, and writable again it completes",
    async (what, folder) => {
      await using repo = await repoOf((at) => {
        const dir = join(at.dir, folder);
        // Over what is there: a disk with open files can't be remounted itself.
        const lock = `mount --bind '${dir}' '${dir}' && mount -o remount,bind,ro '${dir}'`;
        return `echo one >> one.txt; test -e '${at.base}/once' || { touch '${at.base}/once'; ${lock}; }`;
      });
      using _ = what === "lanes" ? smallDisk(repo.env.XDG_STATE_HOME!, 16) : gitOnSmallDisk(repo);
      const run = await loop(repo);
      spawnSync("umount", [join(repo.dir, folder)]);
      expect(haltOf(run.events)).toMatchObject({ reason: "repository" });
      expect(run.code).toBe(7);
      expect(run.stderr).toBe("");
      expect(await subjects(repo, "main")).toEqual(["chore: start"]);
      expect((await loop(repo)).code).toBe(0);
      await expectWhole(repo);
    },
  );
});
