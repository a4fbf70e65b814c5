import { spawn } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { locate } from "../../src/lanes/locate.ts";
import { pathExists } from "../../src/system/files.ts";
import type { Inflight } from "../../src/loop/ports.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, open, planText, workOn } from "../support/repository.ts";

const onWork = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc", branchName: "work" });
const ledger = "refs/capstan/ledger/plan-abc";
const onMain = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc" });

async function startHalt(repo: TestRepo, options: Parameters<typeof open>[1] = {}): Promise<unknown> {
  const run = await open(repo, { ...options, start: false });
  const started = await run.repository.start();
  return started.ok ? "started" : started.halt;
}

describe("the branch at the start", () => {
  test("is created from the current commit and checked out, with uncommitted files carried along", async () => {
    await using repo = await createRepo({ files: { "prd.json": onWork, "a.txt": "a\n" } });
    await repo.write({ "a.txt": "mine\n" });
    const run = await open(repo);
    expect(await repo.git("symbolic-ref", "--short", "HEAD")).toBe("work");
    expect(await repo.git("status", "--porcelain")).toBe(" M a.txt");
    expect(run.notices).toContainEqual({ kind: "branch-created", branch: "work", from: "main" });
    expect(await repo.git("rev-parse", "work")).toBe(await repo.git("rev-parse", "main"));
  });

  test("with `--no-checkout`, an edit of a plan that does not count is told about once, and what the runner wrote is no edit", async () => {
    const text = planText({ "US-001": false, "US-002": false }, { branchName: "work" });
    await using repo = await createRepo({ files: { "prd.json": text } });
    const first = await open(repo, { checkout: false });
    await first.repository.land(await landing(repo, await first.see(), "US-001", { "a.txt": "a\n" }));
    expect(await repo.read("prd.json")).toBe(text);
    const second = await open(repo, { checkout: false });
    await second.see();
    expect(second.kinds()).not.toContain("plan-unused");

    await repo.write({ "prd.json": text.replace("Title of US-002", "Better") });
    const third = await open(repo, { checkout: false });
    expect((await third.see()).plan.steps[1]!.title).toBe("Title of US-002");
    await third.see();
    expect(third.notices.filter(({ kind }) => kind === "plan-unused")).toEqual([
      { kind: "plan-unused", file: "prd.json", branch: "work" },
    ]);
  });

  test("`--no-checkout` leaves the checkout alone and takes a plan that the branch lacks from it", async () => {
    await using repo = await createRepo({ files: { "a.txt": "a\n" } });
    await repo.write({ "prd.json": onWork });
    const run = await open(repo, { checkout: false });
    const seen = await run.see();
    expect(seen.branch).toBe("work");
    expect(await repo.git("symbolic-ref", "--short", "HEAD")).toBe("main");
    expect(await repo.show("work", "prd.json")).toBe(seen.planText);
    await run.repository.land(await landing(repo, seen, "US-001", { "a.txt": "A\n" }));
    expect((await run.see()).plan.steps[0]!.passes).toBe(true);
    expect(await repo.git("status", "--porcelain")).toBe("?? prd.json");
    expect(await repo.read("a.txt")).toBe("a\n");
    expect(run.kinds()).not.toContain("checkout-left");
  });

  test("edits that a checkout would overwrite stop the run before anything changed, with their paths", async () => {
    await using repo = await createRepo({ files: { "prd.json": onWork, "a.txt": "a\n" } });
    await repo.git("checkout", "-q", "-b", "work");
    await repo.commit("on work", { "a.txt": "work\n" });
    await repo.git("checkout", "-q", "main");
    await repo.write({ "a.txt": "mine\n" });
    expect(await startHalt(repo)).toMatchObject({
      reason: "repository",
      problem: { kind: "cannot-check-out", branch: "work", paths: ["a.txt"] },
    });
    expect(await repo.git("symbolic-ref", "--short", "HEAD")).toBe("main");
    expect(await repo.read("a.txt")).toBe("mine\n");
  });

  test("a detached HEAD is fine with a branchName and a clear problem without", async () => {
    await using repo = await createRepo({ files: { "prd.json": onMain } });
    await repo.git("checkout", "-q", "--detach");
    expect(await startHalt(repo)).toEqual({ reason: "repository", problem: { kind: "detached-without-branch" } });
    await open(repo, { branch: "night" });
    expect(await repo.git("symbolic-ref", "--short", "HEAD")).toBe("night");
  });

  test.each(["-rf", "a b", "a..b", "x.lock", "HEAD", "refs/heads/x", "@{-1}"])(
    "the name %s is refused",
    async (name) => {
      await using repo = await createRepo({ files: { "prd.json": onMain } });
      expect(await startHalt(repo, { branch: name })).toMatchObject({ problem: { kind: "bad-branch-name", name } });
    },
  );

  test("a name that another branch stands in the way of is refused with that branch", async () => {
    await using repo = await createRepo({ files: { "prd.json": onMain } });
    expect(await startHalt(repo, { branch: "main/sub" })).toMatchObject({
      problem: { kind: "bad-branch-name", name: "main/sub", why: "the branch main is in its way" },
    });
  });

  test("a branch that another worktree has checked out is not moved under it", async () => {
    await using repo = await createRepo({ files: { "prd.json": onWork } });
    const worktree = join(repo.base, "other");
    await repo.git("worktree", "add", "-q", "-b", "work", worktree);
    expect(await startHalt(repo)).toEqual({
      reason: "repository",
      problem: { kind: "branch-checked-out-elsewhere", branch: "work", worktree },
    });
  });

  test("`.capstan/` is hidden in this repository only, once", async () => {
    await using repo = await createRepo({ files: { "prd.json": onMain } });
    await open(repo);
    await open(repo);
    await repo.write({ ".capstan/x": "x" });
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect((await repo.read(".git/info/exclude")).match(/\.capstan/g)).toHaveLength(1);
  });

  test("works in a linked worktree", async () => {
    await using repo = await createRepo({ files: { "prd.json": onMain } });
    const dir = join(repo.base, "linked");
    await repo.git("worktree", "add", "-q", "-b", "linked", dir);
    const linked: TestRepo = {
      ...repo,
      dir,
      place: async () => {
        const located = await locate({ dir, env: repo.env });
        if (!located.ok) throw new Error("locate");
        return located.place;
      },
    };
    const run = await open(linked);
    const landed = await run.repository.land(await landing(repo, await run.see(), "US-001", { "a.txt": "A\n" }));
    expect(landed.kind).toBe("landed");
    expect(await repo.gitIn(dir, "status", "--porcelain")).toBe("");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });
});

describe("after a crash", () => {
  /** A landing whose process died right after the refs moved: the files are still the old ones. */
  async function landedWithoutCheckout(
    repo: TestRepo,
    more: Record<string, string> = {},
  ): Promise<{ old: string; next: string }> {
    const run = await open(repo);
    const seen = await run.see();
    const tree = (await workOn(repo, seen.tip, { "a.txt": "A\n", "new.txt": "n\n", "gone.txt": null, ...more })).tree;
    const next = await repo.git("commit-tree", tree, "-p", seen.tip, "-m", "feat: US-001");
    const intent = { branch: "main", old: seen.tip, next, root: repo.dir, at: Date.now() };
    await repo.write({ ".git/capstan/landing.json": JSON.stringify(intent) });
    await repo.git("update-ref", "refs/heads/main", next, seen.tip);
    return { old: seen.tip, next };
  }
  const files = { "prd.json": onMain, "a.txt": "a\n", "gone.txt": "g\n", "mine.txt": "m\n" };

  test("the checkout catches up, and what the person has open elsewhere survives", async () => {
    await using repo = await createRepo({ files });
    await landedWithoutCheckout(repo);
    await repo.write({ "mine.txt": "edited\n" });
    const run = await open(repo);
    expect(await repo.git("status", "--porcelain")).toBe(" M mine.txt");
    expect(await repo.read("new.txt")).toBe("n\n");
    expect(run.kinds()).toContain("recovered");
    const again = await open(repo);
    expect(again.kinds()).not.toContain("recovered");
  });

  test("a checkout that was half moved is finished: old, new, missing and half-written files", async () => {
    await using repo = await createRepo({ files });
    await landedWithoutCheckout(repo);
    await repo.write({ "gone.txt": null, "new.txt": "n", "a.txt": null });
    await open(repo);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.read("a.txt")).toBe("A\n");
    expect(await repo.read("new.txt")).toBe("n\n");
  });

  test("a file that the person edited meanwhile is left and named", async () => {
    await using repo = await createRepo({ files });
    await landedWithoutCheckout(repo);
    await repo.write({ "a.txt": "mine\n" });
    const run = await open(repo);
    expect(await repo.read("a.txt")).toBe("mine\n");
    expect(await repo.git("status", "--porcelain")).toBe(" M a.txt");
    expect(JSON.stringify(run.notices)).toContain("left as edited: a.txt");
  });

  test("an index lock that the dead landing left is removed, unless a git is at work here", async () => {
    await using repo = await createRepo({ files });
    await landedWithoutCheckout(repo);
    const lock = join(repo.dir, ".git/index.lock");
    await writeFile(lock, "");
    const theirs = spawn("git", ["cat-file", "--batch"], { cwd: repo.dir, env: repo.env, stdio: "pipe" });
    await once(theirs, "spawn");
    expect(await startHalt(repo)).toMatchObject({ reason: "repository" });
    expect(await pathExists(lock)).toBe(true);
    theirs.stdin.end();
    await once(theirs, "exit");
    const run = await open(repo);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(JSON.stringify(run.notices)).toContain("index.lock");
  });

  test("a git that was killed between two refs leaves a landing that the next start records", async () => {
    await using repo = await createRepo({ files });
    const run = await open(repo);
    const seen = await run.see();
    await run.repository.land(await landing(repo, seen, "US-001", { "a.txt": "A\n" }));
    const next = await repo.git("rev-parse", "main");
    const [recorded, before] = (await repo.git("log", "-2", "--format=%H", ledger)).split("\n");
    const message = await repo.git("log", "-1", "--format=%B", ledger);
    const intent = {
      branch: "main",
      old: seen.tip,
      next,
      root: repo.dir,
      at: 0,
      record: { plan: "plan-abc", message },
    };
    await repo.git(...before === undefined ? ["update-ref", "-d", ledger] : ["update-ref", ledger, before]);
    await repo.write({
      ".git/capstan/landing.json": JSON.stringify(intent),
      [`.git/${ledger}.lock`]: `${recorded}\n`,
    });

    const again = await open(repo);
    expect((await again.see()).ledger.steps["US-001"]?.passed).toMatchObject({ commit: next });
    expect(new Set(again.kinds())).toEqual(new Set(["recovered"]));
    expect(await repo.git("rev-parse", "main")).toBe(next);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("what a person committed by path before the checkout followed stays, and the checkout follows", async () => {
    await using repo = await createRepo({ files });
    await landedWithoutCheckout(repo);
    await repo.write({ "theirs.txt": "t\n" });
    await repo.git("add", "theirs.txt");
    await repo.git("commit", "-q", "-m", "docs: theirs", "--", "theirs.txt");
    await open(repo);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.read("a.txt")).toBe("A\n");
    expect(await repo.git("log", "-1", "--format=%s")).toBe("docs: theirs");
  });

  test("a switch of the checkout that was cut off is made again, and the person's own files survive it", async () => {
    await using repo = await createRepo({ files });
    await repo.git("switch", "-q", "-c", "work");
    await repo.commit("chore: more", { "a.txt": "A long line\n", "more.txt": "m\n", "gone.txt": null });
    await repo.git("switch", "-q", "main");
    const [old, next] = [await repo.git("rev-parse", "main"), await repo.git("rev-parse", "work")];
    await repo.write({ "a.txt": "A lo", "more.txt": "m\n", "own.txt": "own\n" });
    const intent = { branch: "work", old, next, root: repo.dir, at: 0, switches: true };
    await repo.write({
      ".git/capstan/landing.json": JSON.stringify(intent),
      ".git/index.lock": "",
      ".git/HEAD.lock": "",
    });
    const run = await open(repo, { branch: "work" });
    expect(await repo.git("symbolic-ref", "HEAD")).toBe("refs/heads/work");
    expect(await repo.git("status", "--porcelain")).toBe("?? own.txt");
    expect(run.kinds()).toContain("recovered");
  });

  test.each([["none", null], ["half of one", onMain.slice(0, 40)]])(
    "a kill while git brought the plan leaves %s in the checkout, which is neither an error nor an edit",
    async (_, text) => {
      await using repo = await createRepo({ files });
      const landed = onMain.replace("false", "true");
      await landedWithoutCheckout(repo, { "prd.json": landed });
      await repo.write({ "prd.json": text });
      const before = await open(repo, { start: false });
      expect((await before.repository.look()).ok).toBe(true);
      const run = await open(repo);
      await run.see();
      expect(await repo.git("status", "--porcelain")).toBe("");
      expect(await repo.read("prd.json")).toBe(landed);
    },
  );

  test("a landing whose refs never moved is forgotten", async () => {
    await using repo = await createRepo({ files });
    const { old } = await landedWithoutCheckout(repo);
    await repo.git("update-ref", "refs/heads/main", old);
    const run = await open(repo);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(run.kinds()).not.toContain("recovered");
  });

  test("files that are still those before the landing are no edits of the person", async () => {
    await using repo = await createRepo({ files });
    const run = await open(repo);
    const seen = await run.see();
    const request = await landing(repo, seen, "US-001", { "a.txt": "A\n" });
    const lock = join(repo.dir, ".git/index.lock");
    // Another git takes the lock just when the branch moves.
    const watcher = watch(join(repo.dir, ".git/refs/heads"), () => void writeFile(lock, ""));
    const landed = await run.repository.land(request);
    watcher.close();
    expect(landed.kind).toBe("landed");
    expect(run.kinds()).toContain("checkout-left");
    const blocked = await run.see();
    expect(blocked.plan.steps[0]!.passes).toBe(true);
    expect(run.kinds()).not.toContain("pass-restored");
    await rm(lock);
    await run.see();
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.read("a.txt")).toBe("A\n");
  });

  test("the iteration under way is found, its lane gone or not, and only for its plan", async () => {
    await using repo = await createRepo({ files });
    const run = await open(repo);
    await run.see();
    expect(await run.repository.leftover()).toBeNull();
    const lane = { dir: repo.base, base: "b", home: "", planText: "", progressText: "" };
    const facts: Inflight = {
      step: "US-001",
      title: "T",
      stepHash: "h",
      attempt: 2,
      agent: "claude",
      mark: "m",
      startedAt: "",
      lane,
    };
    await run.repository.markInflight(facts);
    const next = await open(repo);
    expect(await next.repository.leftover()).toEqual(facts);
    await next.repository.clearInflight();
    expect(await next.repository.leftover()).toBeNull();
    const gone = { ...facts, lane: { ...lane, dir: join(repo.base, "gone") } };
    await run.repository.markInflight(gone);
    expect(await next.repository.leftover()).toEqual(gone);
    await repo.write({ ".git/capstan/inflight.json": '{"plan":' });
    expect(await next.repository.leftover()).toBeNull();
    await repo.write({ ".git/capstan": null });
    await repo.write({ ".git/capstan": "a file where the folder should be" });
    expect(await next.repository.markInflight(facts)).toMatchObject({
      reason: "repository",
      problem: { kind: "disk", message: expect.stringContaining("capstan") as string },
    });
  });
});
