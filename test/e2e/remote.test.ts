import { mkdir, mkdtemp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LedgerState } from "../../src/model/ledger.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, start, subjects, validatorsText } from "./rig.ts";

const branch = "refs/heads/capstan/test";

interface Shared {
  repo: TestRepo;
  /** The bare repository that everybody pushes to. */
  url: string;
}

/** A repository whose `main` is on its bare remote, with validators `one`, `two`, … that look for `one.txt`, … */
async function shared(steps: Record<string, unknown>[], more: Record<string, unknown> = {}): Promise<Shared> {
  const repo = await createRepo({ files: false });
  const url = await repo.remote();
  const names = ["one", "two", "three"];
  await repo.commit("chore: before", { "old.txt": "old\n" });
  await repo.commit("chore: start", {
    "prd.json": planText(steps, more),
    "registries/validators.json": validatorsText(
      Object.fromEntries(names.map((name) => [name, `test -f ${name}.txt`])),
    ),
    // A model that costs money and never does what it is asked for: attempts and spend add up.
    "registries/agents.json": JSON.stringify({
      waster: {
        title: "Waster",
        launch: { binary: ["sh"] },
        args: ["-c", `cat > /dev/null; echo half >> half.txt; echo '${wasted}'`],
        format: "claude-stream-json",
      },
    }),
  });
  await repo.git("push", "-q", "origin", "main");
  return { repo, url };
}

const wasted = JSON.stringify({
  subtype: "success",
  is_error: false,
  type: "result",
  result: "Done",
  total_cost_usd: 0.25,
  usage: { input_tokens: 10, output_tokens: 5 },
});

const two = [
  { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
  { id: "US-002", agent: "waster", validators: ["two"], maxAttempts: 9 },
];

/** As actions/checkout leaves it: one commit deep, one ref, HEAD detached; in a folder and with a state of its own. */
async function checkedOutByCi({ repo, url }: Shared, rev: string): Promise<TestRepo> {
  const base = await mkdtemp(join(repo.base, "ci-"));
  const dir = join(base, "work");
  await mkdir(dir);
  const git = (...args: string[]) => repo.gitIn(dir, ...args);
  await git("init", "-q");
  await git("remote", "add", "origin", `file://${url}`);
  const sha = await repo.gitIn(url, "rev-parse", rev);
  await git("fetch", "-q", "--no-tags", "--depth=1", "origin", `+${sha}:refs/remotes/origin/main`);
  await git("checkout", "-q", "--detach", sha);
  await git("config", "user.name", "CI");
  await git("config", "user.email", "ci@example.com");
  return { ...repo, dir, git, env: { ...repo.env, XDG_STATE_HOME: join(base, "state") } };
}

/** What happened so far, as a clone knows it. */
async function ledgerOf(repo: TestRepo): Promise<LedgerState> {
  return (JSON.parse((await capstan(repo, ["status", "--json"])).stdout) as { ledger: LedgerState }).ledger;
}

function noticesOf({ events }: Pick<Awaited<ReturnType<typeof loop>>, "events">): string[] {
  return events.flatMap((event) => event.kind === "notice" ? [event.notice.kind] : []);
}

async function remoteRefs({ repo, url }: Shared): Promise<string[]> {
  const listed = await repo.gitIn(url, "for-each-ref", "--format=%(refname)");
  return listed.split("\n").map((ref) => ref.replace(/(ledger|attempts)\/[a-z0-9-]+/, "$1/PLAN"));
}

describe("--push", () => {
  test("brings branch, ledger and kept work to the remote after each landing and at the halt", async () => {
    const both = await shared([
      { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
      // What the remote has when the second step begins.
      { id: "US-002", command: "git --git-dir=$REMOTE log -1 --format=%s capstan/test > two.txt", validators: ["two"] },
      { id: "US-003", agent: "waster", validators: ["three"], maxAttempts: 9 },
    ]);
    await using repo = both.repo;
    const run = await loop(repo, ["--push", "--max-iterations", "3"], { REMOTE: both.url });
    expect(run.code).toBe(5);
    expect(await repo.read("two.txt")).toBe("feat: US-001 - Step US-001\n");
    expect(await remoteRefs(both)).toEqual([
      "refs/capstan/attempts/PLAN/US-003/1",
      "refs/capstan/ledger/PLAN",
      branch,
      "refs/heads/main",
    ]);
    expect(await repo.gitIn(both.url, "rev-parse", branch)).toBe(await repo.git("rev-parse", branch));
  });

  test("pushes at a gate: the person who decides may sit elsewhere", async () => {
    const both = await shared([
      { id: "GATE-1", type: "gate" },
      { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
    ]);
    await using repo = both.repo;
    expect((await loop(repo, ["--push"])).code).toBe(3);

    await using desk = await repo.clone(both.url);
    const approved = await capstan(desk, ["approve", "GATE-1", "--note", "fine", "--push"]);
    expect(approved).toMatchObject({ code: 0, stderr: "" });

    expect((await loop(repo, ["--push"])).code).toBe(0);
    const { steps } = await ledgerOf(repo);
    expect(steps["GATE-1"]!.gate).toMatchObject({ state: "approved", by: "Test Person <person@example.com>" });
    expect(await repo.gitIn(both.url, "log", "-1", "--format=%s", branch)).toBe("feat: US-001 - Step US-001");
  });

  test("of a new plan is tried before an agent is paid", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    const hook = `#!/bin/sh\n[ "$1" != ${branch} ] || { echo "the rules say no" >&2; exit 1; }\n`;
    await repo.write({ "../origin.git/hooks/update": { text: hook, mode: 0o755 } });
    const run = await loop(repo, ["--push", "--once"]);
    expect(run.code).toBe(7);
    expect(run.events.at(-1)).toMatchObject({ halt: { reason: "push-refused" }, summary: { iterations: 0 } });
    expect(await remoteRefs(both)).toEqual(["refs/heads/main"]);
  });

  test("is atomic: where the remote refuses branch or ledger, neither arrives", async () => {
    const both = await shared(two, { planId: "plan-abc" });
    await using repo = both.repo;
    const hook = `#!/bin/sh\n[ "$1" != "$(cat refused)" ] || { echo "the rules say no" >&2; exit 1; }\n`;
    await repo.write({ "../origin.git/hooks/update": { text: hook, mode: 0o755 } });
    await repo.write({ "../origin.git/refused": branch });
    for (const times of [1, 2]) {
      const run = await loop(repo, ["--push", "--once"]);
      expect(run.code).toBe(7);
      expect(run.events.at(-1)).toMatchObject({ halt: { reason: "push-refused", remote: "origin" } });
      expect(JSON.stringify(run.events.at(-1))).toContain("the rules say no");
      expect(await remoteRefs(both)).toEqual(["refs/heads/main"]);
      expect(await subjects(repo, "capstan/test")).toContain("feat: US-001 - Step US-001");
      const ledger = await repo.git("for-each-ref", "--format=%(refname)", "refs/capstan/ledger");
      await repo.write({ "../origin.git/refused": times === 1 ? ledger : "" });
    }
    expect((await loop(repo, ["--push", "--once"])).code).toBe(5);
    expect(await remoteRefs(both)).toContain("refs/capstan/ledger/PLAN");
    expect(await repo.gitIn(both.url, "rev-parse", branch)).toBe(await repo.git("rev-parse", branch));
  });
});

describe("a run in another clone", () => {
  test("continues with the same attempts, spend and kept work", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    expect((await loop(repo, ["--push", "--max-iterations", "2"])).code).toBe(5);
    const before = await ledgerOf(repo);
    expect(before).toMatchObject({ costUsd: 0.25, steps: { "US-002": { attempts: 1 } } });

    await using other = await repo.clone(both.url);
    const run = await loop(other, ["--max-iterations", "1"]);
    expect(run.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({
      step: "US-002",
      attempt: 2,
      carry: 1,
    });
    const after = await ledgerOf(other);
    expect(after).toMatchObject({ costUsd: 0.5, steps: { "US-002": { attempts: 2 } } });
    expect(after.steps["US-001"]).toEqual(before.steps["US-001"]);
    expect(await other.show(after.steps["US-002"]!.carry!.work, "half.txt")).toBe("half\nhalf\n");
  });

  test("of one commit, one ref and a detached HEAD goes on from earlier nights, every night", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    for (const [night, attempts] of [[1, 1], [2, 2]]) {
      const ci = await checkedOutByCi(both, "main");
      const run = await loop(ci, ["--push", "--max-iterations", night === 1 ? "2" : "1"]);
      expect(run.code).toBe(5);
      expect(await ledgerOf(ci)).toMatchObject({ costUsd: attempts! * 0.25, steps: { "US-002": { attempts } } });
      expect(await ci.git("rev-parse", "--is-shallow-repository")).toBe("true");
      expect(await subjects(repo, "main")).toHaveLength(2);
    }
    await using whole = await repo.clone(both.url, "-b", "capstan/test");
    expect(await subjects(whole, "capstan/test")).toEqual([
      "feat: US-001 - Step US-001",
      "chore(plan): name the plan",
      "chore: start",
      "chore: before",
    ]);
  });

  test("--branch names the branch where the plan does not, in a clone of one commit too", async () => {
    const { repo, url } = await shared(two, { branchName: undefined });
    await using _ = repo;
    const both = { repo, url };
    const first = await loop(await checkedOutByCi(both, "main"), ["--push", "--once", "--branch", "capstan/nightly"]);
    expect(first.code).toBe(5);
    const second = await checkedOutByCi(both, "main");
    expect((await loop(second, ["--push", "--once", "--branch", "capstan/nightly"])).code).toBe(5);
    expect(await second.git("branch", "--show-current")).toBe("capstan/nightly");
    expect((await subjects(second, "capstan/nightly"))[0]).toBe("feat: US-001 - Step US-001");
    expect((await ledgerOf({ ...second })).steps["US-002"]).toMatchObject({ attempts: 1 });
    const without = await checkedOutByCi(both, "main");
    const refused = await loop(without, ["--push", "--once"]);
    expect(refused.code).toBe(2);
    expect(refused.events.at(-1)).toMatchObject({ halt: { problem: { kind: "detached-without-branch" } } });
  });

  test("finds a plan that is only on the remote's branch", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    await repo.git("checkout", "-q", "--orphan", "bare");
    await repo.git("rm", "-q", "-r", "--cached", ".");
    await repo.git("clean", "-q", "-f", "-d");
    await repo.commit("chore: without a plan", { "readme.txt": "r\n" });
    await repo.git("push", "-q", "origin", "main:capstan/test", "bare");
    await using other = await repo.clone(both.url, "-b", "bare", "--single-branch");
    expect((await capstan(other, ["--once"])).code).toBe(2);
    const run = await loop(other, ["--branch", "capstan/test", "--push", "--once"]);
    expect(run.code).toBe(5);
    expect((await subjects(other, "capstan/test"))[0]).toBe("feat: US-001 - Step US-001");
    expect(await repo.gitIn(both.url, "rev-parse", branch)).toBe(await other.git("rev-parse", branch));
  });

  test("deepens a clone whose history ends before it meets the remote's", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    expect((await loop(repo, ["--push", "--once"])).code).toBe(5);
    const ci = await checkedOutByCi(both, branch);
    await ci.git("checkout", "-q", "-b", "capstan/test");
    await using desk = await repo.clone(both.url, "-b", "capstan/test");
    await desk.commit("docs: first", { "a.md": "a\n" });
    await desk.commit("docs: second", { "b.md": "b\n" });
    await desk.git("push", "-q", "origin", "capstan/test");
    // Only the tip: between it and the clone's own commit nothing is known.
    await ci.git("fetch", "-q", "--depth=1", "origin", branch);
    const run = await loop(ci, ["--push", "--once"]);
    expect(run.code).toBe(5);
    expect(run.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ step: "US-002", attempt: 1 });
    expect(noticesOf(run)).toContain("deepened");
    expect(await subjects(ci, "capstan/test")).toContain("docs: first");
  });
});

describe("a remote", () => {
  test("whose branch has diverged ends the run with 7; nothing is forced, and joining both sides goes on", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    expect((await loop(repo, ["--once"])).code).toBe(5);
    await using desk = await repo.clone(both.url);
    await desk.git("checkout", "-q", "-b", "capstan/test");
    await desk.commit("docs: by hand", { "a.md": "a\n" });
    await desk.git("push", "-q", "origin", "capstan/test");
    const theirs = await repo.gitIn(both.url, "rev-parse", branch);
    const ours = await repo.git("rev-parse", branch);

    for (const args of [["--push"], []]) {
      const run = await capstan(repo, args);
      expect(run.code).toBe(7);
      expect(run.stdout + run.stderr).toContain("capstan/test and its copy on origin have both moved on");
      expect(run.stdout + run.stderr).toContain("git pull --rebase origin capstan/test");
    }
    expect(await repo.gitIn(both.url, "rev-parse", branch)).toBe(theirs);
    expect(await repo.git("rev-parse", branch)).toBe(ours);
    expect(await remoteRefs(both)).toEqual([branch, "refs/heads/main"]);

    await repo.git("pull", "-q", "--rebase", "origin", "capstan/test");
    const joined = await loop(repo, ["--push", "--once"]);
    expect(joined.code).toBe(5);
    expect(joined.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ step: "US-002" });
    expect((await subjects(repo, "capstan/test"))[0]).toBe("feat: US-001 - Step US-001");
    expect(await repo.gitIn(both.url, "rev-parse", branch)).toBe(await repo.git("rev-parse", branch));
  });

  test("that moves while the run is at work ends it with 7, the landed work stays here", async () => {
    const both = await shared([
      {
        id: "US-001",
        command: "echo one > one.txt; echo working; until [ -f $GO ]; do sleep 0.05; done",
        validators: ["one"],
      },
    ], { planId: "plan-abc" });
    await using repo = both.repo;
    const go = join(repo.base, "go");
    const run = start(repo, ["--push", "--json"], { GO: go });
    await run.until(/"text":"working/);
    await using desk = await repo.clone(both.url);
    await desk.git("checkout", "-q", "-b", "capstan/test");
    await desk.commit("docs: by hand", { "a.md": "a\n" });
    await desk.git("push", "-q", "origin", "capstan/test");
    await desk.git("config", "--file", go, "a.b", "c");
    expect((await run.done).code).toBe(7);
    expect(await repo.gitIn(both.url, "log", "-1", "--format=%s", branch)).toBe("docs: by hand");
    expect((await subjects(repo, "capstan/test"))[0]).toBe("feat: US-001 - Step US-001");
  });

  test("that can't be reached is a notice, and 7 for a run that has to push", async () => {
    const both = await shared(two);
    await using repo = both.repo;
    await repo.git("remote", "set-url", "origin", join(dirname(both.url), "nowhere.git"));
    const night = await loop(repo, ["--push", "--once"]);
    expect(night.code).toBe(7);
    expect(night.events.at(-1)).toMatchObject({ halt: { reason: "remote-unreachable", begun: false } });
    expect(night.events.some(({ kind }) => kind === "iteration-started")).toBe(false);
    expect(await repo.git("branch", "--list", "capstan/test")).toBe("");
    const run = await loop(repo, ["--once"]);
    expect(run.code).toBe(5);
    expect(noticesOf(run)).toContain("fetch-failed");
    expect((await subjects(repo, "capstan/test"))[0]).toBe("feat: US-001 - Step US-001");
  });
});
