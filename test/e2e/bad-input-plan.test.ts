import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createRepo, type FileSpec } from "../support/repo.ts";
import { capstan, planText, validatorsText } from "./rig.ts";
import { expectRefusal, photo } from "./untouched.ts";

const one = (id: string, more: Record<string, unknown> = {}) => ({
  id,
  command: "echo one > one.txt",
  validators: ["one"],
  ...more,
});
const good = planText([one("US-001")]);
const megabytes = (count: number): string => "x".repeat(count * 1024 * 1024);
const json = (value: unknown): string => JSON.stringify(value, null, 2);

/** What stands in prd.json (`null`: nothing), and what the one message must say. */
const plans: [string, FileSpec, (string | RegExp)[]][] = [
  ["missing", null, ["prd.json: There is no plan", "--plan FILE"]],
  ["empty", "", ["prd.json:1: The file is empty"]],
  ["cut off in the middle", good.slice(0, good.length / 2), [
    /prd\.json:\d+: Not valid JSON: .*ends in the middle/,
    "git checkout -- prd.json",
  ]],
  ["not JSON", "hello: world\n", [/prd\.json:1: Not valid JSON: .*"hello"/]],
  ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00, 0x01]), [/prd\.json:1: Not valid JSON/]],
  ["a list", "[1, 2]", ["A plan is an object"]],
  ["50 MB", planText([one("US-001", { description: megabytes(50) })]), ["The file is 52 MB long", "the most is 20 MB"]],
  ["a link to somewhere else", { link: "/etc/passwd" }, ["This is a symbolic link, where the plan should be"]],
  ["of the wrong shape", json({ userStories: { a: 1 } }), ["prd.json:2 userStories: `userStories` is not a list"]],
  [
    "of steps of the wrong shape",
    json({ userStories: [1, { id: "A", title: "", passes: "yes", priority: "high" }, { title: "t" }] }),
    [
      "5 things are wrong",
      "userStories[0]: Expected an object, found 1",
      "prd.json:6 userStories[1].title: Expected text",
      'prd.json:7 userStories[1].passes: Expected `true` or `false`, found "yes"',
      "prd.json:8 userStories[1].priority: Expected a number",
      "userStories[2].id: `id` is missing",
    ],
  ],
  [
    "with the same id twice",
    planText([one("US-001"), one("US-001"), one("us-001")]),
    [
      "2 things are wrong",
      "The id `US-001` is taken",
      "only in case",
      /It is also at userStories\[0\]\.id \(line \d+\)/,
    ],
  ],
  [
    "with keys that are almost right",
    planText([one("US-001", { timeoutMinuts: 3, dependOn: ["x"] })], { default: {} }),
    ["Did you mean `defaults`?", "Did you mean `timeoutMinutes`?", "Did you mean `needs`?"],
  ],
  [
    "with needs in a circle and to nowhere",
    planText([one("A", { needs: ["B"] }), one("B", { needs: ["A"] }), one("US-001", { needs: ["US-01", "US-001"] })]),
    ["3 things are wrong", "A needs B needs A", "No step has the id `US-01` (Did you mean `US-001`?)", "needs itself"],
  ],
  ["with a branch that git refuses", planText([one("A")], { branchName: "a..b" }), [
    "prd.json:3 branchName",
    "holds `..`",
  ]],
  ["with a branch like an option", planText([one("A")], { branchName: "--upload-pack=x" }), ["takes it for an option"]],
  [
    "with globs that leave the repository",
    planText([one("A", { paths: ["../x/**"], produces: ["/etc/passwd"] })], { copy: ["~/.ssh/*"], cwd: "../.." }),
    ["4 things are wrong", "copy[0]", "cwd", "userStories[0].paths[0]", "userStories[0].produces[0]"],
  ],
  [
    "with an unknown agent and unknown validators",
    planText([one("A", { agent: "claud", validators: ["on", "nope"] })]),
    [
      /prd\.json:\d+ userStories\[0\]\.agent: No agent is called `claud` \(Did you mean `claude`\?\)/,
      "No validator is called `on` (Did you mean `one`?)",
      "No validator is called `nope` (Declare it in registries/validators.json)",
    ],
  ],
];

describe.concurrent("a plan that is", { timeout: 60_000 }, () => {
  test.each(plans)("%s is one message, exit code 2, and nothing changed", async (_what, spec, says) => {
    await using repo = await createRepo({
      files: { "prd.json": good, "registries/validators.json": validatorsText({ one: "test -f one.txt" }) },
    });
    await repo.write({ "prd.json": null });
    if (spec !== null) await repo.write({ "prd.json": spec });
    const before = await photo(repo);
    expectRefusal(await capstan(repo, []), 2, says.map(literal));
    expect(await photo(repo)).toEqual(before);
  });

  test("a folder says so", async () => {
    await using repo = await createRepo();
    await mkdir(join(repo.dir, "prd.json"));
    expectRefusal(await capstan(repo, []), 2, [/This is a folder, where the plan should be/]);
  });
});

describe.concurrent("a registry that is", { timeout: 60_000 }, () => {
  test.each<[string, Record<string, string>, (string | RegExp)[]]>([
    ["not JSON", { "validators.json": "{ nope" }, ["registries/validators.json:1: Not valid JSON"]],
    [
      "of the wrong shape",
      {
        "validators.json": json({ one: { comand: "x", paths: ["../x"] }, three: { command: "x", timeoutMinutes: -1 } }),
        "agents.json": json({ mine: { title: "Mine", format: "nope" } }),
      },
      [
        "Did you mean `command`?",
        'one.paths[0]: "../x" must stay inside the repository',
        "three.timeoutMinutes: Expected a number above 0, found -1",
        "registries/agents.json:2 mine.launch: `launch` is missing",
        "registries/agents.json:4 mine.format",
      ],
    ],
  ])("%s is one message with everything that is wrong", async (_what, registries, says) => {
    const files = Object.entries(registries).map(([name, text]) => [`registries/${name}`, text]);
    await using repo = await createRepo({
      files: { "prd.json": good, ...Object.fromEntries(files) as Record<string, string> },
    });
    const before = await photo(repo);
    expectRefusal(await capstan(repo, []), 2, says.map(literal));
    expect(await photo(repo)).toEqual(before);
  });
});

describe.concurrent("an option that is wrong", { timeout: 60_000 }, () => {
  test.each<[string[], (string | RegExp)[]]>([
    [["--step", "US-01"], ["No step is called `US-01` (Did you mean `US-001`?)"]],
    [["--agent", "claud"], ["No agent is called `claud` (Did you mean `claude`?)"]],
    [["--branch=-x"], ['The branch cannot be called "-x"', "takes it for an option"]],
    [["--plan", "/etc/passwd"], ["The plan is outside the repository: /etc/passwd"]],
  ])("%j starts nothing", async (args, says) => {
    await using repo = await createRepo({
      files: { "prd.json": good, "registries/validators.json": validatorsText({ one: "test -f one.txt" }) },
    });
    const before = await photo(repo);
    expectRefusal(await capstan(repo, args), 2, says.map(literal));
    expect(await photo(repo)).toEqual(before);
  });
});

function literal(text: string | RegExp): RegExp {
  return typeof text === "string" ? new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)) : text;
}
