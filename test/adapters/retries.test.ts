import { describe, expect, test } from "vitest";
import { watchRetries } from "../../src/agents/retries.ts";
import { classifier } from "../../src/agents/faults.ts";
import { conclude } from "../../src/agents/conclude.ts";
import { addEvent, emptyTally } from "../../src/agents/tally.ts";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import { failures } from "../support/failures.ts";
import { type Cli, recorded } from "./replay.ts";
import { cliFormats } from "./replay.ts";
import { formats } from "../../src/agents/formats.ts";

const retry = (more: Partial<Extract<AgentEvent, { kind: "retry" }>> = {}): AgentEvent => ({
  kind: "retry",
  message: "429 Too Many Requests",
  ...more,
});
const minute = 60_000;

describe("an agent that does nothing but ask again", () => {
  test("may do that for as long as it may be silent", () => {
    const watch = watchRetries(10 * minute);
    expect([0, 5, 9].map((at) => watch.see(retry(), at * minute))).toEqual([false, false, false]);
    expect(watch.see(retry(), 10 * minute)).toBe(true);
  });

  test("has all the time again as soon as it gets on", () => {
    const watch = watchRetries(10 * minute);
    watch.see(retry(), 0);
    watch.see({ kind: "unknown", line: "{}" }, 5 * minute);
    expect(watch.see({ kind: "text", text: "on it" }, 9 * minute)).toBe(false);
    expect(watch.see(retry(), 12 * minute)).toBe(false);
    expect(watch.see(retry(), 22 * minute)).toBe(true);
  });

  test("is not waited for when it announces a longer pause than that", () => {
    const watch = watchRetries(10 * minute);
    expect(watch.see(retry({ delayMs: 9 * minute }), 0)).toBe(false);
    expect(watch.see(retry({ delayMs: 10 * minute }), 1)).toBe(true);
  });
});

/** How a recorded agent ends when the runner ends it for its silence. */
function silenced(cli: Cli, name: string) {
  const classify = classifier(failures);
  const parser = formats[cliFormats[cli]].parser(classify);
  const tally = emptyTally();
  const lines = recorded(cli, `${name}.stdout`).split("\n").filter((line) => line !== "");
  for (const event of [...lines.flatMap((line) => parser.line(line)), ...parser.close()]) addEvent(tally, event);
  const limitMs = 10 * minute;
  return conclude({
    tally,
    anomaly: null,
    exit: { kind: "signal", signal: "SIGKILL", sentBy: "us", why: { kind: "idle", limitMs } },
    stderrTail: "",
    closes: true,
    brief: "",
    classify,
    now: 0,
  });
}

test("an agent that is ended while it asks again failed for what its provider said", () => {
  expect(silenced("codex", "429ra3600")).toMatchObject({ kind: "limited", fault: { class: "rate-limit" } });
  expect(silenced("codex", "refused")).toMatchObject({ kind: "agent-error", fault: { class: "network" } });
  expect(silenced("codex", "hangstream")).toMatchObject({ kind: "agent-error", fault: { class: "network" } });
});

test("one that said nothing of its provider, or got on since, was silent", () => {
  expect(silenced("pi", "429ra3600")).toMatchObject({ kind: "stalled" });
  expect(silenced("codex", "hang")).toMatchObject({ kind: "stalled" });
  expect(silenced("claude", "sigkill-tool")).toMatchObject({ kind: "stalled" });
});
