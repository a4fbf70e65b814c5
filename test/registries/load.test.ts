import { describe, expect, test } from "vitest";
import { readBuiltInRegistries } from "../../src/registries/built-in.ts";
import { loadRegistries, type RegistryTexts } from "../../src/registries/load.ts";
import { failuresText } from "../support/failures.ts";

const builtIn: RegistryTexts = {
  agents: {
    file: "built-in/agents.json",
    text: JSON.stringify({
      $schema: "s",
      claude: { title: "Claude", launch: { binary: ["claude"] }, format: "text", args: ["-p"] },
    }),
  },
  validators: {
    file: "built-in/validators.json",
    text: '{"produces": {"builtin": "produces"}, "json": {"builtin": "json"}}',
  },
  failures: { file: "built-in/failures.json", text: failuresText },
};

function load(user: { agents?: unknown; validators?: unknown }) {
  const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
  return loadRegistries(builtIn, {
    ...user.agents === undefined ? {} : { agents: { file: "registries/agents.json", text: text(user.agents) } },
    ...user.validators === undefined
      ? {}
      : { validators: { file: "registries/validators.json", text: text(user.validators) } },
  });
}

function loaded(user: { agents?: unknown; validators?: unknown }) {
  const result = load(user);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.registries;
}

function problemsOf(user: { agents?: unknown; validators?: unknown }) {
  const result = load(user);
  return result.ok ? [] : result.problems;
}

describe("a repository's entries lie over ours", () => {
  test("with none of its own, ours hold", () => {
    const { agents, validators } = loaded({});
    expect(agents.map(({ id, args }) => [id, args])).toEqual([["claude", ["-p"]]]);
    expect(validators.map(({ id, origin }) => [id, origin])).toEqual([["produces", "built-in"], ["json", "built-in"]]);
  });

  test("a validator replaces ours as a whole, and `$schema` is no entry", () => {
    const { validators } = loaded({
      validators: { $schema: "x", json: { command: "jq ." }, unit: { command: "npm test" } },
    });
    expect(validators.map(({ id, origin, command }) => [id, origin, command])).toEqual([
      ["produces", "built-in", undefined],
      ["json", "registry", "jq ."],
      ["unit", "registry", "npm test"],
    ]);
    expect(validators[2]).toMatchObject({ timeoutMinutes: 10, protects: [] });
  });

  test("an agent changes only the keys that it gives", () => {
    const { agents } = loaded({
      agents: { claude: { agentHome: "user" }, mine: { title: "Mine", launch: { binary: ["mine"] }, format: "text" } },
    });
    expect(agents.map(({ id, agentHome, args }) => [id, agentHome, args])).toEqual([["claude", "user", ["-p"]], [
      "mine",
      "fresh",
      [],
    ]]);
  });
});

describe("each problem is told with file, path, line and hint", () => {
  test.each([
    ["validators", "[1]", "", 1, "A registry is an object, this file holds something else", undefined],
    [
      "validators",
      "{,}",
      "",
      1,
      'Not valid JSON: a value is expected, found "," (column 2)',
      "Correct the text there, then check it with `capstan validate`",
    ],
    ["validators", { unit: {} }, "unit", 2, "an object needs exactly one of `command` and `builtin`", undefined],
    [
      "validators",
      { unit: { comand: "x" } },
      "unit.comand",
      3,
      "The key `comand` is unknown",
      "Did you mean `command`?",
    ],
    [
      "validators",
      { unit: { command: "x", timeoutMinutes: -1 } },
      "unit.timeoutMinutes",
      4,
      "Expected a number above 0, found -1",
      undefined,
    ],
    [
      "validators",
      { unit: { command: "x", protects: ["../x"] } },
      "unit.protects[0]",
      5,
      '"../x" must stay inside the repository (no leading `/` or `~`, no `..`)',
      undefined,
    ],
    [
      "validators",
      { "a b": { command: "x" } },
      '["a b"]',
      2,
      "`a b` must start with a letter or digit and hold only letters, digits, `:`, `.`, `_` and `-`",
      undefined,
    ],
    [
      "agents",
      { mine: { title: "M", launch: { binary: "mine" }, format: "text" } },
      "mine.launch.binary",
      5,
      'Expected a list, found "mine"',
      undefined,
    ],
    [
      "agents",
      { mine: { title: "M", launch: "mine", format: "text" } },
      "mine.launch",
      4,
      'Expected an object, found "mine"',
      undefined,
    ],
    [
      "agents",
      { claude: { format: "claude-stream" } },
      "claude.format",
      3,
      expect.stringMatching(/^Expected `text`, .*found "claude-stream"$/),
      undefined,
    ],
    ["agents", { mine: { title: "M", launch: { binary: ["m"] } } }, "mine.format", 2, "`format` is missing", undefined],
  ])("%s %j", (registry, value, path, line, message, hint) => {
    expect(problemsOf({ [registry]: value })).toContainEqual(expect.objectContaining({
      file: `registries/${registry}.json`,
      path,
      line,
      message,
      ...hint === undefined ? {} : { hint },
    }));
  });

  test("all files at once", () => {
    const problems = problemsOf({
      agents: { x: { titel: 1 } },
      validators: { unit: {}, two: { command: "x", builtin: "json" } },
    });
    expect(new Set(problems.map(({ file }) => file))).toEqual(
      new Set(["registries/agents.json", "registries/validators.json"]),
    );
    expect(problems.filter(({ file }) => file === "registries/validators.json").map(({ path }) => path)).toEqual([
      "unit",
      "two",
    ]);
  });
});

test("what comes with Capstan is found and holds", async () => {
  const shipped = await readBuiltInRegistries();
  const result = loadRegistries(shipped, {});
  expect(result.ok && result.registries.agents.map(({ id }) => id)).toEqual(
    expect.arrayContaining(["claude", "builtin", "tape", "command"]),
  );
  expect(result.ok && result.registries.validators.every(({ origin }) => origin === "built-in")).toBe(true);
});
