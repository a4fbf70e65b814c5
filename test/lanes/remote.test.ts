import { describe, expect, test } from "vitest";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, newAttempt, open, type OpenedRepo, planText, workOn } from "../support/repository.ts";

const plan = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc", branchName: "work" });
const ledger = "refs/capstan/ledger/plan-abc";

/** A repository whose `main` is on its remote. */
async function withRemote(): Promise<{ repo: TestRepo; url: string }> {
  const repo = await createRepo({ files: { "prd.json": plan, "a.txt": "a\n" } });
  const url = await repo.remote();
  await repo.commit("second", { "b.txt": "b\n" });
  await repo.git("push", "-q", "origin", "main");
  return { repo, url };
}

async function land(repo: TestRepo, run: OpenedRepo, step: string, file: string): Promise<void> {
  const landed = await run.repository.land(await landing(repo, await run.see(), step, { [file]: `${step}\n` }));
  expect(landed.kind).toBe("landed");
}

describe("the remote", () => {
  const pushedTo = async (repo: TestRepo, run: OpenedRepo): Promise<unknown> => {
    await run.see();
    expect(await run.repository.push()).toBeNull();
    return run.notices.find(({ kind }) => kind === "pushed");
  };

  test.each<[string, string[], Record<string, string>, string]>([
    ["the only one, whatever it is called", ["upstream"], {}, "upstream"],
    ["origin among several", ["fork", "origin"], {}, "origin"],
    ["the branch's own", ["fork", "origin"], { "branch.work.remote": "fork" }, "fork"],
    ["where the branch is pushed to", ["fork", "origin"], {
      "branch.work.remote": "origin",
      "branch.work.pushRemote": "fork",
    }, "fork"],
    ["never the repository itself", ["fork", "origin"], { "branch.work.remote": "." }, "origin"],
  ])("of --push without a name is %s", async (_name, remotes, config, expected) => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    for (const name of remotes) await repo.remote(name);
    for (const [key, value] of Object.entries(config)) await repo.git("config", key, value);
    expect(await pushedTo(repo, await open(repo, { push: true }))).toMatchObject({ remote: expected });
  });

  test("is asked at the start, too, under whatever name", async () => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    const url = await repo.remote("upstream");
    await pushedTo(repo, await open(repo, { push: true }));
    await using other = await repo.clone(url, "-b", "work", "--origin", "elsewhere");
    const commit = await other.commit("theirs", { "c.txt": "c\n" });
    await other.git("push", "-q", "elsewhere", "work");
    expect((await (await open(repo)).see()).tip).toBe(commit);
  });

  test.each<[string, string | true, string[]]>([
    ["there is none at all", true, []],
    ["none of several is the branch's", true, ["fork", "theirs"]],
    ["none has that name", "there", ["origin"]],
  ])("is refused before anything is changed when %s", async (_name, wanted, remotes) => {
    await using repo = await createRepo({ files: { "prd.json": plan } });
    for (const name of remotes) await repo.remote(name);
    const run = await open(repo, { push: wanted, start: false });
    expect(await run.repository.start()).toMatchObject({
      ok: false,
      halt: {
        reason: "repository",
        problem: { kind: "no-remote", remote: wanted === true ? null : wanted, remotes, branch: "work" },
      },
    });
    expect(await repo.git("branch", "--format=%(refname:short)")).toBe("main");
  });
});

describe("pushing", () => {
  test("brings branch, ledger and kept work to the remote together, and nothing when nothing changed", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await land(repo, run, "US-001", "x.txt");
    const { tip } = await run.see();
    await run.repository.keep(newAttempt("US-002", 1, { base: tip }), await workOn(repo, tip, { "a.txt": "half\n" }));
    expect(await run.repository.push()).toBeNull();
    expect(await repo.gitIn(url, "for-each-ref", "--format=%(refname)")).toBe(
      "refs/capstan/attempts/plan-abc/US-002/1\nrefs/capstan/ledger/plan-abc\nrefs/heads/main\nrefs/heads/work",
    );
    expect(await repo.gitIn(url, "rev-parse", "work")).toBe(tip);
    expect(await run.repository.push()).toBeNull();
    expect(run.kinds().filter((kind) => kind === "pushed")).toHaveLength(1);
    await land(repo, run, "US-002", "y.txt");
    expect(await run.repository.push()).toBeNull();
    expect(await repo.gitIn(url, "for-each-ref", "refs/capstan/attempts")).toBe("");
  });

  test("is nothing without being asked", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo);
    await land(repo, run, "US-001", "x.txt");
    expect(await run.repository.push()).toBeNull();
    expect(await repo.gitIn(url, "for-each-ref", "refs/capstan")).toBe("");
  });

  test("a branch that somebody else moved is diverged, and neither branch nor ledger is pushed", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await run.see();
    await run.repository.push();
    const other = await repo.clone(url, "-b", "work");
    await other.commit("theirs", { "c.txt": "c\n" });
    await other.git("push", "-q", "origin", "work");
    await land(repo, run, "US-001", "x.txt");
    expect(await run.repository.push()).toEqual({
      reason: "diverged",
      what: "branch",
      ref: "refs/heads/work",
      remote: "origin",
    });
    expect(await repo.gitIn(url, "for-each-ref", ledger)).toBe("");
  });

  test("a remote that refuses is a halt with its own words", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await land(repo, run, "US-001", "x.txt");
    await repo.gitIn(url, "config", "receive.denyCurrentBranch", "refuse");
    await repo.write({
      [`../origin.git/hooks/pre-receive`]: { text: "#!/bin/sh\necho branch is protected >&2\nexit 1\n", mode: 0o755 },
    });
    const halt = await run.repository.push();
    expect(halt).toMatchObject({ reason: "push-refused", remote: "origin" });
    expect(JSON.stringify(halt)).toContain("branch is protected");
  });

  test("approvals that another clone pushed meanwhile are taken over and pushed along", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await run.see();
    await run.repository.append({ kind: "gate-closed", step: "US-002", title: "T", handoff: "" });
    await run.repository.push();
    const other = await repo.clone(url, "-b", "work");
    const desk = await open(other, { push: "origin" });
    const approved = { kind: "gate-decided", step: "US-002", decision: "approved", by: "ana", note: "" } as const;
    expect(await desk.repository.append(approved)).toBeNull();
    expect(await desk.repository.push()).toBeNull();

    await land(repo, run, "US-001", "x.txt");
    expect(await run.repository.push()).toBeNull();
    const { ledger: state } = await run.see();
    expect(state.steps["US-002"]!.gate).toMatchObject({ state: "approved", by: "ana" });
    expect(state.steps["US-001"]!.passed).not.toBeNull();
    expect(await repo.gitIn(url, "rev-parse", ledger)).toBe(await repo.git("rev-parse", ledger));
  });
});

describe("a start with a remote", () => {
  test("another clone goes on with the same passes, attempts, spend and kept work", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await land(repo, run, "US-001", "x.txt");
    const { tip } = await run.see();
    await run.repository.keep(newAttempt("US-002", 1, { base: tip }), await workOn(repo, tip, { "a.txt": "half\n" }));
    await run.repository.push();
    const before = await run.see();

    const other = await repo.clone(url);
    const next = await open(other);
    const seen = await next.see();
    expect(seen).toEqual({ ...before, validators: [] });
    expect(await other.git("symbolic-ref", "--short", "HEAD")).toBe("work");
    expect(await other.show(seen.ledger.steps["US-002"]!.carry!.work, "a.txt")).toBe("half\n");
    expect(next.kinds()).toEqual(["branch-adopted", "fetched"]);
  });

  test("a depth-1, single-branch, detached clone goes on from earlier nights and pushes", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await land(repo, run, "US-001", "x.txt");
    await run.repository.push();

    const other = await repo.clone(`file://${url}`, "--depth=1", "--single-branch", "--branch=main");
    await other.git("checkout", "-q", "--detach");
    await other.git("branch", "-q", "-D", "main");
    const night = await open(other, { push: "origin" });
    const seen = await night.see();
    expect(seen.ledger.steps["US-001"]!.passed).not.toBeNull();
    await land(other, night, "US-002", "y.txt");
    expect(await night.repository.push()).toBeNull();
    expect(await repo.gitIn(url, "log", "--format=%s", "-2", "work")).toBe("feat: US-002\nfeat: US-001");
  });

  test("a shallow checkout of the run's own branch that cannot tell is deepened first", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await land(repo, run, "US-001", "x.txt");
    await run.repository.push();
    // Local commits on a shallow tip, while the remote's branch was rewritten onto the same base.
    const other = await repo.clone(`file://${url}`, "--depth=1", "--branch=work");
    await other.commit("local", { "c.txt": "c\n" });
    await repo.git("commit", "-q", "--amend", "-m", "rewritten");
    await repo.git("push", "-q", "-f", "origin", "work");
    const late = await open(other, { start: false });
    expect(await late.repository.start()).toMatchObject({ ok: false, halt: { reason: "diverged", what: "branch" } });
    expect(late.kinds()).toContain("deepened");
  });

  test("a branch that is behind is moved forward with its checkout", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await run.see();
    await run.repository.push();
    const other = await repo.clone(url, "-b", "work");
    await land(repo, run, "US-001", "x.txt");
    await run.repository.push();
    await other.write({ "b.txt": "mine\n" });
    const next = await open(other);
    expect((await next.see()).tip).toBe(await repo.git("rev-parse", "work"));
    expect(await other.git("status", "--porcelain")).toBe(" M b.txt");
  });

  test("an uncommitted edit of an older plan survives a fast-forward, and takes back no pass that it never saw", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await run.see();
    await run.repository.push();
    const other = await repo.clone(url, "-b", "work");
    await land(repo, run, "US-001", "x.txt");
    await run.repository.push();
    await other.write({ "prd.json": plan.replace("Title of US-002", "Edited") });
    const next = await open(other);
    const seen = await next.see();
    expect(seen.plan.steps.map(({ title, passes }) => [title, passes])).toEqual([["Title of US-001", true], [
      "Edited",
      false,
    ]]);
    expect(seen.ledger.steps["US-001"]!.passed).not.toBeNull();
    expect(await other.read("prd.json")).toBe(seen.planText);
    expect(await other.git("status", "--porcelain")).toBe("");
  });

  test("kept work that never reached the remote is not promised to the next attempt", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    const { tip } = await run.see();
    await run.repository.keep(newAttempt("US-001", 1, { base: tip }), await workOn(repo, tip, { "a.txt": "half\n" }));
    await repo.git("push", "-q", "origin", "work", ledger);
    const next = await open(await repo.clone(url));
    expect((await next.see()).ledger.steps["US-001"]).toMatchObject({ iterations: 1, carry: null });
    expect((await run.see()).ledger.steps["US-001"]!.carry).toMatchObject({ attempt: 1 });
  });

  test("a branch that diverged halts, with everything untouched", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await run.see();
    await run.repository.push();
    const other = await repo.clone(url, "-b", "work");
    const mine = await other.commit("mine", { "c.txt": "c\n" });
    await land(repo, run, "US-001", "x.txt");
    await run.repository.push();
    const next = await open(other, { start: false });
    expect(await next.repository.start()).toEqual({
      ok: false,
      halt: { reason: "diverged", what: "branch", ref: "refs/heads/work", remote: "origin" },
    });
    expect(await other.git("rev-parse", "work")).toBe(mine);
  });

  test("records appended on both sides are all kept, ours on top", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    await run.see();
    await run.repository.append({ kind: "gate-closed", step: "US-002", title: "T", handoff: "" });
    await run.repository.push();
    const other = await repo.clone(url, "-b", "work");
    const desk = await open(other);
    await desk.repository.append({ kind: "answered", step: "US-001", question: "q", answer: "a", by: "ana" });
    await run.repository.append(newAttempt("US-001", 1));
    await run.repository.push();
    const merged = await open(other);
    const { ledger: state } = await merged.see();
    expect(state.records).toBe(3);
    expect((await merged.repository.history()).map(({ kind }) => kind)).toEqual(["gate-closed", "attempt", "answered"]);
    expect(state.steps["US-001"]).toMatchObject({ iterations: 1, answers: [{ by: "ana" }] });
  });

  test("two ledgers that began apart become one", async () => {
    const { repo, url } = await withRemote();
    await using _ = repo;
    const run = await open(repo, { push: "origin" });
    const other = await repo.clone(url);
    const desk = await open(other);
    await desk.see();
    await desk.repository.append(newAttempt("US-001", 1));
    await run.see();
    await run.repository.append(newAttempt("US-001", 1, { agent: "codex" }));
    await run.repository.push();
    const next = await open(other);
    expect((await next.see()).ledger).toMatchObject({ records: 2, steps: { "US-001": { attempts: 2, costUsd: 1 } } });
  });

  test("a remote that can't be reached is a notice, and a halt for a run that has to push", async () => {
    const { repo } = await withRemote();
    await using _ = repo;
    await repo.git("remote", "set-url", "origin", `${repo.base}/nowhere.git`);
    const run = await open(repo);
    expect(run.kinds()).toContain("fetch-failed");
    const night = await open(repo, { push: "origin", start: false });
    expect(await night.repository.start()).toMatchObject({
      ok: false,
      halt: { reason: "remote-unreachable", remote: "origin", begun: false },
    });
  });
});
