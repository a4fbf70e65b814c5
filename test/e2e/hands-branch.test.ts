import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { waitUntil } from "../support/processes.ts";
import type { TestRepo } from "../support/repo.ts";
import { notices, repoOf, starts, waiting, whileItWorks } from "./hands.ts";
import { loop, subjects } from "./rig.ts";

/** The first step lands; a person acts while the agent of the second works. */
const steps = (repo: TestRepo) => [
  { id: "US-001", command: `echo x >> '${repo.base}/first'; echo one > one.txt`, validators: ["one"] },
  { id: "US-002", command: waiting(repo, "echo two > two.txt"), validators: ["two"] },
];

async function firstRuns(repo: TestRepo): Promise<number> {
  return (await repo.read("../first")).split("\n").length - 1;
}

const landed = ["feat: US-002 - Step US-002", "feat: US-001 - Step US-001"];

describe.concurrent("while an agent works, a person", { timeout: 60_000 }, () => {
  test("commits everything from files that do not show a landing yet: it is said, and lands again without an agent", async () => {
    await using repo = await repoOf({ steps });
    const run = await whileItWorks(repo, async () => {
      // As the files are where the checkout could not follow.
      await repo.git("checkout", "-q", "HEAD~1", "--", ".");
      await repo.git("rm", "-q", "one.txt");
      await repo.write({ "shared.txt": "a\nb\nc mine\nd\ne\n" });
      await repo.git("commit", "-q", "-a", "-m", "fix: by hand");
      expect(await repo.show("HEAD", "one.txt")).toBeNull();
    });
    expect(notices(run.events, "taken-back")).toMatchObject([{
      step: "US-001",
      commit: await repo.git("log", "--format=%H", "--grep=by hand", "capstan/test"),
      by: "Test Person <person@example.com>",
    }]);
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "one.txt")).toBe("one\n");
    expect(await repo.show("capstan/test", "shared.txt")).toBe("a\nb\nc mine\nd\ne\n");
    expect(await firstRuns(repo)).toBe(1);
    expect((await repo.read("progress.txt")).match(/- US-001$/gm)).toHaveLength(1);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.git("for-each-ref", "refs/capstan/attempts", "refs/capstan/parked")).toBe("");
  });

  test("reverts what landed: it is open again, and an agent does it again", async () => {
    await using repo = await repoOf({ steps });
    const run = await whileItWorks(repo, () => repo.git("revert", "--no-edit", "HEAD"));
    expect(notices(run.events, "taken-back")).toEqual([]);
    expect(notices(run.events, "reopened-by-hand")).toMatchObject([{ step: "US-001", why: "commit" }]);
    expect(run.code).toBe(0);
    expect(await firstRuns(repo)).toBe(2);
    expect(await repo.show("capstan/test", "one.txt")).toBe("one\n");
  });

  test("rebases the branch: what passed stays passed, and the work is replayed", async () => {
    await using repo = await repoOf({ steps });
    const run = await whileItWorks(repo, async () => {
      await repo.git("switch", "-q", "main");
      await repo.commit("docs: on main", { "docs.md": "d\n" });
      await repo.git("rebase", "-q", "main", "capstan/test");
    });
    expect(notices(run.events, "branch-moved")).toHaveLength(1);
    expect(run.code).toBe(0);
    expect(await subjects(repo, "capstan/test")).toEqual([
      ...landed,
      "chore(plan): name the plan",
      "docs: on main",
      "chore: start",
    ]);
    expect([await firstRuns(repo), await starts(repo)]).toEqual([1, 1]);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("squashes the branch into another and moves it there: what passed stays passed", async () => {
    await using repo = await repoOf({ steps });
    const run = await whileItWorks(repo, async () => {
      await repo.git("switch", "-q", "main");
      await repo.git("merge", "-q", "--squash", "capstan/test");
      await repo.git("commit", "-q", "-m", "feat: squashed");
      await repo.git("switch", "-q", "-C", "capstan/test");
    });
    expect(run.code).toBe(0);
    expect(await subjects(repo, "capstan/test")).toEqual([
      "feat: US-002 - Step US-002",
      "feat: squashed",
      "chore: start",
    ]);
    expect(await subjects(repo, "main")).toEqual(["feat: squashed", "chore: start"]);
    expect([await firstRuns(repo), await starts(repo)]).toEqual([1, 1]);
    expect((await loop(repo)).code).toBe(0);
  });

  test("squash-merges into another branch and goes on there: the run's branch goes its way", async () => {
    await using repo = await repoOf({ steps });
    const run = await whileItWorks(repo, async () => {
      await repo.git("switch", "-q", "main");
      await repo.git("merge", "-q", "--squash", "capstan/test");
      await repo.git("commit", "-q", "-m", "feat: squashed");
    });
    expect(run.code).toBe(0);
    expect((await subjects(repo, "capstan/test")).slice(0, 2)).toEqual(landed);
    expect(await subjects(repo, "main")).toEqual(["feat: squashed", "chore: start"]);
    expect(await repo.git("branch", "--show-current")).toBe("main");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("has a commit open in an editor: parked, and it lands when that is done, without an agent", async () => {
    await using repo = await repoOf({ steps });
    const editor =
      `touch '${repo.base}/editing'; until [ -e '${repo.base}/written' ]; do sleep 0.05; done; echo mine >`;
    let commit: ChildProcess | null = null;
    const run = await whileItWorks(repo, async () => {
      await repo.write({ "shared.txt": "a\nb\nc mine\nd\ne\n" });
      commit = spawn("git", ["commit", "-q", "-a"], {
        cwd: repo.dir,
        env: { ...repo.env, GIT_EDITOR: editor },
        stdio: "ignore",
      });
      await waitUntil(() => existsSync(join(repo.base, "editing")), 20_000);
    });
    expect(run.code).toBe(7);
    expect(run.events.at(-1)).toMatchObject({
      halt: { reason: "parked", step: "US-002", by: "git", paths: [join(repo.dir, ".git/index.lock")] },
    });
    await repo.write({ "../written": "" });
    expect(await once(commit!, "close")).toEqual([0, null]);
    expect((await loop(repo)).code).toBe(0);
    expect((await subjects(repo, "capstan/test")).slice(0, 3)).toEqual([landed[0], "mine", landed[1]]);
    expect([await firstRuns(repo), await starts(repo)]).toEqual([1, 1]);
  });

  test("is in the middle of rebasing the branch: the rebase ends as theirs, and no work is lost", async () => {
    await using repo = await repoOf({ steps });
    const run = await whileItWorks(repo, async () => {
      await repo.git("switch", "-q", "main");
      await repo.commit("docs: on main", { "docs.md": "d\n" });
      spawnSync("git", ["rebase", "-q", "--exec", "false", "main", "capstan/test"], { cwd: repo.dir, env: repo.env });
    });
    expect(run.code).toBe(7);
    expect(run.events.at(-1)).toMatchObject({ halt: { reason: "parked", step: "US-002", by: "rebase", paths: [] } });
    // `--exec` stops after each of the two commits.
    for (const status of [1, 0]) {
      const { status: ended } = spawnSync("git", ["rebase", "--continue"], {
        cwd: repo.dir,
        env: { ...repo.env, GIT_EDITOR: ":" },
      });
      expect(ended).toBe(status);
    }
    expect((await loop(repo)).code).toBe(0);
    expect((await subjects(repo, "capstan/test")).slice(0, 4)).toEqual([
      ...landed,
      "chore(plan): name the plan",
      "docs: on main",
    ]);
    expect([await firstRuns(repo), await starts(repo)]).toEqual([1, 1]);
  });
});
