import { describe, expect, test } from "vitest";
import { createRepo } from "../support/repo.ts";
import { landing, open, planText } from "../support/repository.ts";
import { failures } from "../support/failures.ts";

const plan = planText({ "US-001": false, "US-002": false });

describe("the first look", () => {
  test("commits an untracked plan alone, mints its id, and leaves everything else staged and unstaged as it was", async () => {
    await using repo = await createRepo({ files: { "a.txt": "a\n", "b.txt": "b\n" } });
    await repo.write({ "prd.json": plan, "a.txt": "staged\n", "untracked.txt": "u\n" });
    await repo.git("add", "a.txt");
    await repo.write({ "b.txt": "edited\n" });
    const run = await open(repo);
    const seen = await run.see();

    expect(seen.plan.planId).toMatch(/^plan-/);
    expect(await repo.git("log", "-2", "--format=%s")).toBe("chore(plan): name the plan\nchore(plan): add prd.json");
    expect(await repo.git("diff", "--name-only", "HEAD~2", "HEAD")).toBe("prd.json");
    expect(await repo.show("HEAD~1", "prd.json")).toBe(plan);
    expect(await repo.read("prd.json")).toBe(seen.planText);
    expect(await repo.git("status", "--porcelain")).toBe("M  a.txt\n M b.txt\n?? untracked.txt");
    expect(run.notices).toContainEqual({
      kind: "edits-committed",
      commit: await repo.git("rev-parse", "HEAD~1"),
      paths: ["prd.json"],
    });
    expect(run.kinds()).toContain("plan-named");
  });

  test("an edit of something else is not told as an edit of the plan, which only gets its id", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    await repo.write({ "registries/validators.json": "{}\n" });
    const run = await open(repo);
    await run.see();
    expect(run.notices.filter(({ kind }) => kind === "edits-committed")).toMatchObject([
      { paths: ["registries/validators.json"] },
    ]);
    expect(await repo.git("log", "-2", "--format=%s")).toBe(
      "chore(plan): name the plan\nchore(plan): add registries/validators.json",
    );
    expect(await repo.git("diff", "--name-only", "HEAD~2", "HEAD~1")).toBe("registries/validators.json");
  });

  test("keeps the plan's bytes except for the id it adds", async () => {
    const odd = '{\n\t"branchName" : "work",\n\t"userStories":[ {"id":"US-1","title":"T"} ]}';
    await using repo = await createRepo({ files: { "prd.json": odd } });
    const run = await open(repo);
    const seen = await run.see();
    expect(seen.planText.replace(/"planId" ?: ?"[^"]+",?\s*/, "")).toBe(odd);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("a plan that is wrong halts with every problem and commits nothing", async () => {
    await using repo = await createRepo({ files: { "prd.json": '{ "userStories": [' } });
    const run = await open(repo, { start: false });
    expect(await run.halt()).toMatchObject({ reason: "invalid" });
    expect(await repo.git("rev-list", "--count", "HEAD")).toBe("1");
  });

  test("no plan at all halts with a hint", async () => {
    await using repo = await createRepo();
    const run = await open(repo);
    expect(await run.halt()).toMatchObject({
      reason: "invalid",
      problems: [{ file: "prd.json", message: "There is no plan" }],
    });
  });

  test("steps already passed in a plan without records count as passed by hand", async () => {
    await using repo = await createRepo({ files: { "prd.json": planText({ "US-001": true, "US-002": false }) } });
    const run = await open(repo);
    const seen = await run.see();
    expect(seen.ledger.steps["US-001"]?.passed).toMatchObject({ evidence: "by-hand" });
    expect(run.notices).toContainEqual({ kind: "passed-by-hand", step: "US-001" });
    run.notices.length = 0;
    await run.see();
    expect(run.notices).toEqual([]);
  });
});

describe("a big plan", () => {
  test("thousands of steps that already pass cost one record, and only a screenful of notices", async () => {
    const steps = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`US-${i}`, i < 1990]));
    await using repo = await createRepo({ files: { "prd.json": planText(steps, { planId: "plan-abc" }) } });
    const run = await open(repo);
    const seen = await run.see();
    expect(seen.ledger.steps["US-1989"]!.passed).toMatchObject({ evidence: "by-hand" });
    expect(await repo.git("rev-list", "--count", "refs/capstan/ledger/plan-abc")).toBe("1");
    expect(run.notices.filter(({ kind }) => kind === "passed-by-hand")).toHaveLength(20);
    expect((await (await open(repo)).see()).ledger).toEqual(seen.ledger);
  });
});

describe("two hands on the plan", () => {
  test("an uncommitted edit during a run is committed alone and seen", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({ "prd.json": seen.planText.replace("Title of US-002", "Better"), "other.txt": "mine\n" });
    const again = await run.see();
    expect(again.plan.steps[1]!.title).toBe("Better");
    expect(await repo.git("diff", "--name-only", seen.tip, again.tip)).toBe("prd.json");
    expect(await repo.git("status", "--porcelain")).toBe("?? other.txt");
  });

  test("a staged edit of the plan leaves the other staged files staged", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan, "a.txt": "a\n" } });
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({ "prd.json": seen.planText.replace("Title of US-002", "Better"), "a.txt": "b\n" });
    await repo.git("add", "-A");
    await run.see();
    expect(await repo.git("status", "--porcelain")).toBe("M  a.txt");
  });

  test("an old editor buffer that takes a pass back during a run is corrected, in the file too", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const run = await open(repo);
    const seen = await run.see();
    const landed = await run.repository.land(await landing(repo, seen, "US-001", { "a.txt": "a\n" }));
    expect(landed.kind).toBe("landed");
    await repo.write({ "prd.json": plan.replace("Title of US-002", "Edited in the old buffer") });
    const again = await run.see();
    expect(again.plan.steps[0]!.passes).toBe(true);
    expect(again.plan.steps[1]!.title).toBe("Edited in the old buffer");
    expect(again.plan.planId).toBe(seen.plan.planId);
    expect(await repo.read("prd.json")).toBe(again.planText);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(run.notices).toContainEqual({ kind: "pass-restored", step: "US-001" });
  });

  test("an edit that was half saved when a step landed takes no pass back, however much later it is finished", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const first = await open(repo);
    const seen = await first.see();
    await repo.write({ "prd.json": plan.slice(0, -4) });
    const landed = await first.repository.land(await landing(repo, seen, "US-001", { "a.txt": "a\n" }));
    expect(landed.kind).toBe("landed");
    expect(await repo.read("prd.json")).toBe(plan.slice(0, -4));
    expect(await (await open(repo, { start: false })).halt()).toMatchObject({ reason: "invalid" });

    await repo.write({ "prd.json": plan.replace("Title of US-002", "Edited in the old buffer") });
    const second = await open(repo);
    const again = await second.see();
    expect(again.plan.steps.map(({ title, passes }) => [title, passes])).toEqual([
      ["Title of US-001", true],
      ["Edited in the old buffer", false],
    ]);
    expect(again.ledger.steps["US-001"]!.passed).not.toBeNull();
    expect(second.notices).toContainEqual({ kind: "pass-restored", step: "US-001" });
    expect(await repo.read("prd.json")).toBe(again.planText);

    // The plan shows the pass again: whoever takes it back now means it.
    expect((await second.see()).ledger.unseen).toEqual([]);
    await repo.write({ "prd.json": (await repo.read("prd.json")).replace('"passes": true', '"passes": false') });
    const third = await open(repo);
    expect((await third.see()).ledger.steps["US-001"]!.passed).toBeNull();
    expect(third.notices).toContainEqual({ kind: "reopened-by-hand", step: "US-001", why: "plan" });
  });

  test("a pass taken back between runs reopens the step", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const first = await open(repo);
    const seen = await first.see();
    await first.repository.land(await landing(repo, seen, "US-001", { "a.txt": "a\n" }));
    await repo.write({ "prd.json": (await repo.read("prd.json")).replace('"passes": true', '"passes": false') });
    const second = await open(repo);
    const again = await second.see();
    expect(again.plan.steps[0]!.passes).toBe(false);
    expect(again.ledger.steps["US-001"]).toMatchObject({ passed: null, attempts: 0, iterations: 1 });
    expect(second.notices).toContainEqual({ kind: "reopened-by-hand", step: "US-001", why: "plan" });
  });

  test("a hard reset behind a landed commit during a run reopens its step, a rebase does not", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const run = await open(repo);
    await run.repository.land(await landing(repo, await run.see(), "US-001", { "a.txt": "a\n" }));
    const landed = await run.see();
    await repo.git("commit", "-q", "--amend", "-m", "rewritten by a person");
    const rewritten = await run.see();
    expect(rewritten.plan.steps[0]!.passes).toBe(true);
    expect(run.notices).toContainEqual({ kind: "branch-moved", branch: "main", from: landed.tip, to: rewritten.tip });
    await repo.git("reset", "-q", "--hard", "HEAD~1");
    const reset = await run.see();
    expect(reset.plan.steps[0]!.passes).toBe(false);
    expect(run.notices).toContainEqual({ kind: "reopened-by-hand", step: "US-001", why: "commit" });
    expect(run.kinds()).not.toContain("pass-restored");
  });

  test("an edit saved in the middle is waited for", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    let saves = 0;
    const run = await open(repo, {
      onSleep: async () => {
        saves += 1;
        if (saves === 2) await repo.write({ "prd.json": plan.replace("Title of US-002", "Saved") });
      },
    });
    await run.see();
    await repo.write({ "prd.json": plan.slice(0, 40) });
    const seen = await run.see();
    expect(seen.plan.steps[1]!.title).toBe("Saved");
    expect(run.kinds()).not.toContain("plan-unreadable");
  });

  test("an edit that stays unreadable is left alone: the run goes on with the branch's plan, and says so once", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({ "prd.json": '{ "userStories": [' });
    const again = await run.see();
    expect(again).toMatchObject({ tip: seen.tip, planText: seen.planText });
    const waited = run.slept.length;
    expect(waited).toBeGreaterThan(0);
    await run.see();
    expect(run.slept).toHaveLength(waited);
    expect(run.kinds().filter((kind) => kind === "plan-unreadable")).toHaveLength(1);

    const landed = await run.repository.land(await landing(repo, again, "US-001", { "a.txt": "a\n" }));
    expect(landed.kind).toBe("landed");
    expect(await repo.read("prd.json")).toBe('{ "userStories": [');
    expect(await repo.git("status", "--porcelain")).toBe(" M prd.json");
  });

  test("line endings that git converts are no edits, and stay in the checkout", async () => {
    await using repo = await createRepo({ files: { ".gitattributes": "*.json text eol=crlf\n", "prd.json": plan } });
    await repo.git("rm", "-q", "--cached", "prd.json");
    await repo.git("reset", "-q", "--hard");
    const run = await open(repo);
    const seen = await run.see();
    expect(seen.planText).not.toContain("\r");
    expect(await repo.read("prd.json")).toContain("\r\n");
    expect((await run.see()).tip).toBe(seen.tip);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("progress.txt and registries are committed too, other folders of that name are not touched", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const run = await open(repo);
    const seen = await run.see();
    await repo.write({
      "progress.txt": "# Log\n",
      "registries/validators.json": "{}\n",
      "registries/docker.json": "{}\n",
    });
    const again = await run.see();
    expect(await repo.git("diff", "--name-only", seen.tip, again.tip)).toBe("progress.txt\nregistries/validators.json");
    expect(again.progressText).toBe("# Log\n");
    expect(await repo.git("status", "--porcelain")).toBe("?? registries/docker.json");
  });
});

describe("what people do to the branch", () => {
  test("a deleted branch halts and is not made again", async () => {
    await using repo = await createRepo({
      files: { "prd.json": planText({ "US-001": false }, { branchName: "work" }) },
    });
    const run = await open(repo);
    const seen = await run.see();
    await repo.git("checkout", "-q", "main");
    await repo.git("branch", "-q", "-D", "work");
    expect(await run.halt()).toEqual({
      reason: "repository",
      problem: { kind: "branch-deleted", branch: "work", was: seen.tip },
    });
  });

  test("a person who switches away leaves the run on its branch", async () => {
    await using repo = await createRepo({
      files: { "prd.json": planText({ "US-001": false }, { branchName: "work" }) },
    });
    const run = await open(repo);
    await run.see();
    await repo.git("checkout", "-q", "main");
    const seen = await run.see();
    await run.see();
    expect(seen.branch).toBe("work");
    expect(run.kinds().filter((kind) => kind === "checkout-left")).toHaveLength(1);
    const landed = await run.repository.land(await landing(repo, seen, "US-001", { "a.txt": "a\n" }));
    expect(landed.kind).toBe("landed");
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.show("work", "a.txt")).toBe("a\n");
  });

  test("looking changes nothing", async () => {
    await using repo = await createRepo({ files: { "README.md": "r\n" } });
    await repo.write({ "prd.json": plan });
    const run = await open(repo, { start: false });
    const observed = await run.repository.look();
    expect(observed.ok).toBe(true);
    expect(await repo.git("status", "--porcelain")).toBe("?? prd.json");
    expect(await repo.git("for-each-ref", "refs/capstan")).toBe("");
  });

  test("looking sees registries as they lie in the checkout: the next run commits them first", async () => {
    const registry = "registries/validators.json";
    await using repo = await createRepo({ files: { "prd.json": plan, [registry]: "{}", "package.json": "{}" } });
    await repo.git("checkout", "-q", "-b", "work");
    await repo.write({ [registry]: `{"new":{}}`, "package.json": `{"x":1}` });
    const texts: (string | undefined)[][] = [];
    const run = await open(repo, {
      start: false,
      resolveValidators: (files) => {
        texts.push([files.get(registry), files.get("package.json")]);
        return { ok: true, validators: [], failures };
      },
    });
    expect((await run.repository.look()).ok).toBe(true);
    expect(texts).toEqual([[`{"new":{}}`, "{}"]]);
  });
});
