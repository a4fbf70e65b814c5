import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { createRepo, type FileSpec, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, subjects, validatorsText } from "./rig.ts";

const progress = "# Progress Log\n\n## 2024-01-01T00:00:00Z - US-000\n- Found the door\n---\n";
const work = "echo one > one.txt";

interface Case {
  /** What the attempt comes to. @default {"failed"} */
  outcome?: string;
  /** What the first attempt does; later ones do `work`. */
  bad: string;
  files?: Record<string, FileSpec>;
  validators?: Record<string, string | Record<string, unknown>>;
  named?: string[];
}

function repoOf({ bad, files = {}, validators = {}, named = [] }: Case): Promise<TestRepo> {
  return createRepo({ files: false }).then(async (repo) => {
    const once = join(repo.base, "once");
    const command = `if [ ! -e ${once} ]; then : > ${once}; ${bad.replaceAll("$BASE", repo.base)}; else ${work}; fi`;
    await repo.commit("chore: start", {
      "prd.json": planText([
        { id: "US-001", command, validators: ["one", ...named], maxAttempts: 2 },
        { id: "US-002", command: "echo two > two.txt" },
      ]),
      "progress.txt": progress,
      "registries/validators.json": validatorsText({ one: "grep -q one one.txt", ...validators }),
      ...files,
    });
    return repo;
  });
}

const outcomes = (events: Event[]) =>
  events.flatMap((event) =>
    event.kind === "attempt-ended"
      ? [[event.step, event.outcome]]
      : event.kind === "landed"
      ? [[event.step, "passed"]]
      : []
  );
const told = (events: Event[], kind: "tampering" | "benign-normalized"): string[] =>
  events.flatMap((event) => event.kind === "notice" && event.notice.kind === kind ? event.notice.what : []);

describe.concurrent("an agent that touches what is not its own", { timeout: 60_000 }, () => {
  test.each<[string, Case, string[]]>([
    ["deletes prd.json", { bad: `${work}; rm prd.json` }, ["deleted the plan"]],
    ["leaves half of prd.json", { bad: `${work}; echo '{' > prd.json` }, ["left a plan that cannot be read"]],
    ["sets another step's passes", { bad: `${work}; sed -i 's/"passes": false/"passes": true/' prd.json` }, [
      "set `passes` of US-002 to true",
    ]],
    ["makes its own criteria easier", { bad: `${work}; sed -i 's/"maxAttempts": 2/"maxAttempts": 9/' prd.json` }, [
      "changed `maxAttempts` of US-001",
    ]],
    ["rewrites progress.txt", { bad: `${work}; echo all is well > progress.txt` }, [
      'deleted the entry "2024-01-01T00:00:00Z - US-000" of progress.txt',
    ]],
    ["changes a validator", { bad: `echo '{"one":{"command":"true"}}' > registries/validators.json` }, [
      "changed `registries/validators.json`",
    ]],
    ["deletes the registries", { bad: `${work}; rm -r registries` }, ["changed `registries/validators.json`"]],
    ["puts a link over prd.json that leads outside", { bad: `${work}; ln -sf $BASE/outside prd.json` }, [
      "deleted the plan",
    ]],
    ["puts a link over the registries", { bad: `${work}; rm -r registries; ln -s $BASE registries` }, [
      "changed `registries`",
      "changed `registries/validators.json`",
    ]],
  ])("%s: undone, named, the attempt void; the next one starts afresh and passes", async (_what, made, what) => {
    await using repo = await repoOf(made);
    await writeFile(join(repo.base, "outside"), "the person's own\n");
    const run = await loop(repo);
    expect(run.stderr).toBe("");
    expect(told(run.events, "tampering")).toEqual(what);
    expect(outcomes(run.events)).toEqual([["US-001", "tampered"], ["US-001", "passed"], ["US-002", "passed"]]);
    expect(run.code).toBe(0);
    expect(await readFile(join(repo.base, "outside"), "utf8")).toBe("the person's own\n");
    expect(await repo.git("diff", "--name-status", "main", "capstan/test")).toBe(
      "A\tone.txt\nM\tprd.json\nM\tprogress.txt\nA\ttwo.txt",
    );
    expect(await repo.read("progress.txt")).toContain("- Found the door\n");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("in words: what it touched stands in the summary of the attempt", async () => {
    await using repo = await repoOf({ bad: `${work}; rm prd.json; rm -r registries` });
    const run = await capstan(repo, []);
    expect(run.stdout).toContain("x The agent touched what is not its own; it was undone\n");
    expect(run.stdout).toMatch(
      /x US-001 attempt 1 was voided for tampering.*\n {4}changed what belongs to the runner: changed `registries\/validators\.json`; deleted the plan\n/,
    );
  });
});

test(
  "where the plan says `warn`, what it touched is undone and told, and its work counts",
  { timeout: 60_000 },
  async () => {
    await using repo = await createRepo({ files: false });
    await repo.commit("chore: start", {
      "prd.json": planText([{
        id: "US-001",
        command: `${work}; echo true > check.sh; sed -i 's/"Test"/"Mine"/' prd.json`,
        validators: ["check"],
      }], { tampering: "warn" }),
      "registries/validators.json": validatorsText({ check: { command: "sh check.sh", protects: ["check.sh"] } }),
      "check.sh": "grep -q one one.txt\n",
    });
    const run = await loop(repo);
    expect(told(run.events, "tampering")).toEqual(["changed the protected file `check.sh`", "changed `project`"]);
    const notice = run.events.flatMap((event) =>
      event.kind === "notice" && event.notice.kind === "tampering" ? [event.notice.diff] : []
    );
    expect(notice.join("")).toContain("-grep -q one one.txt\n+true\n");
    expect(notice.join("")).toContain('-  "project": "Test",\n+  "project": "Mine",\n');
    expect(outcomes(run.events)).toEqual([["US-001", "passed"]]);
    expect(await repo.show("capstan/test", "check.sh")).toBe("grep -q one one.txt\n");
    expect(await repo.git("diff", "--name-status", "main", "capstan/test")).toBe(
      "A\tone.txt\nM\tprd.json\nA\tprogress.txt",
    );
  },
);

describe.concurrent("an agent that bends its own check", { timeout: 60_000 }, () => {
  const script = (text: string) => `${JSON.stringify({ scripts: { test: text } })}\n`;
  test.each<[string, Case]>([
    ["redefines the package script that a validator runs", {
      bad: `printf '%s' '${JSON.stringify({ scripts: { test: "true" } })}' > package.json`,
      files: { "package.json": script("grep -q one one.txt") },
      validators: { test: "npm test --silent", one: "true" },
      named: ["test"],
      outcome: "tampered",
    }],
    ["redefines a script behind that script", {
      bad: `printf '%s' '${JSON.stringify({ scripts: { test: "npm run -s unit", unit: "true" } })}' > package.json`,
      files: {
        "package.json": `${JSON.stringify({ scripts: { test: "npm run -s unit", unit: "grep -q one one.txt" } })}\n`,
      },
      validators: { test: "npm test --silent", one: "true" },
      named: ["test"],
      outcome: "tampered",
    }],
    ["edits a file that the validator protects", {
      bad: "echo true > check.sh",
      files: { "check.sh": "grep -q one one.txt\n" },
      validators: { check: { command: "sh check.sh", protects: ["check.sh"] }, one: "true" },
      named: ["check"],
      outcome: "tampered",
    }],
    ["puts a program of its own first on the way", {
      bad: "mkdir -p bin && printf '#!/bin/sh\\n' > bin/grep && chmod +x bin/grep && export PATH=$PWD/bin:$PATH",
    }],
  ])("%s does not pass by it", async (_what, made) => {
    await using repo = await repoOf(made);
    const run = await loop(repo, ["--once"]);
    expect(outcomes(run.events)).toEqual([["US-001", made.outcome ?? "failed"]]);
    expect(run.code).toBe(5);
    expect(JSON.parse((await repo.show("capstan/test", "prd.json"))!)).toMatchObject({
      userStories: [{ passes: false }, { passes: false }],
    });
  });
});

describe.concurrent("an agent with habits of its own", { timeout: 60_000 }, () => {
  test.each<[string, string, RegExp[]]>([
    ["commits itself", `${work}; git add -A; git commit -qm mine; git commit -q --allow-empty -m more`, [
      /made 2 commits of its own/,
    ]],
    ["switches branches", `${work}; git switch -qc elsewhere; git add -A; git commit -qm mine`, [
      /made a commit of its own/,
      /switched to the branch elsewhere/,
    ]],
    ["rewinds its branch and tags it", `git commit -q --amend -m mine; git tag v1; git reset -q --hard; ${work}`, []],
    ["deletes its .git", `${work}; rm -rf .git`, [/removed the `\.git` folder of its lane/]],
    ["makes a repository of a folder", `${work}; mkdir sub; git init -q sub; echo x > sub/x.txt`, [
      /made a repository of its own in `sub`/,
    ]],
    ["sets its own passes and notes", `${work}; sed -i '0,/"passes": false/s//"passes": true/' prd.json`, [
      /set `passes` of US-001 itself/,
    ]],
  ])("%s: only its changes count, as one commit of the runner", async (_what, bad, says) => {
    await using repo = await repoOf({ bad });
    const run = await loop(repo);
    expect(run.code).toBe(0);
    for (const text of says) expect(told(run.events, "benign-normalized")).toContainEqual(expect.stringMatching(text));
    expect((await subjects(repo, "capstan/test")).slice(0, 3)).toEqual([
      "feat: US-002 - Step US-002",
      "feat: US-001 - Step US-001",
      "chore(plan): name the plan",
    ]);
    expect(await repo.git("for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags")).toBe(
      "refs/heads/capstan/test\nrefs/heads/main",
    );
    expect(await repo.git("log", "-1", "--format=%an", "capstan/test")).toBe("Test Person");
  });

  test("plants hooks, filters and configuration: none of it ever runs", async () => {
    await using repo = await repoOf({
      bad: [
        work,
        "mkdir -p .git/hooks hooks",
        "printf '#!/bin/sh\\ntouch $BASE/owned\\n' | tee .git/hooks/post-checkout .git/hooks/pre-commit > hooks/post-checkout",
        "chmod +x .git/hooks/* hooks/*",
        'git config core.hooksPath "$PWD/hooks"',
        "git config core.fsmonitor 'touch $BASE/owned'",
        "git config filter.own.clean 'touch $BASE/owned; cat'",
        "git config filter.own.smudge 'touch $BASE/owned; cat'",
        "echo '*.txt filter=own' > .gitattributes",
        "rm -rf $BASE/owned",
      ].join("; "),
    });
    expect((await loop(repo)).code).toBe(0);
    await expect(readFile(join(repo.base, "owned"))).rejects.toThrow();
  });

  test("puts a link to the checkout in the place of its lane: the checkout stays as it is", async () => {
    await using repo = await repoOf({ bad: `lane=$PWD; cd /; rm -rf "$lane"; ln -s $BASE/repo "$lane"` });
    await repo.write({ "mine.txt": "mine\n" });
    const run = await loop(repo);
    expect(outcomes(run.events)).toEqual([["US-001", "no-change"], ["US-001", "passed"], ["US-002", "passed"]]);
    expect(await repo.read("mine.txt")).toBe("mine\n");
    expect(await repo.git("status", "--porcelain")).toBe("?? mine.txt");
  });
});
