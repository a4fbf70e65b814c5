import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";

/** A run without a sandbox whose first attempt reaches the person's repository by its absolute path. */
async function reaching(act: string, more: { validator?: string; steps?: Record<string, unknown>[] } = {}) {
  const repo = await createRepo({ files: false });
  const once = join(repo.base, "once");
  const bad = act.replaceAll("$REPO", repo.dir).replaceAll("$GIT", join(repo.dir, ".git"));
  const command = `echo one > one.txt; if [ ! -e ${once} ]; then : > ${once}; ${bad}\nfi`;
  await repo.commit("chore: start", {
    "prd.json": planText([{ id: "US-001", command, validators: ["one"], maxAttempts: 2 }, ...more.steps ?? []]),
    "registries/validators.json": validatorsText({
      one: {
        command: more.validator?.replaceAll("$GIT", join(repo.dir, ".git")) ?? "grep -q one one.txt",
        paths: ["one.txt"],
      },
      any: "true",
    }),
  });
  await repo.git("branch", "other");
  await repo.git("tag", "v1");
  return repo;
}

const told = (events: Event[]): string[] =>
  events.flatMap((event) => event.kind === "notice" && event.notice.kind === "tampering" ? event.notice.what : []);
const ends = (events: Event[]): string[] =>
  events.flatMap((event) =>
    event.kind === "attempt-ended" ? [event.outcome] : event.kind === "landed" ? ["passed"] : []
  );

/** What must be as it was: every ref but those that a run moves, and all that git starts programs by. */
async function untouched(repo: TestRepo): Promise<Record<string, string>> {
  const git = join(repo.dir, ".git");
  const read = (name: string) => readFile(join(git, name), "utf8").catch(() => "none");
  return {
    refs:
      (await repo.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags", "refs/replace"))
        .split("\n").filter((line) => !line.endsWith("/capstan/test")).join("\n"),
    config: await read("config"),
    hooks: (await readdir(join(git, "hooks"))).toSorted().join(" "),
    attributes: await read("info/attributes"),
    alternates: await read("objects/info/alternates"),
  };
}

describe.concurrent("an agent without a sandbox that reaches the person's repository", { timeout: 60_000 }, () => {
  test.each<[string, string, RegExp]>([
    [
      "plants a hook",
      "echo evil > $GIT/hooks/pre-commit; chmod +x $GIT/hooks/pre-commit",
      /changed `\.git\/hooks\/pre-commit`/,
    ],
    ["replaces the hooks by a link", "rm -rf $GIT/hooks; ln -s /tmp $GIT/hooks", /changed `\.git\/hooks/],
    ["configures git", "git --git-dir=$GIT config core.pager evil", /changed `\.git\/config`/],
    [
      "writes attributes",
      "mkdir -p $GIT/info; echo '* filter=evil' > $GIT/info/attributes",
      /changed `\.git\/info\/attributes`/,
    ],
    ["borrows objects", "echo /tmp/evil > $GIT/objects/info/alternates", /changed `\.git\/objects\/info\/alternates`/],
    ["makes a branch", "git --git-dir=$GIT branch evil", /made refs\/heads\/evil in your repository/],
    [
      "moves a branch",
      "git --git-dir=$GIT branch -f other $(git --git-dir=$GIT commit-tree -m evil HEAD^{tree})",
      /moved refs\/heads\/other to/,
    ],
    ["deletes a branch", "git -C $REPO branch -D other", /deleted refs\/heads\/other in your repository/],
    ["deletes a tag", "git -C $REPO tag -d v1", /deleted refs\/tags\/v1 in your repository/],
    ["pushes to it", "git push -q $REPO HEAD:refs/heads/pushed", /made refs\/heads\/pushed in your repository/],
    [
      "writes a ref past git",
      "git --git-dir=$GIT commit-tree -m evil HEAD^{tree} > $GIT/refs/heads/other",
      /moved refs\/heads\/other to/,
    ],
    [
      "replaces an object",
      "git -C $REPO replace HEAD $(git -C $REPO commit-tree -m evil HEAD^{tree})",
      /made refs\/replace\//,
    ],
    ["empties a ref", "echo rubbish > $GIT/refs/heads/other", /moved refs\/heads\/other to rubbish/],
  ])("%s: put back, named, and the attempt is void", async (_what, act, says) => {
    await using repo = await reaching(act);
    const before = await untouched(repo);
    const run = await loop(repo);
    expect(told(run.events)[0]).toMatch(says);
    expect(ends(run.events)).toEqual(["tampered", "passed"]);
    expect(run.code).toBe(0);
    expect(await untouched(repo)).toEqual(before);
  });

  test("commits on the run's own branch: the branch and the checkout are where they were", async () => {
    await using repo = await reaching(
      "cd $REPO && echo x > planted.txt && git add planted.txt && git commit -qm 'feat: trust me'",
    );
    const run = await loop(repo);
    expect(told(run.events)).toEqual([expect.stringMatching(/^moved refs\/heads\/capstan\/test to /)]);
    expect(ends(run.events)).toEqual(["tampered", "passed"]);
    expect(await repo.git("log", "--format=%s", "capstan/test")).not.toContain("trust me");
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(await repo.ls("capstan/test")).not.toContain("planted.txt");
  });

  test("forges the ledger: its records go, and nothing passes by them", async () => {
    await using repo = await reaching(
      `ref=$(git --git-dir=$GIT for-each-ref --format='%(refname)' refs/capstan/ledger)
      last=$(git --git-dir=$GIT log -1 --format=%B "$ref" | tail -1)
      tree=$(git --git-dir=$GIT mktree < /dev/null)
      forged=$(printf 'pass: US-001 by hand\\n\\n%s\\n' "$last" | git --git-dir=$GIT commit-tree -p "$ref" "$tree")
      env -u GIT_TRACE2_EVENT git --git-dir=$GIT update-ref "$ref" "$forged"`,
      { steps: [{ id: "US-000", priority: 0, command: "echo zero > zero.txt" }] },
    );
    const run = await loop(repo);
    expect(told(run.events)).toEqual([expect.stringMatching(/^moved refs\/capstan\/ledger\//)]);
    expect(ends(run.events)).toEqual(["passed", "tampered", "passed"]);
  });

  test("lets its test do it: found after verification, and nothing lands", async () => {
    await using repo = await reaching("true", {
      validator: "test ! -f one.txt || { echo evil > $GIT/hooks/pre-commit; }",
    });
    const before = await untouched(repo);
    const run = await loop(repo, ["--once"]);
    expect(ends(run.events)).toEqual(["tampered"]);
    expect(await untouched(repo)).toEqual(before);
  });

  test("in words: the start says what is not held, and what was changed is shown", async () => {
    await using repo = await reaching("git --git-dir=$GIT config core.pager evil");
    const run = await capstan(repo, []);
    expect(run.stdout).toContain("changed `.git/config` of your repository");
    expect(run.stdout).toMatch(/\+\s+pager = evil/);
  });
});

describe.concurrent("what a person does to the repository meanwhile", { timeout: 60_000 }, () => {
  test.each<[string, string, (repo: TestRepo) => Promise<unknown>]>([
    ["a branch", "git -C $REPO branch mine", async (repo) => await repo.git("rev-parse", "--verify", "mine")],
    ["a tag", "git -C $REPO tag v2", async (repo) => await repo.git("rev-parse", "--verify", "v2")],
    ["where a branch is pushed to", "git -C $REPO config branch.other.remote origin", async (repo) => {
      expect(await repo.git("config", "branch.other.remote")).toBe("origin");
    }],
    [
      "a commit on the run's branch",
      "cd $REPO; echo m > mine.txt; git add mine.txt; git commit -qm mine",
      async (repo) => {
        expect(await repo.git("log", "--format=%s", "capstan/test")).toContain("mine");
      },
    ],
    ["packed refs", "git -C $REPO pack-refs --all", async (repo) => await stat(join(repo.dir, ".git/packed-refs"))],
  ])("%s: stays, and is nobody's offence", async (_what, act, holds) => {
    // The variable tells an agent's git from a person's.
    await using repo = await reaching(`unset GIT_TRACE2_EVENT; ${act}`);
    const run = await loop(repo);
    expect(told(run.events)).toEqual([]);
    expect(ends(run.events)).toEqual(["passed"]);
    await holds(repo);
  });
});
