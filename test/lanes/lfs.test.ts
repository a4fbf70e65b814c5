import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTextOrNull } from "../../src/system/files.ts";
import { whichSync } from "../../src/system/which.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, open, type OpenedRepo, planText } from "../support/repository.ts";

const plan = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc", branchName: "work" });

async function land(repo: TestRepo, run: OpenedRepo, step: string, file: string): Promise<void> {
  const landed = await run.repository.land(await landing(repo, await run.see(), step, { [file]: `${step}\n` }));
  expect(landed.kind).toBe("landed");
}

describe("LFS files", () => {
  const files = { "prd.json": plan, "assets/.gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n" };

  /** A PATH with git and, when it is there, a git-lfs that notes how it was called. */
  async function programs(repo: TestRepo, lfs: string | null): Promise<() => Promise<string[]>> {
    const bin = join(repo.base, "bin");
    const log = join(repo.base, "lfs.log");
    const git = whichSync("git", repo.env)!;
    await mkdir(bin);
    await symlink(git, join(bin, "git"));
    const text = `#!/bin/sh\necho "$*" >> "${log}"\n${lfs}\n`;
    if (lfs !== null) await writeFile(join(bin, "git-lfs"), text, { mode: 0o755 });
    repo.env.PATH = lfs === null ? bin : `${bin}:${repo.env.PATH}`;
    return async () => (await readTextOrNull(log))?.trim().split("\n").filter((line) => line !== "version") ?? [];
  }

  test("go to the remote before the branch that needs them", async () => {
    await using repo = await createRepo({ files });
    await repo.remote();
    const called = await programs(repo, "exit 0");
    const run = await open(repo, { push: true });
    await land(repo, run, "US-001", "x.txt");
    expect(await run.repository.push()).toBeNull();
    expect(await called()).toEqual(["push origin work"]);
  });

  test("that the remote refuses keep the branch from being pushed", async () => {
    await using repo = await createRepo({ files });
    const url = await repo.remote();
    await programs(repo, `[ "$1" = version ] || { echo "over quota" >&2; exit 2; }`);
    const run = await open(repo, { push: true });
    await run.see();
    expect(await run.repository.push()).toMatchObject({
      reason: "push-refused",
      remote: "origin",
      message: expect.stringContaining("over quota") as string,
    });
    expect(await repo.gitIn(url, "for-each-ref")).toBe("");
  });

  test("are told about, once, where git-lfs is not installed", async () => {
    await using repo = await createRepo({ files });
    await repo.remote();
    await programs(repo, null);
    const run = await open(repo, { push: true });
    await land(repo, run, "US-001", "x.txt");
    expect(await run.repository.push()).toBeNull();
    await land(repo, run, "US-002", "y.txt");
    expect(await run.repository.push()).toBeNull();
    expect(run.notices.filter(({ kind }) => kind === "lfs-not-sent")).toEqual([
      { kind: "lfs-not-sent", remote: "origin", branch: "work" },
    ]);
  });

  test("cost nothing where there are none", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    await repo.remote();
    const called = await programs(repo, "exit 1");
    const run = await open(repo, { push: true });
    await run.see();
    expect(await run.repository.push()).toBeNull();
    expect(await called()).toEqual([]);
  });
});
