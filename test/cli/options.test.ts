import { sep } from "node:path";
import { expect, test } from "vitest";
import { carriedInvocation, invocationOf, startDir, type Started } from "../../src/cli/invocation.ts";
import {
  conflictIn,
  loopOptions,
  type OneLimit,
  outputOptions,
  parseCount,
  parseDollars,
  parseDuration,
  parseLimit,
} from "../../src/cli/options.ts";

const durations: [string, number | null][] = [
  ["90m", 5_400_000],
  ["2h", 7_200_000],
  ["1h30m", 5_400_000],
  ["45s", 45_000],
  ["1.5h", 5_400_000],
  ["500ms", 500],
  ["1d", 86_400_000],
  ["90", null],
  ["0m", null],
  ["-1h", null],
  ["soon", null],
  ["1h 30m", null],
  ["", null],
];
test.each(durations)("the duration %j is %s", (text, ms) => {
  const parsed = parseDuration(text);
  expect(parsed.ok ? parsed.value : null).toBe(ms);
});

test("a duration without a unit is refused with what it may have meant", () => {
  expect(parseDuration("90")).toEqual({ ok: false, message: "needs a unit: 90s, 90m or 90h" });
});

test("counts are whole numbers of at least 1", () => {
  const values = ["1", "20", "0", "-1", "1.5", "x", "", "1e9", "99999999999999999999"].map((text) =>
    parseCount(text).ok
  );
  expect(values).toEqual([true, true, false, false, false, false, false, false, false]);
});

test("amounts are dollars above zero", () => {
  const values = ["5", "0.50", "$5", ".5", "0", "-1", "5 EUR", ""].map((text) => {
    const parsed = parseDollars(text);
    return parsed.ok ? parsed.value : null;
  });
  expect(values).toEqual([5, 0.5, 5, 0.5, null, null, null, null]);
});

const place = { dir: "/tmp/shop", invocation: "capstan" };

test("limits that were not given are absent, so that the plan's count", () => {
  expect(loopOptions({}, place)).toEqual({ ...place, limits: {}, dryRun: false, push: false, checkout: true });
});

test("--once is one iteration", () => {
  expect(loopOptions({ once: true }, place).limits).toEqual({ run: { iterations: 1 } });
});

test("every flag of the command line reaches the run", () => {
  const flags = {
    maxIterations: 3,
    maxTime: 60_000,
    maxCost: 5,
    maxTokens: 9,
    limit: [{ scope: "day", key: "usd", value: 20 }, { scope: "step", key: "attempts", value: 3 }] satisfies OneLimit[],
    maxWait: 1000,
    step: "US-001",
    agent: "codex",
    branch: "work",
    dryRun: true,
    push: "upstream",
    checkout: false,
  };
  expect(loopOptions(flags, { ...place, plan: "plans/prd.json" })).toEqual({
    ...place,
    plan: "plans/prd.json",
    limits: { step: { attempts: 3 }, run: { iterations: 3, minutes: 1, usd: 5, tokens: 9 }, day: { usd: 20 } },
    maxWaitMs: 1000,
    step: "US-001",
    agent: "codex",
    branch: "work",
    dryRun: true,
    push: "upstream",
    checkout: false,
  });
});

test("any limit can be given by its name in the registry", () => {
  expect(parseLimit("day.usd=12.50")).toEqual({ ok: true, value: { scope: "day", key: "usd", value: 12.5 } });
  expect(parseLimit("step.attempts=3")).toEqual({ ok: true, value: { scope: "step", key: "attempts", value: 3 } });
  const refused = ["day.usd", "day.usd=0", "day.attempts=1", "week.usd=1", "step.attempts=1.5", "usd=1", ""];
  expect(refused.filter((text) => parseLimit(text).ok)).toEqual([]);
});

test("a limit that is given twice is one message", () => {
  const limit: OneLimit[] = [{ scope: "run", key: "usd", value: 3 }];
  expect(conflictIn({ limit, maxCost: 5 })).toMatch(/run\.usd/);
  expect(conflictIn({ limit })).toBeNull();
});

test("flags that exclude each other are named", () => {
  expect(conflictIn({ once: true, maxIterations: 3 })).toMatch(/--once/);
  expect(conflictIn({ json: true, quiet: true })).toMatch(/--json/);
  expect(conflictIn({ quiet: true, verbose: true })).toMatch(/--quiet/);
  expect(conflictIn({ json: true, verbose: true })).toBeNull();
});

test("the format follows the flags", () => {
  expect(outputOptions({ json: true }).format).toBe("json");
  expect(outputOptions({ quiet: true }).format).toBe("quiet");
  expect(outputOptions({})).toEqual({ format: "auto", verbose: false, timestamps: false });
});

const npm = { npm_lifecycle_event: "loop", npm_lifecycle_script: "capstan", npm_config_user_agent: "npm/11 node/v26" };
const started = (facts: Partial<Started>): Started => ({
  script: "/usr/local/bin/capstan",
  cwd: "/home/me/shop",
  env: {},
  deno: false,
  ...facts,
});
const invocations: [string, Partial<Started>, string][] = [
  ["installed globally", {}, "capstan"],
  ["npm run", { env: npm }, "npm run loop --"],
  ["npm run of a checkout", { env: { ...npm, npm_lifecycle_script: "node bin/capstan.js" } }, "npm run loop --"],
  ["pnpm run", { env: { ...npm, npm_config_user_agent: "pnpm/10 npm/? node/v26" } }, "pnpm run loop"],
  ["npx", { env: { npm_command: "exec", npm_lifecycle_event: "npx" } }, "npx capstan"],
  ["a local bin", { script: ["/home/me/shop/node_modules", ".bin", "capstan"].join(sep) }, "npx capstan"],
  ["a checkout", { cwd: "/src/capstan", script: "/src/capstan/bin/capstan.js" }, "node bin/capstan.js"],
  ["a checkout elsewhere", { script: "/src/my tools/bin/capstan.js" }, `node "/src/my tools/bin/capstan.js"`],
  ["deno task", { deno: true, script: "/src/capstan/loop.ts", env: { INIT_CWD: "/src" } }, "deno task loop"],
  ["deno run", { deno: true, cwd: "/src/capstan", script: "/src/capstan/loop.ts" }, "deno run -A loop.ts"],
  [
    "below another script",
    { env: { npm_lifecycle_event: "test", npm_lifecycle_script: "vitest run", npm_command: "test" } },
    "capstan",
  ],
];
test.each(invocations)("started by %s, hints use the same form", (_name, facts, expected) => {
  expect(invocationOf(started(facts))).toBe(expected);
});

test("-C, --plan and --branch are part of every later command", () => {
  expect(carriedInvocation("npm run loop --", { dir: "../my shop", plan: "p.json", branch: "nightly" })).toBe(
    `npm run loop -- -C "../my shop" --plan p.json --branch nightly`,
  );
});

test("paths start where the person is, not where npm went", () => {
  expect(startDir({ cwd: "/pkg", env: { ...npm, INIT_CWD: "/pkg/src" } })).toBe("/pkg/src");
  expect(startDir({ cwd: "/tmp/x", env: { INIT_CWD: "/pkg", npm_lifecycle_event: "test" } })).toBe("/tmp/x");
});
