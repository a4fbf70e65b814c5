import { chmod, mkdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createAgents } from "../../src/agents/port.ts";
import type { AgentRequest, Clock } from "../../src/loop/ports.ts";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import { type Agent, agentSchema } from "../../src/model/agents.ts";
import { planSchema, type Step } from "../../src/model/plan.ts";
import { pathExists } from "../../src/system/files.ts";
import { systemClock } from "../../src/system/clock.ts";
import { tempDir } from "../support/tmp.ts";
import { waitUntil } from "../support/processes.ts";
import { failures } from "../support/failures.ts";

/** A person's machine in a temporary directory: a home, a PATH of their own programs, and the folders of one iteration. */
async function machine() {
  const dir = await tempDir();
  const at = (...parts: string[]) => join(dir.path, ...parts);
  for (const folder of ["person", "bin", "lane", "iteration", "journal"]) await mkdir(at(folder));
  const env: Record<string, string> = { HOME: at("person"), PATH: `${at("bin")}:/usr/local/bin:/usr/bin:/bin` };
  const program = async (name: string, script: string) => {
    await writeFile(at("bin", name), `#!/bin/sh\n${script}\n`);
    await chmod(at("bin", name), 0o755);
  };
  const personFile = async (path: string, text: string) => {
    await mkdir(join(at("person"), path, ".."), { recursive: true });
    await writeFile(at("person", path), text);
  };
  const request = (agent: Agent, facts: Partial<AgentRequest> = {}): AgentRequest => ({
    agent: {
      id: agent.id,
      version: null,
      reportsCost: agent.reportsCost,
      reportsTokens: true,
      countsAtWork: true,
      fallbackModels: [],
    },
    step: stepOf({}),
    attempt: 1,
    model: null,
    brief: "Write hello.txt\n",
    lane: { dir: at("lane"), base: "", home: at("iteration"), planText: "", progressText: "" },
    mark: `test-${crypto.randomUUID()}`,
    timeoutMs: 20_000,
    idleMs: 20_000,
    caps: { time: null, money: null, tokens: null },
    journalDir: at("journal"),
    signal: new AbortController().signal,
    onEvent: () => {},
    onAnomaly: () => {},
    ...facts,
  });
  return { ...dir, at, env, program, personFile, request, [Symbol.asyncDispose]: dir[Symbol.asyncDispose] };
}

function stepOf(values: Record<string, unknown>): Step {
  return planSchema.parse({ steps: [{ id: "US-001", title: "Say hello", ...values }] }).steps[0]!;
}

function agentOf(values: Record<string, unknown>): Agent {
  const base = { title: "Mock", launch: { binary: ["mock"] }, format: "capstan-jsonl" };
  return { ...agentSchema.parse({ ...base, ...values }), id: "mock" };
}

const ended = `echo '{"kind":"end","ok":true,"finalText":"ok"}'`;

describe("choosing an agent", () => {
  test("`auto` is the first that is installed and ready, in the order of the registry", async () => {
    await using box = await machine();
    await box.program("second", "echo second 2.0.1");
    await box.program("third", "echo third 3.1.4-beta.1.");
    const named = (id: string, auto: number, more: Record<string, unknown> = {}): Agent => ({
      ...agentOf({ launch: { binary: [id] }, version: ["--version"], auto, install: `npm install -g ${id}`, ...more }),
      id,
    });
    const agents = [
      named("third", 3),
      named("second", 2, { ready: [{ env: "SECOND_KEY" }], login: "set SECOND_KEY" }),
      named("first", 1),
    ];
    const port = createAgents({ failures, agents, env: box.env, clock: systemClock });
    expect(await port.choose("auto", stepOf({}))).toEqual({
      ok: true,
      agent: {
        id: "third",
        version: "3.1.4-beta.1",
        reportsCost: false,
        reportsTokens: true,
        countsAtWork: true,
        fallbackModels: [],
      },
      among: ["first", "second", "third"],
    });

    const alone = createAgents({ failures, agents: agents.slice(1), env: box.env, clock: systemClock });
    expect(await alone.choose("auto", stepOf({}))).toEqual({
      ok: false,
      misses: [
        {
          agent: "first",
          kind: "not-installed",
          why: "Mock is not installed: `first` is not on PATH",
          fix: "npm install -g first",
        },
        { agent: "second", kind: "not-logged-in", why: "Mock is not logged in", fix: "set SECOND_KEY" },
      ],
    });
  });

  test("what has no place in the order is never taken by `auto`", async () => {
    await using box = await machine();
    await box.program("mock", "true");
    const port = createAgents({ failures, agents: [agentOf({})], env: box.env, clock: systemClock });
    expect(await port.choose("auto", stepOf({}))).toEqual({ ok: false, misses: [] });
    expect(await port.choose("mock", stepOf({}))).toMatchObject({ ok: true });
  });

  test("an unknown name suggests the nearest", async () => {
    const port = createAgents({ failures, agents: [{ ...agentOf({}), id: "claude" }], env: {}, clock: systemClock });
    expect(await port.choose("cluade", stepOf({}))).toMatchObject({ misses: [{ fix: "did you mean `claude`?" }] });
    expect(await port.choose("xyzzy", stepOf({}))).toMatchObject({
      misses: [{
        fix: "use one of auto, claude; what registries/agents.json declares from now on counts at the next start",
      }],
    });
  });

  test("a program that does not start is a miss with its own words", async () => {
    await using box = await machine();
    await box.program("mock", "echo 'SyntaxError: this needs Node 22' >&2; exit 1");
    const port = createAgents({
      failures,
      agents: [agentOf({ version: ["--version"] })],
      env: box.env,
      clock: systemClock,
    });
    expect(await port.choose("mock", stepOf({}))).toMatchObject({
      misses: [{ why: expect.stringContaining("ended with exit code 1: SyntaxError: this needs Node 22") }],
    });
  });

  test("it is looked up once", async () => {
    await using box = await machine();
    await box.program("mock", `echo x >> ${box.at("asked")}; echo 1.2.3`);
    const port = createAgents({
      failures,
      agents: [agentOf({ version: ["--version"], auto: 1 })],
      env: box.env,
      clock: systemClock,
    });
    for (const name of ["auto", "mock", "auto", "mock"]) await port.choose(name, stepOf({}));
    expect(await readFile(box.at("asked"), "utf8")).toBe("x\n");
  });

  test("`command` and `tape` need what they run", async () => {
    const agents = [
      { ...agentOf({ launch: { step: "command" } }), id: "command" },
      { ...agentOf({ launch: { module: "tape" } }), id: "tape" },
    ];
    const port = createAgents({ failures, agents, env: {}, clock: systemClock });
    expect(await port.choose("command", stepOf({}))).toMatchObject({
      misses: [{ why: "step US-001 has no `command` to run" }],
    });
    expect(await port.choose("command", stepOf({ command: "true" }))).toMatchObject({ ok: true });
    expect(await port.choose("tape", stepOf({}))).toMatchObject({
      misses: [{ why: "step US-001 has no `tape` to play" }],
    });
  });
});

/** Runs a shell script as an agent and returns everything about it. */
async function runScript(
  box: Awaited<ReturnType<typeof machine>>,
  script: string,
  values: Record<string, unknown> = {},
  facts: Partial<AgentRequest> = {},
  clock: Clock = systemClock,
) {
  await box.program("mock", script);
  const agent = agentOf(values);
  const port = createAgents({ failures, agents: [agent], env: box.env, clock });
  const choice = await port.choose(agent.id, stepOf({}));
  if (!choice.ok) throw new Error(JSON.stringify(choice.misses));
  const events: AgentEvent[] = [];
  const report = await port.run(box.request(agent, { ...facts, onEvent: (event) => events.push(event) }));
  return { report, events };
}

describe("a run", () => {
  test("gives the brief on standard input and streams what the agent says", async () => {
    await using box = await machine();
    const { report, events } = await runScript(
      box,
      `read line; echo '{"kind":"text","text":"'"$line in $(pwd)"'"}'
       echo '{"kind":"usage","usage":{"inputTokens":1,"outputTokens":2,"cacheReadTokens":3,"cacheWriteTokens":4}}'
       echo '{"kind":"cost","usd":0.5}'
       printf '%s\\n' '{"kind":"end","ok":true,"finalText":"Done\\n<promise>COMPLETE</promise>"}'`,
    );
    expect(report).toMatchObject({
      end: { kind: "finished", saidComplete: true },
      exit: { kind: "code", code: 0 },
      usage: { inputTokens: 1, outputTokens: 2, cacheReadTokens: 3, cacheWriteTokens: 4 },
      costUsd: 0.5,
    });
    expect(events[0]).toEqual({ kind: "text", text: `Write hello.txt in ${box.at("lane")}` });
    expect(events.map(({ kind }) => kind)).toEqual(["text", "usage", "cost", "end"]);
  });

  test("gets a fresh home: no file of the person, and nothing of the person's environment that is not allowed", async () => {
    await using box = await machine();
    await box.personFile(".mock/notes.md", "remember");
    await box.personFile(".cargo/bin/cargo", "");
    Object.assign(box.env, {
      MOCK_KEY: "k",
      MOCK_DIR: box.at("person", ".mock"),
      OTHER_SECRET: "s",
      EDITOR: "vi",
      SSH_AUTH_SOCK: "/tmp/ssh",
      HTTPS_PROXY: "http://proxy",
      LC_ALL: "C",
    });
    const { report } = await runScript(
      box,
      `env > "${box.at("env")}"; ls -A "$HOME" "$MOCK_DIR" > "${box.at("ls")}"; ${ended}`,
      {
        passEnv: ["MOCK_*"],
        env: { MOCK_TIMEOUT: "{env.MOCK_TIMEOUT|30}", MOCK_ABSENT: "{env.NOPE}" },
        home: { dirs: { MOCK_DIR: ".mock" }, files: { ".mock/settings.json": { auth: "{login}", list: [1] } } },
        ready: [{ env: "NOT_SET" }, { env: "MOCK_KEY", login: "key", set: { MOCK_TOKEN: "{env.MOCK_KEY}" } }],
      },
    );
    expect(report.end.kind).toBe("finished");
    const env = Object.fromEntries(
      (await readFile(box.at("env"), "utf8")).trim().split("\n").map((line) => line.split("=")),
    );
    expect(env).toMatchObject({
      HOME: box.at("iteration", "home"),
      TMPDIR: box.at("iteration", "tmp"),
      MOCK_DIR: box.at("iteration", "home", ".mock"),
      CARGO_HOME: box.at("person", ".cargo"),
      MOCK_KEY: "k",
      MOCK_TOKEN: "k",
      MOCK_TIMEOUT: "30",
      HTTPS_PROXY: "http://proxy",
      LC_ALL: "C",
      CAPSTAN_STEP: "US-001",
      TERM: "dumb",
    });
    for (const name of ["OTHER_SECRET", "EDITOR", "SSH_AUTH_SOCK", "MOCK_ABSENT", "RUSTUP_HOME"]) {
      expect(env).not.toHaveProperty(name);
    }
    expect(await readFile(box.at("ls"), "utf8")).not.toContain("notes.md");
    expect(JSON.parse(await readFile(box.at("iteration/home/.mock/settings.json"), "utf8"))).toEqual({
      auth: "key",
      list: [1],
    });
  });

  test("shares the login with the person, and a token that the agent renewed flows back", async () => {
    await using box = await machine();
    await box.personFile(".mock/auth.json", `{"token":"old"}`);
    await box.personFile(".mock/config.toml", "model = 1");
    const values = {
      home: { share: [".mock/auth.json"], copy: [".mock/config.toml", ".mock/absent"] },
      ready: [{ file: ".mock/auth.json" }],
    };
    const script =
      `printf '{"token":"new"}' > "$HOME/next"; mv "$HOME/next" "$HOME/.mock/auth.json"; echo spoiled > "$HOME/.mock/config.toml"; ${ended}`;
    await runScript(box, script, values);
    expect(await readFile(box.at("person/.mock/auth.json"), "utf8")).toBe(`{"token":"new"}`);
    expect(await readFile(box.at("person/.mock/config.toml"), "utf8")).toBe("model = 1");
  });

  test("takes no login back that is none, or that the person renewed meanwhile", async () => {
    await using box = await machine();
    await box.personFile(".mock/auth.json", `{"token":"old"}`);
    const values = { home: { share: [".mock/auth.json"] } };
    await runScript(box, `echo broken > "$HOME/x"; mv "$HOME/x" "$HOME/.mock/auth.json"; ${ended}`, values);
    expect(await readFile(box.at("person/.mock/auth.json"), "utf8")).toBe(`{"token":"old"}`);

    await using other = await machine();
    await other.personFile(".mock/auth.json", `{"token":"old"}`);
    const script = `echo '{"token":"mine"}' > "$HOME/x"; mv "$HOME/x" "$HOME/.mock/auth.json"
      echo '{"token":"theirs"}' > "${other.at("person/.mock/auth.json")}"; ${ended}`;
    await runScript(other, script, values);
    expect(await readFile(other.at("person/.mock/auth.json"), "utf8")).toBe(`{"token":"theirs"}\n`);
  });

  test("finds a login that a variable moved elsewhere", async () => {
    await using box = await machine();
    await mkdir(box.at("elsewhere"));
    await writeFile(box.at("elsewhere", "auth.json"), "{}");
    box.env.MOCK_DIR = box.at("elsewhere");
    const values = {
      home: { dirs: { MOCK_DIR: ".mock" }, share: [".mock/auth.json"] },
      ready: [{ file: ".mock/auth.json" }],
    };
    const { report } = await runScript(box, `test -e "$MOCK_DIR/auth.json" && ${ended}`, values);
    expect(report.end.kind).toBe("finished");
    expect(await readlink(box.at("iteration/home/.mock/auth.json"))).toBe(box.at("elsewhere/auth.json"));
  });

  test("may live in the person's own home", async () => {
    await using box = await machine();
    box.env.MOCK_DIR = "/somewhere";
    const { report } = await runScript(
      box,
      `test "$HOME" = "${box.at("person")}" && test "$MOCK_DIR" = /somewhere && ${ended}`,
      { agentHome: "user", home: { dirs: { MOCK_DIR: ".mock" } } },
    );
    expect(report.end.kind).toBe("finished");
    expect(await pathExists(box.at("iteration/home"))).toBe(false);
  });

  test("is written to the journal without secrets", async () => {
    await using box = await machine();
    Object.assign(box.env, { MOCK_API_KEY: "sk-secret", HTTPS_PROXY: "http://me:hunter2@proxy:8080" });
    await runScript(box, `echo noise >&2; ${ended}`, {
      passEnv: ["MOCK_*"],
      args: ["--brief", "{brief}", { when: "model", args: ["-m", "{model}"] }],
      brief: "argv",
    }, { model: "big" });
    const journal = await readFile(box.at("journal/argv.json"), "utf8");
    expect(JSON.parse(journal)).toMatchObject({
      argv: [box.at("bin/mock"), "--brief", "(the brief)", "-m", "big"],
      env: { MOCK_API_KEY: "(hidden)", HTTPS_PROXY: "http://[redacted]@proxy:8080" },
    });
    expect(journal).not.toMatch(/sk-secret|hunter2|Write hello/);
    expect(await readFile(box.at("journal/output.log"), "utf8")).toContain("noise\n");
  });

  test("that talks without end is heard to the end, but not passed on whole", async () => {
    await using box = await machine();
    const flood = `i=0; while [ $i -lt 25000 ]; do echo '{"kind":"text","text":"x"}'; i=$((i+1)); done; ${ended}`;
    const { report, events } = await runScript(box, flood);
    expect(report.end.kind).toBe("finished");
    expect(events.length).toBe(20_001);
    expect(events.at(-1)?.kind).toBe("end");
  });

  test("that says it is done and does not go is ended, and its word counts", async () => {
    await using box = await machine();
    const hurried: Clock = { now: () => Date.now(), sleep: (ms, signal) => systemClock.sleep(ms / 300, signal) };
    const { report } = await runScript(box, `${ended}; exec sleep 600`, {}, {}, hurried);
    expect(report).toMatchObject({
      end: { kind: "finished", finalText: "ok" },
      exit: { why: { kind: "completion", limitMs: 60_000 } },
    });
  });

  test("that works in silence inside a tool call is left alone; one that is silent while thinking is not", async () => {
    await using box = await machine();
    const start = `echo '{"kind":"tool-start","id":"1","name":"sh","detail":"make"}'`;
    const working = await runScript(
      box,
      `${start}; sleep 1.2; echo '{"kind":"tool-end","id":"1","ok":true}'; ${ended}`,
      {},
      { idleMs: 600 },
    );
    expect(working.report.end.kind).toBe("finished");
    await using other = await machine();
    const thinking = await runScript(other, `echo '{"kind":"text","text":"hm"}'; sleep 600`, {}, { idleMs: 300 });
    expect(thinking.report.end).toEqual({ kind: "stalled", limitMs: 300 });
  });

  test("that only asks its provider again and again is ended, however much it prints", async () => {
    await using box = await machine();
    const asks = `while :; do echo '{"kind":"retry","message":"429 Too Many Requests"}'; sleep 0.05; done`;
    const { report } = await runScript(box, asks, {}, { idleMs: 400 });
    expect(report.end).toMatchObject({ kind: "limited", fault: { class: "rate-limit" } });
  });

  test("whose format does not announce tool calls may be silent for as long as one may be", async () => {
    await using box = await machine();
    const { report } = await runScript(box, "sleep 1.2; echo done", { format: "text" }, { idleMs: 600 });
    expect(report.end).toMatchObject({ kind: "finished", finalText: "done" });
  });

  test("is told the least of what it may still spend, in the words of its own budget option", async () => {
    await using box = await machine();
    const money = { scope: "day", limit: "money", used: 19.5, allowed: 20, left: 0.5 } as const;
    const told = `echo '{"kind":"text","text":"'"$*"'"}'; ${ended}`;
    const args = { args: [{ when: "budgetUsd", args: ["--max-budget-usd", "{budgetUsd}"] }] };
    const limited = await runScript(box, told, args, { caps: { time: null, money, tokens: null } });
    expect(limited.events[0]).toEqual({ kind: "text", text: "--max-budget-usd 0.5000" });
    expect((await runScript(box, told, args)).events[0]).toEqual({ kind: "text", text: "" });
  });

  test("that is interrupted says so", async () => {
    await using box = await machine();
    const controller = new AbortController();
    const running = runScript(box, `echo > "${box.at("started")}"; exec sleep 600`, {}, { signal: controller.signal });
    await waitUntil(() => pathExists(box.at("started")));
    controller.abort({ kind: "interrupted", signal: "SIGINT" });
    expect((await running).report.end).toEqual({ kind: "interrupted", signal: "SIGINT" });
  });

  test("that can't have a home is a report, not a crash", async () => {
    await using box = await machine();
    const agent = agentOf({});
    await box.program("mock", ended);
    await writeFile(box.at("file"), "");
    const port = createAgents({ failures, agents: [agent], env: box.env, clock: systemClock });
    await port.choose("mock", stepOf({}));
    const request = box.request(agent);
    const report = await port.run({ ...request, lane: { ...request.lane, home: box.at("file") } });
    expect(report).toMatchObject({ end: { kind: "agent-error" }, exit: { kind: "spawn-failed", errno: "ENOTDIR" } });
  });
});

describe("a step's own command", () => {
  const agent: Agent = {
    ...agentSchema.parse({
      title: "Command",
      launch: { step: "command" },
      brief: "none",
      format: "text",
      passEnv: ["*"],
      agentHome: "user",
    }),
    id: "command",
  };

  test.each([
    ["a string through the shell", `echo "$ANYTHING from $CAPSTAN_STEP" && head -n 1 "$CAPSTAN_BRIEF_FILE"`],
    ["a list as it is", ["sh", "-c", `echo "$ANYTHING from $CAPSTAN_STEP" && head -n 1 "$CAPSTAN_BRIEF_FILE"`]],
  ])("runs %s, costs nothing, and is finished by exit code 0", async (_, command) => {
    await using box = await machine();
    box.env.ANYTHING = "hello";
    const port = createAgents({ failures, agents: [agent], env: box.env, clock: systemClock });
    const step = stepOf({ command });
    await port.choose("command", step);
    expect(await port.run(box.request(agent, { step }))).toMatchObject({
      end: { kind: "finished", finalText: "hello from US-001\nWrite hello.txt" },
      costUsd: 0,
    });
  });

  test("that fails is an agent error with its last words", async () => {
    await using box = await machine();
    const port = createAgents({ failures, agents: [agent], env: box.env, clock: systemClock });
    const step = stepOf({ command: "echo no such codemod >&2; exit 3" });
    await port.choose("command", step);
    expect((await port.run(box.request(agent, { step }))).end).toMatchObject({
      kind: "agent-error",
      fault: { message: "ended with exit code 3: no such codemod" },
    });
  });
});
