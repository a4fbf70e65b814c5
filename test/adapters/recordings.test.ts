import { describe, expect, test } from "vitest";
import type { AgentFaultClass } from "../../src/model/agent-event.ts";
import { afterFailure, classOf } from "../../src/loop/after-failure.ts";
import { costsAttempt } from "../../src/model/failure.ts";
import type { OutcomeKind } from "../../src/model/outcome.ts";
import { failures as registry } from "../support/failures.ts";
import { type Cli, recordedExits, replay } from "./replay.ts";

const done = "Done: created hello.txt and committed it.";
const hello = "Hello from the fake model.";

/** The failure matrix: what each CLI's failure is, in the order of `columns`. `-` was not recorded. */
const columns = ["claude", "codex", "gemini", "copilot", "opencode", "pi", "pi-0.87"] as const;
const matrix: Record<string, string> = {
  "401": "auth auth auth auth auth auth auth",
  "403": "auth auth auth auth auth auth -",
  "429": "rate-limit rate-limit rate-limit rate-limit rate-limit rate-limit rate-limit",
  "429plain": "rate-limit rate-limit rate-limit rate-limit rate-limit rate-limit -",
  "429ra3600": "rate-limit unknown rate-limit rate-limit unknown unknown -",
  // Gemini names a time to try again, so its quota comes back.
  "429quota": "billing billing rate-limit billing billing billing -",
  "529": "overloaded overloaded overloaded overloaded overloaded overloaded overloaded",
  "529midtask": "overloaded overloaded overloaded overloaded overloaded overloaded -",
  // Codex does not say 500 but "high demand".
  "500": "server overloaded server server server server -",
  "400long": "overflow overflow overflow overflow - overflow overflow",
  "400credit": "billing billing billing billing billing billing -",
  "404model": "model model model model model model -",
  disconnect: "network network network network network network network",
  reset: "network network network network network network -",
  refused: "network unknown network network network network -",
  garbage: "unknown network unknown unknown unknown unknown -",
  hang: "unknown unknown network unknown unknown unknown -",
  hangstream: "unknown unknown network unknown unknown unknown -",
};

/** Failures that only one CLI was recorded with. */
const others: Record<string, AgentFaultClass> = {
  "claude/apitimeout-hangstream": "unknown",
  "claude/bytewatch": "network",
  "claude/idle-hangstream": "unknown",
  "claude/max-budget": "budget-limit",
  "claude/max-turns3": "turn-limit",
  "claude/maxretries0-429": "rate-limit",
  "claude/maxretries1-529": "overloaded",
  "claude/no-auth": "auth",
  "claude/oauth-429": "rate-limit",
  "claude/perm-default": "unknown",
  "claude/perm-dontask": "unknown",
  "claude/resume-bad": "unknown",
  "claude/root-refusal": "unknown",
  "claude/text-format": "unknown",
  "claude/timeout5s-hang": "network",
  "codex/idle5s-hang": "unknown",
  "codex/idle5s-hangstream": "network",
  "codex/nokey": "auth",
  "codex/refused-both": "network",
  "codex/refused-bounded": "network",
  "codex/refused-retries0": "unknown",
  "codex/retries0-429": "rate-limit",
  "codex/retries0-529": "overloaded",
  "copilot/noprovider": "auth",
  "copilot/perm-none": "unknown",
  "gemini/disconnectonce": "network",
  "gemini/maxturns": "turn-limit",
  "gemini/nokey": "auth",
  "gemini/untrusted": "unknown",
  "opencode/400long-nocompact": "overflow",
  "opencode/badmodel": "server",
  "opencode/perm-ask": "unknown",
  "pi/401-text": "auth",
  "pi/provider-anthropic-env": "network",
  "pi/retry-off-429": "rate-limit",
};

/** Cases that end well: final text, tokens (input/output/cache read/cache write, `-` when not reported), dollars, tool calls. */
const well: Record<string, [text: string, usage: string, usd: number | null, tools: number]> = {
  "claude/429once": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/429ra60once": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/529once": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/commit": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/custom-model": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/disallowed-bash": [
    "fake: no suitable tool among Agent,",
    "2400/110/1600/200",
    0.01312,
    1,
  ],
  "claude/disconnectonce": [done, "4800/174/3200/400", 0.02532, 2],
  "claude/fallback-529": [done, "3600/165/2400/300", 0.000504, 2],
  "claude/jsonschema": [hello, "2400/110/1600/200", 0.01312, 0],
  "claude/model-haiku": [hello, "1200/55/800/100", 0.000168, 0],
  "claude/nonroot": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/oauth-ratelimit-ok": [hello, "1200/55/800/100", 0.00328, 0],
  "claude/partial": [hello, "1200/55/800/100", 0.00656, 0],
  "claude/perm-allowedtools": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/recommended": [done, "3600/165/2400/300", 0.00984, 2],
  "claude/resume": [hello, "4800/220/3200/400", 0.02624, 0],
  "claude/sessionid": [done, "3600/165/2400/300", 0.01968, 2],
  "claude/tools-limited": [done, "3600/165/2400/300", 0.01968, 2],
  "codex/429once": [done, "3600/165/2400/0", null, 2],
  "codex/429ra60once": [done, "3600/165/2400/0", null, 2],
  "codex/529once": [done, "3600/165/2400/0", null, 2],
  "codex/commit": [done, "3600/165/2400/0", null, 2],
  "codex/disconnectonce": [done, "3600/165/2400/0", null, 2],
  "codex/fake-model": [done, "3600/165/2400/0", null, 2],
  "codex/nogit": [hello, "1200/55/800/0", null, 0],
  "codex/ratelimit-headers": [hello, "1200/55/800/0", null, 0],
  "codex/resume": [hello, "4800/220/3200/0", null, 0],
  "codex/sandbox-read-only-tmpdir": [done, "3600/165/2400/0", null, 0],
  "codex/sandbox-ro": [done, "3600/165/2400/0", null, 0],
  "codex/sandbox-workspace-write-tmpdir": [done, "3600/165/2400/0", null, 1],
  "codex/sandbox-ws": [done, "3600/165/2400/0", null, 0],
  "codex/sandbox-ws-fullgit": [done, "3600/165/2400/0", null, 2],
  "copilot/429once": [done, "-", null, 2],
  "copilot/429ra60once": [done, "-", null, 2],
  "copilot/529once": [done, "-", null, 2],
  "copilot/commit": [done, "-", null, 2],
  "copilot/disconnectonce": [done, "-", null, 2],
  "copilot/online": [done, "-", null, 2],
  "copilot/resume": [hello, "-", null, 0],
  "copilot/sessionid": [hello, "-", null, 0],
  "copilot-native/commit": [done, "-", null, 2],
  "copilot-native/recommended": [done, "-", null, 2],
  "gemini/429once": [done, "3600/186/2400/0", null, 2],
  "gemini/429ra60once": [done, "3600/186/2400/0", null, 2],
  "gemini/529once": [done, "3600/186/2400/0", null, 2],
  "gemini/auto-model": [done, "4800/248/3200/0", null, 2],
  "gemini/commit": [done, "3600/186/2400/0", null, 2],
  "gemini/loop": ["end", "64800/3348/43200/0", null, 50],
  "gemini/resume": [hello, "1200/62/800/0", null, 0],
  "opencode/429once": [done, "3600/165/2400/0", 0.013995, 2],
  "opencode/429ra60once": [done, "3600/165/2400/0", 0.013995, 2],
  "opencode/529once": [done, "3600/165/2400/0", 0.013995, 2],
  "opencode/commit": [done, "3600/165/2400/0", 0.013995, 2],
  "opencode/disconnectonce": [done, "3600/165/2400/0", 0.013995, 2],
  "opencode/notitle": [hello, "1200/55/800/0", 0.004665, 0],
  "opencode/recommended": [done, "3600/165/2400/0", 0.013995, 2],
  "opencode/resume": [hello, "1200/55/800/0", 0.004665, 0],
  "pi/429once": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/429ra60once": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/529once": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/badmodel": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/commit": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/disconnectonce": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/recommended": [done, "3600/165/2400/0", 0.013995, 2],
  "pi/resume": [hello, "1200/55/800/0", 0.004665, 0],
  "pi-0.87/commit": [done, "3600/165/2400/0", 0.013995, 2],
  "pi-0.87/recommended": [done, "3600/165/2400/0", 0.013995, 2],
};

const endOf: Record<AgentFaultClass, string> = {
  auth: "auth",
  billing: "auth",
  "admin-disabled": "auth",
  "rate-limit": "limited",
  overloaded: "limited",
  overflow: "overflow",
  refused: "refused",
  model: "agent-error",
  server: "agent-error",
  network: "agent-error",
  "turn-limit": "agent-error",
  "budget-limit": "agent-error",
  anomaly: "agent-error",
  unknown: "agent-error",
};

const all = Object.entries(recordedExits).flatMap(([cli, cases]) => Object.keys(cases).map((name) => `${cli}/${name}`));
const killed = all.filter((name) => name.includes("/sig"));
const failures: Record<string, AgentFaultClass> = { ...others };
for (const [name, row] of Object.entries(matrix)) {
  row.split(" ").forEach((expected, index) => {
    if (expected !== "-") failures[`${columns[index]}/${name}`] = expected as AgentFaultClass;
  });
}

function play(name: string) {
  const [cli, recording] = name.split("/");
  return replay(cli as Cli, recording!);
}

test("every recording has an expectation", () => {
  expect([...Object.keys(failures), ...Object.keys(well), ...killed].toSorted()).toEqual(all.toSorted());
});

describe("a failure keeps its class, whatever the exit code", () => {
  test.each(Object.entries(failures))("%s is %s", (name, expected) => {
    const { end } = play(name);
    expect(end).toMatchObject({ kind: endOf[expected], fault: { class: expected } });
  });
});

describe("what ended well has its text, tokens and cost", () => {
  test.each(Object.entries(well))("%s", (name, [text, usage, usd, tools]) => {
    const { end, tally } = play(name);
    expect(end).toMatchObject({ kind: "finished", saidComplete: false });
    expect(end.kind === "finished" && end.finalText.startsWith(text)).toBe(true);
    const counted = tally.usage;
    expect(
      counted === null
        ? "-"
        : [counted.inputTokens, counted.outputTokens, counted.cacheReadTokens, counted.cacheWriteTokens].join("/"),
    ).toBe(usage);
    if (usd === null) expect(tally.costUsd).toBeNull();
    else expect(tally.costUsd).toBeCloseTo(usd, 9);
    expect(tally.toolCalls).toBe(tools);
    expect(tally.open.size).toBe(0);
  });
});

/** What is done about each failure of the matrix, where the CLI says enough to tell. */
const actions: Record<string, "give-up" | "rest" | "shrink"> = {
  "401": "give-up",
  "403": "give-up",
  "429": "rest",
  "429plain": "rest",
  "429ra3600": "rest",
  "429quota": "give-up",
  "529": "rest",
  "529midtask": "rest",
  "500": "rest",
  "400long": "shrink",
  "400credit": "give-up",
  "404model": "give-up",
  disconnect: "rest",
  reset: "rest",
  refused: "rest",
  garbage: "rest",
  hang: "rest",
  hangstream: "rest",
};

describe("a failure of the matrix costs no attempt but where the CLI says nothing of it", () => {
  test.each(Object.keys(matrix))("%s", (name) => {
    for (const cli of columns) {
      const expected = failures[`${cli}/${name}`];
      if (expected === undefined) continue;
      const { end } = play(`${cli}/${name}`);
      const found = classOf(end.kind as OutcomeKind, end)!;
      const action = afterFailure(registry, {
        class: found,
        agent: cli,
        model: null,
        resumeAt: undefined,
        rests: {},
        now: 0,
        seed: name,
      });
      const isSilent = found === "unknown";
      const comesBack = found === "rate-limit" && name === "429quota";
      expect([cli, action.kind]).toEqual([cli, isSilent ? "retry" : comesBack ? "rest" : actions[name]]);
      expect([cli, costsAttempt(registry[found].policy)]).toEqual([cli, isSilent || found === "overflow"]);
    }
  });
});

test.each(killed)("%s is no success, even where it exits 0", (name) => {
  expect(play(name).end).toMatchObject({ kind: "agent-error", fault: { class: "unknown" } });
});

test("a tool that runs when the process is killed was open, wherever starts are announced", () => {
  for (const cli of ["codex", "gemini", "copilot", "pi"] as const) {
    expect([cli, replay(cli, "sigkill-tool").tally.open.size]).toEqual([cli, 1]);
  }
});

test("tokens and cost of a budget stop contain the last turn, which Claude's own total leaves out", () => {
  const { tally } = replay("claude", "max-budget");
  expect(tally).toMatchObject({ costUsd: 0.02624, usage: { inputTokens: 4800, outputTokens: 220 } });
});

test("a killed Claude has the tokens that it spent until then", () => {
  expect(replay("claude", "sigterm-tool").tally.usage).toMatchObject({ inputTokens: 1200, cacheReadTokens: 800 });
});

test("a limit names its end, from the event, the headers or the message", () => {
  const resume = (cli: Cli, name: string) => {
    const { end } = replay(cli, name);
    return end.kind === "limited" ? end.fault.resumeAt : end.kind;
  };
  expect(resume("claude", "oauth-429")).toBe(1_795_195_206_000);
  expect(resume("opencode", "429")).toBe(1_795_187_958_000);
  expect(resume("gemini", "429ra3600")).toBe(Date.parse("2026-11-20T17:00:00Z"));
  expect(resume("claude", "429")).toBeUndefined();
});

test("a denied tool is named, so that a person knows what to allow", () => {
  expect(replay("claude", "perm-dontask").end).toMatchObject({
    fault: { message: "every tool call was denied for lack of permission: Write, Bash" },
  });
  expect(replay("copilot", "perm-none").end).toMatchObject({
    fault: { message: "every tool call was denied for lack of permission: create, bash" },
  });
});

test("hardly any line of the recordings is unknown", () => {
  const unknown = all.flatMap((name) => play(name).events.filter(({ kind }) => kind === "unknown").map(() => name));
  // Codex's warning about an unknown model, two system events of Claude, and plain text where JSON was expected.
  expect(unknown.filter((name) => !name.startsWith("codex/")).toSorted()).toEqual([
    "claude/fallback-529",
    "claude/partial",
    "claude/text-format",
  ]);
});
