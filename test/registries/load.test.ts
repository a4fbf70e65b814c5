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
  limits: { file: "built-in/limits.json", text: '{"$schema": "s", "run": {"iterations": 100}}' },
  prices: {
    file: "built-in/prices.json",
    text: '{"a": {"asOf": "2026-11-01", "source": "s", "models": {"m": {"input": 1, "output": 2}}}}',
  },
};

type User = Partial<Record<keyof RegistryTexts, unknown>>;

function load(user: User) {
  const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
  const files = Object.entries(user).map(([name, value]) => [
    name,
    { file: `registries/${name}.json`, text: text(value) },
  ]);
  return loadRegistries(builtIn, Object.fromEntries(files) as Partial<RegistryTexts>);
}

function loaded(user: User) {
  const result = load(user);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.registries;
}

function problemsOf(user: User) {
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

test("limits stay apart by file, and a price list of the repository goes before ours", () => {
  const list = { asOf: "2026-11-20", source: "ours", models: {} };
  const { limits, prices } = loaded({ limits: { day: { usd: 5 } }, prices: { b: list, a: list } });
  expect(limits).toEqual({ own: { day: { usd: 5 } }, builtIn: { run: { iterations: 100 } } });
  expect(Object.entries(prices).map(([name, { source }]) => [name, source])).toEqual([["b", "ours"], ["a", "ours"]]);
  expect(Object.keys(loaded({ prices: { b: list } }).prices)).toEqual(["b", "a"]);
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
    ["limits", { day: { dollars: 5 } }, "day.dollars", 3, "The key `dollars` is unknown", undefined],
    ["limits", { days: { usd: 5 } }, "days", 2, "The key `days` is unknown", "Did you mean `day`?"],
    ["limits", { run: { iterations: 1.5 } }, "run.iterations", 3, "Expected a whole number, found 1.5", undefined],
    [
      "prices",
      { a: { asOf: "May", source: "s", models: {} } },
      "a.asOf",
      3,
      '"May" must be a date such as 2026-11-10',
      undefined,
    ],
    [
      "prices",
      { a: { asOf: "2026-05-01", source: "s", models: { m: { input: -1, output: 2 } } } },
      "a.models.m.input",
      7,
      "Expected a number of at least 0, found -1",
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
