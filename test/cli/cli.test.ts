import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { exitCodes } from "../../src/model/halt.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, type CliResult } from "./cli.ts";

const onDeno = "Deno" in globalThis;
const plan = (over: Record<string, unknown> = {}, steps?: unknown[]) =>
  `${
    JSON.stringify(
      {
        project: "Shop",
        branchName: "work",
        ...over,
        userStories: steps ?? [
          { id: "US-001", title: "First", priority: 1, passes: false },
          { id: "US-002", title: "Gate", priority: 2, passes: false, type: "gate" },
        ],
      },
      null,
      2,
    )
  }\n`;

describe("without a plan to change", () => {
  let repo: TestRepo;
  beforeAll(async () => {
    repo = await createRepo({ files: { "prd.json": plan(), "Makefile": "test:\n\ttrue\n" } });
  });
  afterAll(async () => await repo[Symbol.asyncDispose]());
  const run = (...args: string[]): Promise<CliResult> => capstan({ cwd: repo.dir, env: repo.env }, ...args);

  test("--help names every command, option and exit code", async () => {
    const { code, out, err } = await run("--help");
    expect(code).toBe(0);
    expect(err).toBe("");
    const names = "status approve reject answer reopen brief explain log validate init import quickstart doctor";
    for (const name of names.split(" ")) expect(out).toMatch(new RegExp(`^  ${name} `, "m"));
    const flags =
      "once max-iterations max-time max-cost max-wait step agent branch dry-run push no-checkout json quiet verbose";
    for (const flag of flags.split(" ")) expect(out).toContain(`--${flag}`);
    for (const exitCode of new Set(Object.values(exitCodes))) {
      expect(out).toMatch(new RegExp(`^  ${exitCode} +\\S`, "m"));
    }
    expect(out).toMatch(/-C <dir>[\s\S]*--plan <file>[\s\S]*Examples:/);
  });

  test.skipIf(onDeno)(
    "--help loads no schema, no process library and no agent (not on Deno: seen by module hooks)",
    async () => {
      const hook = `import { registerHooks } from "node:module"; registerHooks({ resolve(name, context, next) {
      const found = next(name, context); process.stderr.write(found.url + "\\n"); return found; } });`;
      const runtime = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`];
      const { code, err } = await capstan({ cwd: repo.dir, env: repo.env, runtime }, "--help");
      expect(code).toBe(0);
      expect(err).toContain("/commander/");
      expect(err).not.toMatch(/node_modules\/(zod|execa|@anthropic-ai|log-update|diff|jsonc-parser)\//);
    },
  );

  const mistakes: [string[], RegExp, RegExp][] = [
    [["--max-iteration", "3"], /Unknown option "--max-iteration"/, /did you mean --max-iterations\?/],
    [["statsu"], /Unknown command "statsu"/, /did you mean status\?/],
    [["--max-time", "90"], /needs a unit: 90s, 90m or 90h/, /--help/],
    [["--max-iterations", "0"], /whole number of at least 1/, /--help/],
    [["approve"], /Missing required argument "gate"/, /--help/],
    [["explain", "US-01"], /no step "US-01"/, /did you mean US-001\?/],
    [["explain", "nonsense"], /no step "nonsense"/, /status lists all steps/],
  ];
  test.each(mistakes)("%j is one message with a hint, exit 2", async (args, message, hint) => {
    const { code, out, err } = await run(...args);
    expect(code).toBe(2);
    expect(out).toBe("");
    expect(err).toMatch(message);
    expect(err).toMatch(hint);
    expect(err.trimEnd().split("\n")).toHaveLength(2);
  });

  test("flags that exclude each other start nothing", async () => {
    const { code, err } = await run("--once", "--max-iterations", "2");
    expect(code).toBe(2);
    expect(err).toContain("exclude each other");
  });

  test("status shows where every step stands, for people and as JSON, and changes nothing", async () => {
    const before = await repo.git("for-each-ref");
    const text = await run("status");
    expect(text.code).toBe(0);
    expect(text.out).toMatch(/US-001 +First +ready/);
    expect(text.out).toContain("0 of 2 steps pass");
    const { out } = await run("status", "--json");
    const view = JSON.parse(out) as { v: number; next: string; summary: { steps: { id: string }[] } };
    expect(view.v).toBe(1);
    expect(view.next).toBe("US-001");
    expect(view.summary.steps.map(({ id }) => id)).toEqual(["US-001", "US-002"]);
    expect(await repo.git("for-each-ref")).toBe(before);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("a gate that is not reached cannot be approved, and it says why", async () => {
    const { code, err } = await run("approve", "US-002");
    expect(code).toBe(2);
    expect(err).toContain("US-002 is not reached yet: US-001 is not done");
    expect((await run("approve", "US-001")).err).toContain("is not a gate");
  });

  test("an answer needs a question, and a reopened step something to reopen", async () => {
    expect((await run("answer", "US-001", "yes")).err).toContain("US-001 has asked nothing");
    expect((await run("reopen", "US-001")).err).toContain("is open already");
  });

  test("brief prints the prompt on stdout and its sizes on stderr", async () => {
    const { code, out, err } = await run("brief", "--step", "US-001");
    expect(code).toBe(0);
    expect(out).toContain("First");
    expect(err).toMatch(/^Brief of US-001, attempt 1: /);
    expect((await run("brief", "--step", "US-002")).code).toBe(2);
  });

  test("hints carry -C and --plan", async () => {
    const { err } = await capstan(
      { cwd: repo.base, env: repo.env },
      "-C",
      "repo",
      "--plan",
      "prd.json",
      "answer",
      "US-001",
      "x",
    );
    expect(err).toMatch(/-C repo --plan prd\.json status/);
  });

  test("a directory that is no repository is one message", async () => {
    const { code, err } = await run("-C", repo.base, "status");
    expect(code).toBe(2);
    expect(err).toContain("Not a git repository");
    expect(err).not.toMatch(/^\s+at /m);
  });

  test("log says that nothing has happened", async () => {
    expect(await run("log")).toMatchObject({ code: 0, out: "Nothing has happened yet\n" });
  });

  test("doctor tells what is there and what is missing", async () => {
    const { code, out } = await run("doctor");
    expect([0, 6]).toContain(code);
    expect(out).toMatch(/git +\d+\.\d+/);
    expect(out).toMatch(/Plan +prd\.json: 0 of 2 steps pass/);
    expect(out).toMatch(/claude/);
    expect(out).toContain("not tested: rests on its documentation only");
  });
});

test("validate lists every problem of plan and registries in one message", async () => {
  await using repo = await createRepo({
    files: {
      "prd.json": plan({}, [
        { id: "US-001", title: "A", needs: ["US-9"], agent: "clade" },
        { id: "US-001", title: "B" },
      ]),
      "registries/validators.json": `{ "test": { "comand": "true" } }\n`,
    },
  });
  const { code, err } = await capstan({ cwd: repo.dir, env: repo.env }, "validate");
  expect(code).toBe(2);
  expect(err).toMatch(/prd\.json:\d+ userStories\[0\]\.needs\[0\]/);
  expect(err).toMatch(/prd\.json:\d+ userStories\[1\]\.id/);
  expect(err).toMatch(/registries\/validators\.json:1/);
});

test("validate says what would be converted", async () => {
  const tasks = JSON.stringify({ project: "x", tasks: [{ id: "a", title: "A", status: "done" }] });
  await using repo = await createRepo({ files: { "prd.json": tasks } });
  const { code, out } = await capstan({ cwd: repo.dir, env: repo.env }, "validate");
  expect(code).toBe(0);
  expect(out).toMatch(/1 step, 1 passed\n {4}\S/);
});

test("validate and the start of a run name the keys that change nothing yet, once", async () => {
  const steps = [{ id: "A", title: "a", tier: "heavy", agent: "command", command: "true", trust: "agent" }];
  await using repo = await createRepo({ files: { "prd.json": plan({ workflow: "squad" }, steps) } });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  const { code, out } = await run("validate");
  expect(code).toBe(0);
  expect(out).toMatch(/not used yet.*\n +`workflow`\n +`tier` of A\n/);
  const loop = await run();
  expect(loop.out.match(/not used yet/g)).toHaveLength(1);
  expect((await run("--help")).out.replaceAll(/\s+/g, " ")).toContain("except for steps that run a command or a tape");
});

test("what `auto` came to is told once in a run, and what a landing took and cost is in its event", async () => {
  const mine = {
    title: "Mine",
    launch: { binary: ["sh"] },
    args: ["-c", "date +%N > stamp.txt"],
    format: "text",
    auto: 1,
  };
  const steps = ["A", "B"].map((id) => ({ id, title: id, trust: "agent" }));
  await using repo = await createRepo({
    files: { "prd.json": plan({}, steps), "registries/agents.json": JSON.stringify({ mine }) },
  });
  const { code, out } = await capstan({ cwd: repo.dir, env: repo.env }, "--json");
  expect(code, out).toBe(0);
  const events = out.trim().split("\n").map((line) => JSON.parse(line) as Event);
  const chosen = events.filter((event) => event.kind === "notice" && event.notice.kind === "agent-chosen");
  expect(chosen).toMatchObject([{
    notice: { agent: "mine", among: expect.arrayContaining(["mine", "claude"]) as string[] },
  }]);
  const landed = events.filter((event) => event.kind === "landed");
  expect(landed).toMatchObject([{ step: "A", costUsd: null }, { step: "B", costUsd: null }]);
  expect(landed.every(({ durationMs }) => durationMs > 0)).toBe(true);
  const folders = (await readdir(join(repo.dir, ".capstan", "runs"), { recursive: true })).filter((name) =>
    name.endsWith("verdict.json")
  );
  expect(folders).toHaveLength(2);
});

test("what is detected is what the branch holds, not what lies in the checkout", async () => {
  await using repo = await createRepo({
    files: {
      "prd.json": plan(),
      "package.json": `{ "scripts": { "test": "true" } }`,
      "pnpm-lock.yaml": "",
    },
  });
  await rm(join(repo.dir, "pnpm-lock.yaml"));
  const { out } = await capstan({ cwd: repo.dir, env: repo.env }, "brief");
  expect(out).toContain("`pnpm run test`");
});

describe("init", () => {
  test("works without a package.json and says what it found", async () => {
    const pyproject = "[tool.pytest.ini_options]\n";
    await using repo = await createRepo({ files: { "pyproject.toml": pyproject } });
    const { code, out } = await capstan({ cwd: repo.dir, env: repo.env }, "init");
    expect(code).toBe(0);
    expect(out).toContain("pytest: python3 -m pytest");
    expect(Object.keys(JSON.parse(await repo.read("registries/validators.json")) as object)).toEqual(["pytest"]);
    expect(existsSync(join(repo.dir, "package.json"))).toBe(false);
    expect((await capstan({ cwd: repo.dir, env: repo.env }, "validate")).code).toBe(0);
  });

  test("adds a script and keeps every other byte of package.json", async () => {
    const text = `{\n\t"name": "x",\n\t"scripts": {\n\t\t"test": "node --test"\n\t}\n}\n`;
    await using repo = await createRepo({ files: { "package.json": text } });
    await capstan({ cwd: repo.dir, env: repo.env }, "init");
    expect(await repo.read("package.json")).toBe(
      `{\n\t"name": "x",\n\t"scripts": {\n\t\t"test": "node --test",\n\t\t"loop": "capstan"\n\t}\n}\n`,
    );
  });

  test("overwrites nothing", async () => {
    const files = {
      "prd.json": plan(),
      "registries/validators.json": `{ "mine": { "command": "true" } }\n`,
      "package.json": `{"scripts":{"loop":"./mine"}}\n`,
    };
    await using repo = await createRepo({ files });
    const { code } = await capstan({ cwd: repo.dir, env: repo.env }, "init");
    expect(code).toBe(0);
    expect(await repo.git("status", "--porcelain")).toBe("");
  });
});

test("import writes a plan that validates, and never over an existing file", async () => {
  await using repo = await createRepo({ files: { "todo.md": "# Shop\n\n- [ ] Add a cart\n- [x] Add a door\n" } });
  const run = (...args: string[]) => capstan({ cwd: repo.dir, env: repo.env }, ...args);
  expect((await run("import", "todo.md")).code).toBe(0);
  expect((await run("validate")).code).toBe(0);
  const again = await run("import", "todo.md");
  expect(again.code).toBe(2);
  expect(again.err).toContain("prd.json exists already");
  expect((await run("import", "nothing.md")).err).toContain("Cannot read nothing.md");
});

test.skipIf(onDeno)(
  "a bug is reported once, with version and what to do, exit 70 (not on Deno: made by module hooks)",
  async () => {
    await using repo = await createRepo();
    const hook = `import { registerHooks } from "node:module"; registerHooks({ load(url, context, next) {
    if (!/cli\\/log\\.ts$/.test(url)) return next(url, context);
    return { format: "module", shortCircuit: true, source: "export function log() { throw new Error('boom') }" }; } });`;
    const runtime = ["--import", `data:text/javascript,${encodeURIComponent(hook)}`];
    const { code, err } = await capstan({ cwd: repo.dir, env: repo.env, runtime }, "log");
    expect(code).toBe(70);
    expect(err).toMatch(/Internal error: boom\n {2}Capstan \d+\.\d+\.\d+, Node v\d+/);
    expect(err).toMatch(/doctor +its output and the lines above belong into the report/);
  },
);

describe.skipIf(onDeno)("the entry on other machines (not on Deno: it is Node's)", () => {
  const pretend = (facts: string) => [
    "--import",
    `data:text/javascript,${encodeURIComponent(`Object.defineProperties(process, { ${facts} });`)}`,
  ];
  const oldNode = `versions: { value: { ...process.versions, node: "20.1.0" } }`;

  test("an old Node hands over to the bundled one", async () => {
    await using repo = await createRepo();
    const { code, out } = await capstan({ cwd: repo.dir, env: repo.env, runtime: pretend(oldNode) }, "--version");
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string });
    const failed = await capstan({ cwd: repo.dir, env: repo.env, runtime: pretend(oldNode) }, "nonsense");
    expect(failed.code).toBe(2);
  });

  test("an old Node without a bundled one is one line, exit 2", async () => {
    await using repo = await createRepo();
    const runtime = pretend(`${oldNode}, arch: { value: "mips" }`);
    const { code, out, err } = await capstan({ cwd: repo.dir, env: repo.env, runtime }, "status");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^Capstan needs Node 24 or newer.*\n$/);
  });

  test("Windows itself is one line, exit 2", async () => {
    await using repo = await createRepo();
    const { code, err } = await capstan({
      cwd: repo.dir,
      env: repo.env,
      runtime: pretend(`platform: { value: "win32" }`),
    });
    expect(code).toBe(2);
    expect(err).toMatch(/^Capstan does not run on Windows itself.*WSL2.*\n$/);
  });
});
