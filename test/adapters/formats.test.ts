import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copilotUsage } from "../../src/agents/formats/copilot-jsonl.ts";
import { formats } from "../../src/agents/formats.ts";
import { outputFormats } from "../../src/model/agents.ts";
import { type Cli, cliFormats, read, recorded, recordedExits } from "./replay.ts";
import { classifier } from "../../src/agents/faults.ts";
import { failures } from "../support/failures.ts";

const lines = Object.entries(recordedExits).flatMap(([cli, cases]) =>
  Object.keys(cases).slice(0, 6).flatMap((name) => recorded(cli as Cli, `${name}.stdout`).split("\n"))
).filter((line) => line.length < 5_000);

describe.each(outputFormats)("%s", (format) => {
  test("never throws, and keeps every event bounded, whatever stands on a line", () => {
    const json = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom(...lines),
      // Half a line: what a crash or the line limit leaves.
      fc.constantFrom(...lines).chain((line) => fc.nat(line.length).map((end) => line.slice(0, end))),
      fc.constantFrom(...lines).map((line) => line.replace(/:("[^"]*"|\d+)/, ":null")),
      fc.constantFrom(...lines).map((line) => line.replace(/"(message|part|data|item|usage)":\{/, '"$1":[],"x":{')),
      fc.constant(JSON.stringify({ type: "message", role: "assistant", content: "x".repeat(100_000) })),
    );
    fc.assert(
      fc.property(fc.array(json, { maxLength: 8 }), (input) => {
        const parser = formats[format].parser(classifier(failures));
        const events = [...input.flatMap((line) => parser.line(line)), ...parser.close()];
        for (const event of events) expect(JSON.stringify(event).length).toBeLessThan(150_000);
      }),
      { numRuns: 200 },
    );
  });
});

test("the order of keys means nothing", () => {
  const turned = recorded("claude", "401.stdout").split("\n").filter((line) => line !== "").map((line) =>
    JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(line) as object).toReversed()))
  );
  expect(read("claude-stream-json", { stdout: turned.join("\n"), exit: { kind: "code", code: 1 } }).end.kind).toBe(
    "auth",
  );
});

test.each(Object.keys(cliFormats) as Cli[])("%s: a run without its last line is not finished", (cli) => {
  const all = recorded(cli, "commit.stdout").split("\n").filter((line) => line !== "");
  const kept = cli.startsWith("pi")
    ? all.filter((line) => !/"type":"(turn_end|agent_end)"/.test(line))
    : all.slice(0, -1);
  expect(read(cliFormats[cli], { stdout: kept.join("\n") }).end.kind).toBe("agent-error");
});

test("pi's closing line may be too long to arrive whole", () => {
  const cut = recorded("pi", "commit.stdout").split("\n").map((line) =>
    line.startsWith('{"type":"agent_end"') ? line.slice(0, 500) : line
  );
  expect(read("pi-jsonl", { stdout: cut.join("\n") }).end).toMatchObject({ kind: "finished" });
});

test("a refusal of the model is a refusal", () => {
  const stdout = JSON.stringify({
    type: "result",
    subtype: "success",
    is_error: false,
    stop_reason: "refusal",
    result: "I can't help with that",
  });
  expect(read("claude-stream-json", { stdout }).end).toMatchObject({
    kind: "refused",
    fault: { message: "I can't help with that" },
  });
});

test("the agent's own words are never read as a failure", () => {
  const say = (text: string) =>
    read("claude-stream-json", {
      stdout: [
        JSON.stringify({ type: "assistant", message: { content: [{ type: "text", text }] } }),
        JSON.stringify({ type: "result", subtype: "success", is_error: false, result: text }),
      ].join("\n"),
    }).end.kind;
  expect(say("I fixed the handling of 429 rate limit errors and invalid api key messages")).toBe("finished");
  expect(read("text", { stdout: "Error: rate limit exceeded, 401 Unauthorized" }).end.kind).toBe("finished");
});

test("plain text has the exit code only, and its standard error says why", () => {
  expect(read("text", { stdout: "done", exit: { kind: "code", code: 0 } }).end.kind).toBe("finished");
  expect(
    read("text", { stdout: "done", stderr: "You've hit your usage limit\n", exit: { kind: "code", code: 1 } }).end.kind,
  ).toBe("limited");
  expect(read("text", { stdout: "done", exit: { kind: "signal", signal: "SIGSEGV", sentBy: "other" } }).end.kind).toBe(
    "agent-error",
  );
});

test("why the runner stopped it comes before anything that the agent said", () => {
  const stdout = '{"kind":"error","fault":{"class":"auth","message":"no"}}';
  const stopped = (why: { kind: "timeout" | "idle"; limitMs: number }) =>
    read("capstan-jsonl", { stdout, exit: { kind: "code", code: 0, why } }).end;
  expect(stopped({ kind: "timeout", limitMs: 5 })).toEqual({ kind: "timeout", limitMs: 5 });
  expect(stopped({ kind: "idle", limitMs: 6 })).toEqual({ kind: "stalled", limitMs: 6 });
});

test("an error that the agent survived is none", () => {
  const stdout =
    '{"kind":"error","fault":{"class":"server","message":"oops"}}\n{"kind":"end","ok":true,"finalText":"recovered"}';
  expect(read("capstan-jsonl", { stdout }).end).toMatchObject({ kind: "finished", finalText: "recovered" });
});

test("Copilot's usage file has the tokens that its output lacks", () => {
  const usage = { inputTokens: 2000, outputTokens: 55, cacheReadTokens: 800, cacheWriteTokens: 0 };
  const text = JSON.stringify({ modelMetrics: { a: { usage }, b: { usage } }, currentModel: "a" }, null, 2);
  expect(copilotUsage(text)).toEqual({
    inputTokens: 2400,
    outputTokens: 110,
    cacheReadTokens: 1600,
    cacheWriteTokens: 0,
  });
  expect(copilotUsage("")).toBeNull();
  expect(copilotUsage("{}")).toBeNull();
});
