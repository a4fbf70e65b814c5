import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Alarm, watchAnomalies } from "../../src/agents/anomalies.ts";
import { callFacts } from "../../src/agents/formats/json.ts";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import { type Anomaly, anomalyThresholds } from "../../src/model/anomaly.ts";
import { type Cli, recordedExits, replay } from "./replay.ts";

interface Call {
  name?: string;
  /** The arguments; `null` for a format that does not say them. */
  input?: string | null;
  detail?: string;
  ok?: boolean;
  answer?: string;
  ms?: number;
}

/** The events of calls made one after the other, with their times. */
function calls(list: readonly Call[]): [AgentEvent, number][] {
  let at = 0;
  return list.flatMap((call, index) => {
    const { name = "Bash", input = `#${index}`, detail = "x", ok = true, answer = "", ms = 100 } = call;
    const id = `t${index}`;
    const from = at;
    at += ms;
    return [
      [{ kind: "tool-start", id, name, detail, ...(input === null ? {} : { input }) }, from],
      [{ kind: "tool-end", id, ok, detail: answer }, at],
    ] satisfies [AgentEvent, number][];
  });
}

/** All alarms, and the number of events that were seen when each came. */
function alarms(events: readonly [AgentEvent, number][]): (Alarm & { after: number })[] {
  const watch = watchAnomalies();
  return events.flatMap(([event, at], index) => {
    const alarm = watch.see(event, at);
    return alarm === null ? [] : [{ ...alarm, after: index + 1 }];
  });
}

const levels = (events: readonly [AgentEvent, number][]) =>
  alarms(events).map(({ level, anomaly }) => `${level} ${anomaly.kind} ${"count" in anomaly ? anomaly.count : "many"}`);
const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));
const texts = (count: number, make: (index: number) => string) =>
  times(count, (i): [AgentEvent, number] => [{ kind: "text", text: make(i) }, i]);

describe("an agent going in circles is warned about, then stopped", () => {
  test.each<[string, [AgentEvent, number][], string[]]>([
    ["the same call with the same answer", calls(times(20, () => ({ input: "a", answer: "nothing" }))), [
      "warn same-call 6",
      "kill same-call 12",
    ]],
    [
      "the same call, whose answers differ only in numbers",
      calls(times(20, (i) => ({ input: "a", answer: `at ${i}` }))),
      [
        "warn same-call 6",
        "kill same-call 12",
      ],
    ],
    ["the same call with ever new answers", calls(times(60, (i) => ({ input: "a", answer: "x".repeat(i) }))), [
      "warn same-call 18",
      "kill same-call 36",
    ]],
    ["the same call of a format that does not say all arguments", calls(times(60, () => ({ input: null }))), [
      "warn same-call 18",
      "kill same-call 36",
    ]],
    ["the same slow call", calls(times(60, () => ({ input: "a", ms: 30_000 }))), [
      "warn same-call 18",
      "kill same-call 36",
    ]],
    [
      "the same error of ever new calls",
      calls(times(20, (i) => ({ ok: false, answer: `no line ${i} in /tmp/a${i}/b` }))),
      [
        "warn same-error 5",
        "kill same-error 10",
      ],
    ],
    [
      "the same error, looking at the same file in between",
      calls(
        times(
          40,
          (i) =>
            i % 2 === 0 ? { ok: false, answer: "string not found" } : { name: "Read", input: "a.ts", answer: "1: x" },
        ),
      ),
      [
        "warn same-error 5",
        "kill same-error 10",
      ],
    ],
    [
      "the same error between two edits that undo each other",
      calls(
        times(
          80,
          (i) => i % 2 === 0 ? { ok: false, answer: "1 failed" } : { name: "Edit", input: i % 4 === 1 ? "to" : "fro" },
        ),
      ),
      [
        "warn same-error 5",
        "kill same-error 10",
      ],
    ],
    ["calls that fail in ever new ways", calls(times(40, (i) => ({ ok: false, answer: "ab".repeat(i + 1) }))), [
      "warn failing-calls 10",
      "kill failing-calls 30",
    ]],
    [
      "sub-agents that are asked the same",
      calls(times(42, (i) => i % 2 === 0 ? { name: "Task", input: "find it" } : { name: "Read" })),
      [
        "warn subagent-waste 10",
        "kill subagent-waste 20",
      ],
    ],
    [
      "sub-agents that fail",
      calls(times(80, (i) => i % 2 === 0 ? { name: "Agent", ok: false, answer: "no" } : { name: "Read" })),
      [
        "warn subagent-waste 10",
        "kill subagent-waste 20",
      ],
    ],
    ["output that starts over with every line", texts(6000, (i) => "word ".repeat(i)), [
      "warn growing-output many",
      "kill growing-output many",
    ]],
    [
      "unknown lines that carry all that was said",
      times(20_000, (i): [AgentEvent, number] => [
        { kind: "unknown", line: `{"type":"update","text":"${"y".repeat(Math.min(i, 1975))}"}${i > 1975 ? "…" : ""}` },
        i,
      ]),
      ["warn growing-output many", "kill growing-output many"],
    ],
  ])("%s", (_what, events, expected) => {
    expect(levels(events)).toEqual(expected);
  });

  test("the call that is one too many is the last: an alarm comes when it starts, not when it ends", () => {
    const seen = alarms(calls(times(20, () => ({ input: "a" }))));
    expect(seen.map(({ after }) => after)).toEqual([11, 23]);
  });
});

describe("honest work is left in peace", () => {
  test.each<[string, [AgentEvent, number][]]>([
    ["one call that takes an hour", calls([{ ms: 3_600_000 }])],
    ["five hundred different calls", calls(times(500, () => ({})))],
    [
      "the tests run again after every edit, and always fail alike",
      calls(
        times(
          200,
          (i) =>
            i % 2 === 0
              ? { input: "npm test", ok: false, answer: "Tests  4 failed" }
              : { name: "Edit", input: `edit ${i}` },
        ),
      ),
    ],
    [
      "the same file edited forty times",
      calls(times(40, (i) => ({ name: "Edit", detail: "a.ts", input: `edit ${i}` }))),
    ],
    [
      "a wait for a build that takes half an hour, asked for every two minutes",
      calls(times(15, () => ({
        input: "sleep 120; gh run view",
        answer: "in progress",
        ms: 120_000,
      }))),
    ],
    ["sub-agents at work at the same time, each reading the same guide", [
      ...times(5, (i): [AgentEvent, number] => [
        { kind: "tool-start", id: `s${i}`, name: "Task", detail: "", input: `part ${i}` },
        0,
      ]),
      ...times(14, (i): [AgentEvent, number][] => [
        [{ kind: "tool-start", id: `r${i}`, name: "Read", detail: "AGENTS.md", input: "AGENTS.md" }, 1],
        [{ kind: "tool-end", id: `r${i}`, ok: true, detail: "# Map" }, 2],
      ]).flat(),
    ]],
    ["a log of a hundred thousand lines that begin alike", texts(100_000, (i) => `${"prefix ".repeat(40)}${i}`)],
    ["the same line for ever", texts(100_000, () => "x".repeat(300))],
    ["thousands of short lines, each a little longer", texts(50_000, (i) => "*".repeat(i % 150))],
    ["a few documents that grow", texts(100, (i) => "chapter ".repeat(i))],
  ])("%s", (_what, events) => {
    expect(levels(events)).toEqual([]);
  });

  test.each(
    Object.entries(recordedExits).flatMap(([cli, cases]) => Object.keys(cases).map((name) => `${cli}/${name}`)),
  )(
    "the recording %s",
    (path) => {
      const [cli, name] = path.split("/");
      const { events } = replay(cli as Cli, name!);
      expect(levels(events.map((event, index) => [event, index]))).toEqual([]);
    },
  );

  test("what comes after the agent's own good end", () => {
    const end: [AgentEvent, number] = [{ kind: "end", ok: true, finalText: "" }, 0];
    expect(levels([end, ...calls(times(20, () => ({ input: "a" })))])).toEqual([]);
  });

  test("any work in which nothing is done twice with the same answer, and half of it succeeds", () => {
    const call = fc.record({
      name: fc.constantFrom("Bash", "Edit", "Read", "Task"),
      answer: fc.constantFrom("", "ok", "1 failed", "2 failed"),
      ms: fc.nat(60_000),
    });
    fc.assert(
      fc.property(fc.array(call, { maxLength: 300 }), (list) => {
        const events = calls(list.map((facts, i) => ({ ...facts, ok: i % 2 === 0 || facts.name === "Task" })));
        expect(levels(events)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

test.each(["claude", "codex", "gemini", "copilot", "opencode", "pi"] as const)(
  "%s says all arguments of a call, and two calls that differ are not the same",
  (cli) => {
    const inputs = replay(cli, "commit").events.flatMap((event) => event.kind === "tool-start" ? [event.input] : []);
    expect(inputs).toEqual([expect.any(String), expect.any(String)]);
    expect(new Set(inputs).size).toBe(2);
  },
);

test("the order of a call's arguments makes it no other call", () => {
  expect(callFacts({ a: 1, b: [2] }).input).toBe(callFacts({ b: [2], a: 1 }).input);
  expect(callFacts({ a: 1, b: [3] }).input).not.toBe(callFacts({ a: 1, b: [2] }).input);
});

test("every kind of anomaly warns before it kills, whatever the events, and nothing follows a kill", () => {
  const event: fc.Arbitrary<Call> = fc.record({
    name: fc.constantFrom("Bash", "Task"),
    input: fc.constantFrom("a", "b", null),
    ok: fc.boolean(),
    answer: fc.constantFrom("", "x", "yy"),
    ms: fc.constantFrom(1, 20_000),
  });
  fc.assert(fc.property(fc.array(event, { maxLength: 400 }), (list) => {
    const seen = alarms(calls(list));
    const warned = new Set<Anomaly["kind"]>();
    for (const [index, { level, anomaly }] of seen.entries()) {
      if (level === "kill") {
        expect(warned).toContain(anomaly.kind);
        expect(index).toBe(seen.length - 1);
      } else expect(warned.has(anomaly.kind)).toBe(false);
      warned.add(anomaly.kind);
    }
  }));
  for (const { warn, kill } of Object.values(anomalyThresholds)) expect(warn).toBeLessThan(kill);
});
