import { chmod, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, newAttempt, open, planText, workOn } from "../support/repository.ts";

const plan = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc" });
const files = { "prd.json": plan, "src/a.txt": "a\n", "src/b.txt": "b\n" };
const withPlan = (): Promise<TestRepo> => createRepo({ files });

describe("landing", () => {
  test("is one commit with work, plan and progress, one record, and a checkout that is clean afterwards", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const landed = await run.repository.land(
      await landing(repo, seen, "US-001", { "src/a.txt": "A\n", "src/new/c.txt": "c\n", "src/b.txt": null }),
    );
    expect(landed).toMatchObject({ kind: "landed" });
    const head = await repo.git("rev-parse", "HEAD");
    expect(landed).toEqual({ kind: "landed", commit: head });
    expect(await repo.git("rev-list", "--count", `${seen.tip}..HEAD`)).toBe("1");
    expect(await repo.git("diff", "--name-status", seen.tip, head)).toBe(
      "M\tprd.json\nA\tprogress.txt\nM\tsrc/a.txt\nD\tsrc/b.txt\nA\tsrc/new/c.txt",
    );
    expect(await repo.git("log", "-1", "--format=%B")).toContain("Capstan-Step: US-001");
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.read("src/new/c.txt")).toBe("c\n");
    const after = await run.see();
    expect(after.plan.steps[0]!.passes).toBe(true);
    expect(after.ledger.steps["US-001"]!.passed).toMatchObject({ evidence: "step", commit: head });
    expect(run.kinds()).not.toContain("edits-committed");
  });

  test("keeps the person's staged, unstaged and untracked files that the step does not touch", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({ "src/b.txt": "mine\n", "notes.txt": "n\n", "staged.txt": "s\n" });
    await repo.git("add", "staged.txt");
    const landed = await run.repository.land(await landing(repo, seen, "US-001", { "src/a.txt": "A\n" }));
    expect(landed.kind).toBe("landed");
    expect(await repo.git("status", "--porcelain")).toBe(" M src/b.txt\nA  staged.txt\n?? notes.txt");
    expect(await repo.read("src/b.txt")).toBe("mine\n");
  });

  test("is no matter of file times: a file that was only touched does not stand in the way", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    await utimes(join(repo.dir, "src/a.txt"), 1_700_000_000, 1_700_000_000);
    const landed = await run.repository.land(await landing(repo, seen, "US-001", { "src/a.txt": "A\n" }));
    expect(landed.kind).toBe("landed");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("prunes the step's kept work, and no other's", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const work = await workOn(repo, seen.tip, { "src/a.txt": "half\n" });
    await run.repository.keep(newAttempt("US-001", 1, { base: seen.tip }), work);
    await run.repository.keep(newAttempt("US-002", 1, { base: seen.tip }), work);
    await run.repository.land(await landing(repo, seen, "US-001", { "src/a.txt": "A\n" }));
    expect(await repo.git("for-each-ref", "--format=%(refname)", "refs/capstan/attempts")).toBe(
      "refs/capstan/attempts/plan-abc/US-002/1",
    );
  });

  test("works with the plan in a folder, among neighbors whose names sort around it", async () => {
    const plans = {
      "scripts/ralph/prd.json": plan,
      "scripts/ralph.sh": "#!/bin/sh\n",
      "scripts/ralph-x/y": "y\n",
      "scripts/a": "a\n",
    };
    await using repo = await createRepo({ files: plans });
    const run = await open(repo);
    const seen = await run.see();
    const landed = await run.repository.land(await landing(repo, seen, "US-001", { "scripts/a": "A\n" }));
    const commit = landed.kind === "landed" ? landed.commit : "";
    expect(await repo.git("diff", "--name-only", seen.tip, commit)).toBe(
      "scripts/a\nscripts/ralph/prd.json\nscripts/ralph/progress.txt",
    );
    expect(await repo.git("fsck", "--strict", "--no-dangling")).toBe("");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("leaves a sparse checkout sparse", async () => {
    await using repo = await createRepo({ files: { ...files, "far/x.txt": "x\n", "src/deep/y.txt": "y\n" } });
    await repo.git("sparse-checkout", "set", "--cone", "src");
    const run = await open(repo);
    const work = { "far/x.txt": "X\n", "src/a.txt": "A\n" };
    const landed = await run.repository.land(await landing(repo, await run.see(), "US-001", work));
    expect(landed.kind).toBe("landed");
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.read("src/a.txt")).toBe("A\n");
    await expect(repo.read("far/x.txt")).rejects.toThrow("ENOENT");
  });

  test("runs no hook", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const request = await landing(repo, await run.see(), "US-001", { "src/a.txt": "A\n" });
    for (const hook of ["post-checkout", "reference-transaction", "post-index-change", "pre-commit", "post-commit"]) {
      const file = join(repo.dir, ".git/hooks", hook);
      await writeFile(file, `#!/bin/sh\necho ${hook} >> "${repo.base}/hooks"\n`);
      await chmod(file, 0o755);
    }
    const landed = await run.repository.land(request);
    expect(landed.kind).toBe("landed");
    await expect(repo.read("../hooks")).rejects.toThrow("ENOENT");
  });

  test("an opened gate changes control files only", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const request = await landing(repo, seen, "US-001", {});
    const landed = await run.repository.land({
      ...request,
      work: null,
      progressText: seen.progressText,
      record: { kind: "gate-opened", step: "US-001", commit: "" },
    });
    const commit = landed.kind === "landed" ? landed.commit : "";
    expect(await repo.git("diff", "--name-only", seen.tip, commit)).toBe("prd.json");
    expect((await run.see()).ledger.steps["US-001"]!.passed).toMatchObject({ commit });
  });

  test("a record that another process appended meanwhile stays", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const other = await open(repo, { start: false });
    await other.repository.append({ kind: "answered", step: "US-002", question: "q", answer: "a", by: "ana" });
    await run.repository.land(await landing(repo, seen, "US-001", { "src/a.txt": "A\n" }));
    const state = (await run.see()).ledger;
    expect(state.steps["US-002"]!.answers).toHaveLength(1);
    expect(state.steps["US-001"]!.passed).not.toBeNull();
  });
});

describe("what stands in the way", () => {
  test("edits on the same file: nothing moves, the commit is parked, the work is kept and paid for", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({ "src/a.txt": "mine\n", "src/new.txt": "mine too\n" });
    const landed = await run.repository.land(
      await landing(repo, seen, "US-001", { "src/a.txt": "A\n", "src/new.txt": "n\n", "src/b.txt": "B\n" }),
    );
    expect(landed).toMatchObject({
      kind: "parked",
      ref: "refs/capstan/parked/plan-abc/US-001",
      paths: ["src/a.txt", "src/new.txt"],
    });
    expect(await repo.git("rev-parse", "HEAD")).toBe(seen.tip);
    expect(await repo.git("status", "--porcelain")).toBe(" M src/a.txt\n?? src/new.txt");
    expect(await repo.show("refs/capstan/parked/plan-abc/US-001", "src/b.txt")).toBe("B\n");
    const step = (await run.see()).ledger.steps["US-001"]!;
    expect(step).toMatchObject({ passed: null, attempts: 0, iterations: 1, costUsd: 0.5, carry: { attempt: 1 } });
    // The command that the halt pastes works once the edits are out of the way.
    await repo.git("checkout", "-q", "--", "src/a.txt");
    await repo.write({ "src/new.txt": null });
    await repo.git("merge", "-q", "--ff-only", "refs/capstan/parked/plan-abc/US-001");
    expect((await run.see()).plan.steps[0]!.passes).toBe(true);
  });

  test("a merge that the person is in the middle of: parked, not lost", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    await repo.git("branch", "side");
    const head = await repo.commit("mine", { "src/b.txt": "mine\n" });
    await repo.git("checkout", "-q", "side");
    await repo.commit("theirs", { "src/b.txt": "theirs\n" });
    await repo.git("checkout", "-q", "main");
    await expect(repo.git("merge", "-q", "side")).rejects.toThrow("merge");
    const again = await run.see();
    expect(again.tip).toBe(head);
    const landed = await run.repository.land(await landing(repo, again, "US-001", { "src/a.txt": "A\n" }));
    expect(landed).toMatchObject({ kind: "parked", paths: ["src/b.txt"] });
    expect(seen.tip).not.toBe(head);
    expect(await repo.git("status", "--porcelain")).toBe("UU src/b.txt");
  });

  test("parking the same step twice keeps the newer commit", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({ "src/a.txt": "mine\n" });
    await run.repository.land(await landing(repo, seen, "US-001", { "src/a.txt": "1\n" }));
    const request = await landing(repo, seen, "US-001", { "src/a.txt": "2\n" });
    const landed = await run.repository.land({
      ...request,
      record: newAttempt("US-001", 2, { outcome: "passed", base: seen.tip }),
    });
    expect(landed.kind).toBe("parked");
    expect(await repo.show("refs/capstan/parked/plan-abc/US-001", "src/a.txt")).toBe("2\n");
  });

  test("a commit of the person: the landing says moved and changes nothing", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const request = await landing(repo, await run.see(), "US-001", { "src/a.txt": "A\n" });
    const head = await repo.commit("by hand", { "src/b.txt": "B\n" });
    expect(await run.repository.land(request)).toEqual({ kind: "moved" });
    expect(await repo.git("rev-parse", "HEAD")).toBe(head);
  });

  test("an uncommitted edit of the plan: it is committed first, and the landing replayed on top", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const request = await landing(repo, seen, "US-001", { "src/a.txt": "A\n" });
    await repo.write({ "prd.json": plan.replace("Title of US-002", "Edited") });
    expect(await run.repository.land(request)).toEqual({ kind: "moved" });
    const again = await run.see();
    const replayed = await run.repository.replay(request.work!, seen.tip, again.tip);
    expect(replayed?.sameWork).toBe(true);
    const landed = await run.repository.land({ ...await landing(repo, again, "US-001", {}), work: replayed!.work });
    expect(landed.kind).toBe("landed");
    expect(await repo.read("prd.json")).toContain("Edited");
    expect(await repo.read("src/a.txt")).toBe("A\n");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("a lock that somebody holds for a moment is waited for", async () => {
    await using repo = await withPlan();
    const lock = join(repo.dir, ".git/index.lock");
    const run = await open(repo, { onSleep: () => repo.write({ ".git/index.lock": null }) });
    const request = await landing(repo, await run.see(), "US-001", { "src/a.txt": "A\n" });
    await writeFile(lock, "");
    expect((await run.repository.land(request)).kind).toBe("landed");
    expect(run.slept.length).toBeGreaterThan(0);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("a lock that stays is a clean failure: nothing moved", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const request = await landing(repo, seen, "US-001", { "src/a.txt": "A\n" });
    await repo.write({ ".git/refs/heads/main.lock": "" });
    const landed = await run.repository.land(request);
    expect(landed).toMatchObject({ kind: "failed", halt: { reason: "repository", problem: { kind: "git-failed" } } });
    expect(await repo.git("rev-parse", "HEAD")).toBe(seen.tip);
    expect(await repo.git("for-each-ref", "refs/capstan/ledger")).toBe("");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("a repository that can't be written to is a value, for every operation", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const request = await landing(repo, seen, "US-001", { "src/a.txt": "A\n" });
    // Permissions mean nothing to root; a format that git does not know stops everybody.
    await repo.git("config", "core.repositoryformatversion", "99");
    expect(await run.repository.append({ kind: "reopened", step: "US-001", by: "x", why: "" })).toMatchObject({
      reason: "repository",
    });
    expect(await run.repository.keep(newAttempt("US-001", 1, { base: seen.tip }), request.work)).toMatchObject({
      reason: "repository",
    });
    expect(await run.repository.land(request)).toMatchObject({ kind: "failed" });
    expect(await run.repository.observe()).toMatchObject({ ok: false, halt: { reason: "repository" } });
  });
});

describe("replaying", () => {
  test("merges with other changes on the new tip, which must be verified again", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const work = await workOn(repo, seen.tip, { "src/a.txt": "A\n" });
    const tip = await repo.commit("by hand", { "src/b.txt": "B\n" });
    const replayed = await run.repository.replay(work, seen.tip, tip);
    expect(replayed).toMatchObject({ sameWork: false, work: { changed: [{ path: "src/a.txt", status: "modified" }] } });
    expect(await repo.show(replayed!.work.tree, "src/b.txt")).toBe("B\n");
    expect(await repo.show(replayed!.work.tree, "src/a.txt")).toBe("A\n");
  });

  test("a conflict is null", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const work = await workOn(repo, seen.tip, { "src/a.txt": "A\n" });
    const tip = await repo.commit("by hand", { "src/a.txt": "other\n" });
    expect(await run.repository.replay(work, seen.tip, tip)).toBeNull();
  });

  test("works across a rewritten history, where both sides changed the plan and progress", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const work = await workOn(repo, seen.tip, { "src/a.txt": "A\n" });
    await repo.git("checkout", "-q", "--orphan", "rewritten");
    const tip = await repo.commit("squashed", {
      "prd.json": plan.replace("Title", "Other"),
      "progress.txt": "p\n",
      "x.txt": "x\n",
    });
    const replayed = await run.repository.replay(work, seen.tip, tip);
    expect(await repo.show(replayed!.work.tree, "progress.txt")).toBe("p\n");
    expect(replayed!.work.changed.map(({ path }) => path)).toEqual(["src/a.txt"]);
  });

  test("new validators on the tip mean that the work must be verified again", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const seen = await run.see();
    const work = await workOn(repo, seen.tip, { "src/a.txt": "A\n" });
    const tip = await repo.commit("stricter", { "registries/validators.json": "{}\n" });
    expect(await run.repository.replay(work, seen.tip, tip)).toMatchObject({ sameWork: false });
  });
});
