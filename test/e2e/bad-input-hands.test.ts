import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import type { FileSpec, TestRepo } from "../support/repo.ts";
import { notices, repoOf, starts, waiting, whileItWorks } from "./hands.ts";
import { capstan, loop, subjects } from "./rig.ts";

const oneAndTwo = (repo: TestRepo) => [
  { id: "US-001", command: waiting(repo, "echo one > one.txt"), validators: ["one"] },
  { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
];

describe.concurrent("while an agent works, a person", { timeout: 60_000 }, () => {
  test("edits the plan: it counts from the next decision, its tabs and line ends stay byte for byte", async () => {
    const crlf = (text: string) => JSON.stringify(JSON.parse(text), null, "\t").replaceAll("\n", "\r\n");
    await using repo = await repoOf({ steps: oneAndTwo, write: crlf });
    let edited = "";
    const run = await whileItWorks(repo, async () => {
      const added = {
        id: "US-003",
        title: "Third",
        command: "cat two.txt > three.txt",
        validators: ["two"],
        passes: false,
      };
      edited = (await repo.read("prd.json"))
        .replace("Step US-002", "A better title")
        .replace(/\r\n\t\]\r\n/, `,\r\n\t\t${JSON.stringify(added)}\r\n\t]\r\n`);
      await repo.write({ "prd.json": edited });
    });
    expect(run.code).toBe(0);
    expect((await subjects(repo, "capstan/test")).toReversed()).toEqual([
      "chore: start",
      "chore(plan): name the plan",
      "chore(plan): edit prd.json",
      "feat: US-001 - Step US-001",
      "feat: US-002 - A better title",
      "feat: US-003 - Third",
    ]);
    const all = edited.replaceAll(/("passes": ?)false/g, "$1true");
    expect(await repo.read("prd.json")).toBe(all);
    expect(await repo.show("capstan/test", "prd.json")).toBe(all);
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await starts(repo)).toBe(1);
  });

  test("leaves the plan half written: the last valid one counts, and the edit when it is whole", async () => {
    await using repo = await repoOf({ steps: oneAndTwo });
    const run = await whileItWorks(repo, () => repo.write({ "prd.json": '{ "userStories": [' }));
    expect(notices(run.events, "plan-unreadable")).toHaveLength(1);
    expect(run.code).toBe(0);
    expect(await repo.read("prd.json")).toBe('{ "userStories": [');
    expect(JSON.parse((await repo.show("capstan/test", "prd.json"))!)).toMatchObject({
      userStories: [{ passes: true }, { passes: true }],
    });
  });

  test("has edits, staged and new files elsewhere: they survive as they are, uncommitted", async () => {
    await using repo = await repoOf({ steps: oneAndTwo });
    await repo.write({ "shared.txt": "mine\n", "staged.txt": "staged\n", "new.txt": "new\n" });
    await repo.git("add", "staged.txt");
    const run = await whileItWorks(repo, () => repo.write({ "later.txt": "later\n" }));
    expect(run.code).toBe(0);
    expect(await repo.git("status", "--porcelain")).toBe(" M shared.txt\nA  staged.txt\n?? later.txt\n?? new.txt");
    expect(await repo.read("shared.txt")).toBe("mine\n");
    expect(await repo.git("diff", "--name-only", "main", "capstan/test")).not.toMatch(/shared|staged|new|later/);
  });

  test.each<[string, string, Record<string, FileSpec>]>([
    ["an edit", "echo agent > shared.txt", { "shared.txt": "mine\n" }],
    ["a new file", "echo agent > 'new file.txt'", { "new file.txt": "mine\n" }],
  ])("has %s in the way: parked, exit 7, and the commands of the message land it", async (_what, work, mine) => {
    await using repo = await repoOf({
      steps: (at) => [
        { id: "US-001", command: waiting(at, work), validators: ["done"] },
        { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
      ],
      validators: { done: "grep -q agent shared.txt || grep -q agent 'new file.txt'" },
    });
    await writeFile(join(repo.base, "go"), "");
    await repo.write(mine);
    const run = await capstan(repo, []);
    expect(run.code).toBe(7);
    expect(run.stdout).toContain("x US-001 is verified but could not land");
    const [parked] = /refs\/capstan\/parked\/\S+/.exec(run.stdout)!;
    const [path] = Object.keys(mine);
    expect(await repo.show(parked, path!)).toBe("agent\n");
    expect(await repo.read(path!)).toBe("mine\n");
    const [, clean] = /^ {2,4}(git stash push .*?)(?: {2,}put .*)?$/m.exec(run.stdout)!;
    await promisify(execFile)("sh", ["-c", clean!], { cwd: repo.dir, env: repo.env });
    const again = await loop(repo);
    expect(again.code).toBe(0);
    expect(await starts(repo)).toBe(1);
    expect(await repo.show("capstan/test", path!)).toBe("agent\n");
    expect(await repo.git("log", "-1", "--skip=1", "--format=%(trailers:key=Capstan-Agent,valueonly)", "capstan/test"))
      .toMatch(/^command/);
    expect(await repo.git("for-each-ref", "refs/capstan/parked", "refs/capstan/attempts")).toBe("");
  });

  test("commits on the branch: the work is replayed on top and verified again", async () => {
    await using repo = await repoOf({ steps: oneAndTwo });
    const run = await whileItWorks(repo, () => repo.commit("fix: by hand", { "hand.txt": "hand\n" }));
    expect(run.code).toBe(0);
    expect(notices(run.events, "replayed")).toHaveLength(1);
    expect((await subjects(repo, "capstan/test")).slice(0, 3)).toEqual([
      "feat: US-002 - Step US-002",
      "feat: US-001 - Step US-001",
      "fix: by hand",
    ]);
    expect(await starts(repo)).toBe(1);
  });

  test("commits what makes the work fail: it does not land", async () => {
    await using repo = await repoOf({
      steps: oneAndTwo,
      validators: { one: "test -f one.txt && ! test -f poison.txt" },
    });
    const run = await whileItWorks(repo, () => repo.commit("fix: by hand", { "poison.txt": "x\n" }));
    expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({ outcome: "failed" });
    expect(run.code).toBe(4);
    expect(await repo.show("capstan/test", "one.txt")).toBeNull();
  });

  test("commits what conflicts: superseded at no cost, and the next attempt starts from the branch", async () => {
    await using repo = await repoOf({
      steps: (at) => [{
        id: "US-001",
        command: waiting(at, "sed -i 's/^c.*/c agent/' shared.txt"),
        validators: ["c"],
        maxAttempts: 1,
      }],
      validators: { c: "grep -q '^c agent' shared.txt" },
    });
    const run = await whileItWorks(repo, () => repo.commit("fix: by hand", { "shared.txt": "a\nb\nc hand\nd\ne\n" }));
    expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({ outcome: "superseded" });
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "shared.txt")).toBe("a\nb\nc agent\nd\ne\n");
  });

  test("switches to another branch: the work lands on its own, the checkout is left alone", async () => {
    await using repo = await repoOf({ steps: oneAndTwo });
    const run = await whileItWorks(repo, async () => {
      await repo.git("switch", "-q", "main");
      await repo.write({ "mine.txt": "mine\n" });
    });
    expect(run.code).toBe(0);
    expect(notices(run.events, "checkout-left")).toHaveLength(1);
    expect(await repo.git("branch", "--show-current")).toBe("main");
    expect(await repo.git("status", "--porcelain")).toBe("?? mine.txt");
    expect(await repo.show("capstan/test", "two.txt")).toBe("two\n");
  });

  test("deletes the branch: the run stops and says how to get it back, and the work is not lost", async () => {
    await using repo = await repoOf({ steps: oneAndTwo });
    const run = await whileItWorks(repo, async () => {
      await repo.git("switch", "-q", "main");
      await repo.git("branch", "-q", "-D", "capstan/test");
    });
    expect(run.code).toBe(7);
    expect(await repo.git("for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
    const { halt } = run.events.at(-1) as Event & { kind: "halted" };
    expect(halt).toMatchObject({ reason: "repository", problem: { kind: "branch-deleted", branch: "capstan/test" } });
    const { was } = (halt as { problem: { was: string } }).problem;
    await repo.git("branch", "capstan/test", was);
    const again = await loop(repo);
    expect(again.code).toBe(0);
    expect(notices(again.events, "recovered")).toHaveLength(1);
    expect(await repo.show("capstan/test", "one.txt")).toBe("one\n");
  });

  test("rewinds the branch: what was taken out is open again, and done again", async () => {
    await using repo = await repoOf({
      steps: (at) => [
        { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
        { id: "US-002", command: waiting(at, "echo two > two.txt"), validators: ["two"] },
      ],
    });
    const run = await whileItWorks(repo, () => repo.git("reset", "-q", "--hard", "HEAD~1"));
    expect(notices(run.events, "reopened-by-hand")).toMatchObject([{ step: "US-001", why: "commit" }]);
    expect(run.code).toBe(0);
    expect((await subjects(repo, "capstan/test")).toSorted().slice(-2)).toEqual([
      "feat: US-001 - Step US-001",
      "feat: US-002 - Step US-002",
    ]);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });
});
