import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { nativeBehind } from "../../src/agents/launch.ts";
import { probeAgents } from "../../src/agents/probe.ts";
import { argumentsOf, flagsOf } from "../../src/agents/template.ts";
import { agentSchema, agentsSchema, mergeAgent } from "../../src/model/agents.ts";
import { tempDir } from "../support/tmp.ts";

const shipped = JSON.parse(await readFile(join(import.meta.dirname, "../../registries/agents.json"), "utf8")) as Record<
  string,
  unknown
>;
const agents = agentsSchema.parse(shipped);

describe("the registry that comes with Capstan", () => {
  test("declares every agent, and `auto` looks in the documented order", () => {
    expect(Object.keys(agents).toSorted()).toEqual(
      ["amp", "builtin", "claude", "codex", "command", "copilot", "cursor", "gemini", "opencode", "pi", "tape"],
    );
    const order = Object.entries(agents).filter(([, { auto }]) => auto !== undefined).toSorted((a, b) =>
      a[1].auto! - b[1].auto!
    );
    expect(order.map(([id]) => id)).toEqual(["claude", "codex", "gemini", "copilot", "opencode", "pi", "builtin"]);
  });

  test("says which agents were never run", () => {
    const untested = Object.entries(agents).filter(([, { tested }]) => tested !== true).map(([id]) => id);
    expect(untested).toEqual(["amp", "cursor"]);
  });

  test("tells a person how to get and how to enter every agent of `auto`", () => {
    for (const [id, agent] of Object.entries(agents).filter(([, { auto }]) => auto !== undefined)) {
      expect([id, agent.login]).not.toEqual([id, ""]);
      if ("binary" in agent.launch) expect([id, agent.install]).not.toEqual([id, ""]);
    }
  });

  test("never hands the brief over as an argument: it may be longer than one can be", () => {
    for (const agent of Object.values(agents)) expect(argumentsOf(agent, {}).join(" ")).not.toContain("{brief}");
  });

  test("shortens the retries of every CLI that has a knob for it", () => {
    expect(agents.claude?.env).toMatchObject({
      CLAUDE_CODE_MAX_RETRIES: "{env.CLAUDE_CODE_MAX_RETRIES|4}",
      API_TIMEOUT_MS: "{env.API_TIMEOUT_MS|180000}",
      CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: "{env.CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS|180000}",
    });
    expect(argumentsOf(agents.codex!, {})).toContain("features.unbounded_connection_retries=false");
    expect(agents.gemini?.home.files[".gemini/settings.json"]).toMatchObject({ general: { maxAttempts: 4 } });
    expect(agents.opencode?.env).toMatchObject({ OPENCODE_DISABLE_AUTOCOMPACT: "1" });
  });

  test("builds the measured command lines", () => {
    const line = (id: string, values = {}) => argumentsOf(agents[id]!, values).join(" ");
    expect(line("claude", { model: "opus", budgetUsd: "2" })).toBe(
      "-p --output-format stream-json --verbose --dangerously-skip-permissions --model opus --max-budget-usd 2",
    );
    expect(line("codex", { model: "gpt-5.5", "env.OPENAI_BASE_URL": "http://x/v1" })).toMatch(
      /^exec --json --dangerously-bypass-approvals-and-sandbox --skip-git-repo-check .* -c openai_base_url="http:\/\/x\/v1" --model gpt-5.5 -$/,
    );
    expect(line("gemini")).toBe("--output-format stream-json --yolo --skip-trust");
    expect(line("opencode", { model: "a/b" })).toBe("run --format json --title capstan --auto --model a/b");
    expect(line("pi")).toBe("-p --mode json --no-session");
    expect(line("tape", { tape: "/lane/t.json", attempt: "2" })).toBe("--tape /lane/t.json --attempt 2");
  });
});

describe("a person's own registry", () => {
  test("changes only the keys that it gives, deeply", () => {
    const entry = mergeAgent(
      "codex",
      { home: { files: { ".codex/config.toml": "model = 1" } }, stop: null, ready: [] },
      shipped,
    );
    expect(agentSchema.parse(entry)).toMatchObject({
      home: {
        dirs: { CODEX_HOME: ".codex" },
        files: { ".codex/config.toml": "model = 1" },
        share: [".codex/auth.json"],
      },
      stop: { signal: "SIGTERM" },
      ready: [],
      format: "codex-jsonl",
    });
  });

  test("may start a new agent from another, with another program", () => {
    const entry = mergeAgent("mine", { extends: "claude", title: "Mine", launch: { binary: ["mine"] } }, shipped);
    const parsed = agentSchema.parse(entry);
    expect(parsed).toMatchObject({
      title: "Mine",
      launch: { binary: ["mine"], native: [] },
      format: "claude-stream-json",
    });
    expect(parsed).not.toHaveProperty("extends");
  });

  test("can't start from an agent that is not there", () => {
    const parsed = agentsSchema.safeParse({ mine: mergeAgent("mine", { extends: "cluade", title: "Mine" }, shipped) });
    expect(parsed.error?.issues).toContainEqual(
      expect.objectContaining({ path: ["mine", "extends"], message: "names no built-in agent" }),
    );
  });

  test("a new agent needs little", () => {
    const parsed = agentsSchema.safeParse({ mine: { title: "Mine", launch: { binary: ["mine"] }, format: "text" } });
    expect(parsed.success).toBe(true);
  });

  test.each([
    [{ comand: ["x"] }, "Unrecognized key"],
    [{ format: "xml" }, "Invalid option"],
    [{ home: { share: ["../../etc/passwd"] } }, "must stay below the home directory"],
    [{ passEnv: ["A-B"] }, "must be the name of an environment variable"],
    [{ ready: [{ env: "A", file: "b" }] }, "needs exactly one of"],
  ])("%j is refused", (values, message) => {
    const parsed = agentsSchema.safeParse({
      mine: { title: "Mine", launch: { binary: ["mine"] }, format: "text", ...values },
    });
    expect(JSON.stringify(parsed.error?.issues)).toContain(message);
  });
});

describe("the native binary behind an npm loader", () => {
  const candidate = "@vendor/tool-{platform}-{arch}/bin/tool";
  const native = candidate.replace("{platform}", process.platform).replace("{arch}", process.arch);

  async function install(root: string, loader: string, binary: string) {
    for (const path of [loader, binary]) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), "");
    }
    await mkdir(join(root, "bin"));
    await symlink(join(root, loader), join(root, "bin/tool"));
    return join(root, "bin/tool");
  }

  test.each([
    ["hoisted", `lib/node_modules/@vendor/tool/cli.js`, `lib/node_modules/${native}`],
    ["nested", `lib/node_modules/@vendor/tool/dist/cli.js`, `lib/node_modules/@vendor/tool/node_modules/${native}`],
    ["in pnpm's store", `.pnpm/tool@1/node_modules/@vendor/tool/cli.js`, `.pnpm/tool@1/node_modules/${native}`],
  ])("is found %s", async (_, loader, binary) => {
    await using dir = await tempDir();
    const found = await install(dir.path, loader, binary);
    expect(await nativeBehind(found, [candidate])).toBe(join(dir.path, binary));
  });

  test("is not looked for around a program that npm did not install", async () => {
    await using dir = await tempDir();
    const found = await install(dir.path, "share/tool/cli", `node_modules/${native}`);
    expect(await nativeBehind(found, [candidate])).toBeNull();
  });
});

test("doctor hears which of our flags the installed version lacks", async () => {
  await using dir = await tempDir();
  await writeFile(
    join(dir.path, "mock"),
    `#!/bin/sh\ncase $1 in --version) echo 1.2.3;; --help) echo "  --print  --output-format-x  --model <m>";; esac\n`,
    { mode: 0o755 },
  );
  const agent = {
    ...agentSchema.parse({
      title: "Mock",
      launch: { binary: ["mock"] },
      format: "text",
      args: ["--print", "--output-format", "--secret", { when: "model", args: ["--model", "{model}"] }],
      undocumented: ["--secret"],
      version: ["--version"],
      help: ["--help"],
      ready: [{ command: ["sh", "-c", "exit 1"] }, { command: ["true"] }],
    }),
    id: "mock",
  };
  expect(flagsOf(agent)).toEqual(["--print", "--output-format", "--model"]);
  const env = { PATH: `${dir.path}:/usr/bin:/bin` };
  expect(await probeAgents([agent], { env, home: dir.path })).toMatchObject([
    {
      installed: true,
      path: join(dir.path, "mock"),
      version: "1.2.3",
      ready: true,
      way: "true",
      missingFlags: ["--output-format"],
    },
  ]);
});
