import fc from "fast-check";
import { expect, test } from "vitest";
import { conclude } from "../../src/agents/conclude.ts";
import { formats } from "../../src/agents/formats.ts";
import { addEvent, emptyTally } from "../../src/agents/tally.ts";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import { type OutputFormat, outputFormats } from "../../src/model/agents.ts";
import type { Exit } from "../../src/model/process.ts";
import { splitLines } from "../../src/system/lines.ts";
import { classify, type Cli, cliFormats, now, recorded, recordedExits } from "../adapters/replay.ts";
import { cases } from "../support/cases.ts";

/** Lines as the real programs print them, by format; of every kind a few. */
function recordedLines(format: OutputFormat): string[] {
  const seen = new Map<string, string[]>();
  for (const [cli, known] of Object.entries(cliFormats) as [Cli, OutputFormat][]) {
    if (known !== format) continue;
    for (const name of Object.keys(recordedExits[cli])) {
      for (const line of recorded(cli, `${name}.stdout`).split("\n")) {
        if (line === "" || line.length > 3000) continue;
        const kind = line.replaceAll(/[^a-z":{]/g, "").slice(0, 60);
        const of = seen.get(kind) ?? [];
        if (of.length < 3) seen.set(kind, [...of, line]);
      }
    }
  }
  return [...seen.values()].flat();
}

const own = [
  '{"kind":"text","text":"hello"}',
  '{"kind":"error","fault":{"class":"server","message":"oops","status":500}}',
  '{"kind":"error","fault":{"class":"rate-limit","message":"limit reached","resumeAt":1795195206000}}',
  '{"kind":"error","fault":{"class":"rate-limit","message":"try again in 3 days"}}',
  '{"kind":"end","ok":true,"finalText":"<promise>COMPLETE</promise>"}',
  '{"kind":"usage","usage":{"inputTokens":1,"outputTokens":2,"cacheReadTokens":3,"cacheWriteTokens":4}}',
];

/** Output of a program that may be cut, garbled, or something else altogether. */
function anyOutput(lines: readonly string[]): fc.Arbitrary<Buffer> {
  const real = fc.constantFrom(...lines);
  const garbled = fc.tuple(real, fc.nat(), fc.nat(12), fc.string({ unit: "binary", maxLength: 4 })).map(
    ([line, place, length, put]) => {
      const at = place % (line.length + 1);
      return line.slice(0, at) + put + line.slice(at + length);
    },
  );
  const json = fc.oneof(fc.json({ maxDepth: 1 }), fc.constantFrom("-1", "1e300", "null", "[]", '"x"'));
  const other = fc.tuple(real, fc.nat(), json).map(([line, which, value]) => {
    // Some value in it is another one.
    let seen = 0;
    const values = [...line.matchAll(/:("(?:[^"\\]|\\.)*"|\d+|true|false|null|\[\]|\{\})/g)].length;
    return line.replaceAll(/:("(?:[^"\\]|\\.)*"|\d+|true|false|null|\[\]|\{\})/g, (found) => {
      seen += 1;
      return seen === which % Math.max(1, values) + 1 ? `:${value}` : found;
    });
  });
  const line = fc.oneof(
    { weight: 4, arbitrary: real.map((text) => Buffer.from(text)) },
    { weight: 3, arbitrary: garbled.map((text) => Buffer.from(text)) },
    { weight: 3, arbitrary: other.map((text) => Buffer.from(text)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
  );
  const end = fc.constantFrom("\n", "\n", "\n", "\r\n", "\n\n", "");
  return fc.array(fc.tuple(line, end), { maxLength: 5 }).map((all) =>
    Buffer.concat(all.flatMap(([bytes, eol]) => [bytes, Buffer.from(eol)]))
  );
}

const maxLineBytes = 2048;

/** The events of output that arrives in these chunks. */
function eventsOf(format: OutputFormat, chunks: readonly Buffer[]): AgentEvent[] {
  const events: AgentEvent[] = [];
  const parser = formats[format].parser(classify);
  const splitter = splitLines((line) => events.push(...parser.line(line)), maxLineBytes);
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return [...events, ...parser.close()];
}

function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...cuts].map((start, at) => bytes.subarray(start, cuts[at] ?? bytes.length));
}

const exits: Exit[] = [
  { kind: "code", code: 0 },
  { kind: "code", code: 1 },
  { kind: "signal", signal: "SIGKILL", sentBy: "other" },
  { kind: "spawn-failed", errno: "ENOENT", message: "no such file" },
  { kind: "code", code: 0, why: { kind: "completion", limitMs: 1 } },
];

test.each(outputFormats)("%s: any bytes give the same bounded events however they are split, and an end", (format) => {
  const lines = [...recordedLines(format), ...own];
  expect(lines.length).toBeGreaterThan(format.endsWith("jsonl") && format !== "capstan-jsonl" ? 10 : 3);
  fc.assert(
    fc.property(
      anyOutput(lines),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.constantFrom(...exits),
      fc.string({ maxLength: 30 }),
      (bytes, places, exit, stderrTail) => {
        const events = eventsOf(format, [bytes]);
        const whole = JSON.stringify(events);
        expect(JSON.stringify(eventsOf(format, split(bytes, places)))).toBe(whole);
        expect(whole.length).toBeLessThan((events.length + 1) * 70_000);
        const tally = emptyTally();
        for (const event of events) addEvent(tally, event);
        const { usage, costUsd } = tally;
        for (const number of [costUsd ?? 0, ...Object.values(usage ?? {}) as number[]]) {
          expect(Number.isFinite(number) && number >= 0).toBe(true);
        }
        const end = conclude({
          tally,
          exit,
          stderrTail,
          closes: formats[format].closes,
          brief: "",
          classify,
          anomaly: null,
          now,
        });
        if (exit.kind === "spawn-failed") expect(end.kind).toBe("agent-error");
        if (end.kind === "finished" && formats[format].closes) expect(tally.end?.ok).toBe(true);
        if ("fault" in end) {
          expect(end.fault.message.length).toBeLessThanOrEqual(20_000);
          expect(Math.abs((end.fault.resumeAt ?? now) - now)).toBeLessThan(400 * 86_400_000);
        }
      },
    ),
    cases(1300),
  );
});
