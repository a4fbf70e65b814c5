import { expect, test, vi } from "vitest";
import { z } from "zod";
import type { TapeError, Turn } from "../../src/agents/tape/tape.ts";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import { call, converse, folder, isAlive, model, say, startAgent } from "./agent.ts";
import { open, rawServer, stopsWith, streamed } from "./raw-server.ts";

const failing = (error: Partial<TapeError>): Turn => ({
  text: "late",
  tools: [],
  error: { status: 500, type: "api_error", message: "no", ...error },
});

const faultIn = (events: AgentEvent[]) => events.flatMap((event) => event.kind === "error" ? [event.fault] : []);

test("it works until the model replies without a call, and tells everything as events", async () => {
  await using at = await folder();
  const turns = [
    { ...call("write", { path: "a.txt", content: "a" }), text: "I will write it." },
    call("run", { command: "exit 1" }),
    say("Written. <promise>COMPLETE</promise>"),
  ];
  const { events, code } = await converse(at.dir, turns, ["--model", "claude-sonnet-5-5"]);
  expect(code).toBe(0);
  expect(events.filter(({ kind }) => kind !== "usage" && kind !== "cost")).toEqual([
    { kind: "start", model: "claude-sonnet-5-5" },
    { kind: "text", text: "I will write it." },
    { kind: "tool-start", id: "toolu_0_0", name: "write", detail: "a.txt", input: expect.any(String) },
    { kind: "tool-end", id: "toolu_0_0", ok: true, detail: "1 bytes" },
    { kind: "tool-start", id: "toolu_1_0", name: "run", detail: "exit 1", input: expect.any(String) },
    { kind: "tool-end", id: "toolu_1_0", ok: false, detail: "exit code 1" },
    { kind: "text", text: "Written. <promise>COMPLETE</promise>" },
    { kind: "end", ok: true, finalText: "Written. <promise>COMPLETE</promise>" },
  ]);
  expect(await at.read("a.txt")).toBe("a");
});

test("the beginning of every request is the same and marked for the prompt cache", async () => {
  await using at = await folder();
  const { sent } = await converse(at.dir, [call("list", {}), call("list", {}), say("done")]);
  const cached = { type: "ephemeral" };
  expect(sent).toHaveLength(3);
  for (const { system, tools, messages, cache_control } of sent) {
    expect(system).toEqual([{ type: "text", text: expect.any(String), cache_control: cached }]);
    expect(messages[0]!.content).toEqual([{ type: "text", text: "Do it.", cache_control: cached }]);
    expect(cache_control).toEqual(cached);
    expect({ system, tools }).toEqual({ system: sent[0]!.system, tools: sent[0]!.tools });
  }
});

test("tokens add up over requests, and a known model has a price", async () => {
  await using at = await folder();
  const known = await converse(at.dir, [call("list", {}), say("done")], ["--model", "claude-opus-5-5"]);
  const usages = known.events.flatMap((event) => event.kind === "usage" ? [event.usage] : []);
  const costs = known.events.flatMap((event) => event.kind === "cost" ? [event.usd] : []);
  expect(usages).toHaveLength(2);
  expect(usages[1]!.inputTokens).toBeGreaterThan(2 * usages[0]!.inputTokens);
  const { inputTokens, outputTokens } = usages[1]!;
  expect(costs[1]).toBeCloseTo((inputTokens * 4 + outputTokens * 20) / 1_000_000, 9);

  const unknown = await converse(at.dir, [say("done")], ["--model", "somebody-elses"]);
  expect(unknown.events.map(({ kind }) => kind)).toEqual(["start", "text", "usage", "end"]);
});

test("text is told while the reply is still being written", async () => {
  await using at = await folder();
  let finish = () => {};
  const events = streamed({ ...call("list", {}), text: "First I look." });
  const split = events.findIndex((event) => event.includes("tool_use"));
  await using server = await rawServer((response, count) => {
    open(response);
    if (count > 1) return void response.end(streamed(say("done")).join(""));
    response.write(events.slice(0, split).join(""));
    finish = () => void response.end(events.slice(split).join(""));
  });
  const running = startAgent("builtin", { cwd: at.dir, env: server.env });
  await running.event((event) => event.kind === "text" && event.text === "First I look.");
  finish();
  expect((await running.done).code).toBe(0);
});

test("a fault is told and ends it with exit code 1", async () => {
  await using at = await folder();
  const error = { status: 401, type: "authentication_error", message: "invalid x-api-key" };
  const { events, code } = await converse(at.dir, [failing(error)]);
  expect(events).toEqual([
    { kind: "start", model: "claude-sonnet-5-5" },
    { kind: "error", fault: { class: "auth", status: 401, message: "invalid x-api-key" } },
    { kind: "end", ok: false, finalText: "" },
  ]);
  expect(code).toBe(1);
});

test("a long rate limit is not waited out: the error says when to come back", async () => {
  await using at = await folder();
  const error = { status: 429, type: "rate_limit_error", retryAfterSeconds: 3600 };
  const before = Date.now();
  const { events } = await converse(at.dir, [failing(error)]);
  const [fault] = faultIn(events);
  expect(events.some(({ kind }) => kind === "retry")).toBe(false);
  expect(fault!.resumeAt).toBeGreaterThanOrEqual(before + 3_600_000);
  expect(fault!.resumeAt).toBeLessThan(Date.now() + 3_600_000);
});

test("a transient failure is repeated as the server wishes and told as a retry", async () => {
  await using at = await folder();
  const error = { status: 529, type: "overloaded_error", message: "busy", retryAfterSeconds: 0, times: 2 };
  const { events, code, sent } = await converse(at.dir, [failing(error)]);
  const retry = { kind: "retry", message: "busy", status: 529, delayMs: 0 };
  expect(events.filter(({ kind }) => kind === "retry")).toEqual([retry, retry]);
  expect(events.at(-1)).toEqual({ kind: "end", ok: true, finalText: "late" });
  expect([code, sent.length]).toEqual([0, 3]);
});

test("nobody listening is a network error", async () => {
  await using at = await folder();
  const gone = await model([]);
  await gone.close();
  const env = { ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: gone.url };
  const { events, code } = await startAgent("builtin", { cwd: at.dir, args: ["--max-retries", "0"], env }).done;
  expect(code).toBe(1);
  expect(faultIn(events)).toEqual([{
    class: "network",
    message: expect.stringMatching(/ECONNREFUSED|Connection refused/),
  }]);
});

test("a call that was cut off at the output limit is not run", async () => {
  await using at = await folder();
  await using server = await rawServer((response, count) => {
    const turn = count === 1
      ? stopsWith("max_tokens", call("write", { path: "half.txt", content: "hal" }))
      : streamed(say("ok")).join("");
    open(response).end(turn);
  });
  const { events: told, code } = await startAgent("builtin", { cwd: at.dir, env: server.env }).done;
  expect(told.some(({ kind }) => kind === "tool-start")).toBe(false);
  expect(code).toBe(0);
  await expect(at.read("half.txt")).rejects.toThrow("ENOENT");
});

test("it stops after its turns", async () => {
  await using at = await folder();
  const turns = [call("list", {}), call("list", {}), call("list", {}), say("never said")];
  const { events: told, code, sent } = await converse(at.dir, turns, ["--max-turns", "2"]);
  expect(faultIn(told)).toEqual([{ class: "turn-limit", message: "Stopped after 2 turns" }]);
  expect([code, sent.length]).toEqual([1, 2]);
});

test.each([
  ["no key", { env: {} }, 1, { class: "auth", message: "No API key: set `ANTHROPIC_API_KEY`" }],
  ["no brief", { brief: " \n", env: { ANTHROPIC_API_KEY: "k" } }, 1, {
    class: "unknown",
    message: "Nothing to do: no brief on standard input",
  }],
  ["a bad number", { args: ["--max-turns", "many"] }, 2, {
    class: "unknown",
    message: 'Expected `--max-turns` to be a whole number from 1, got "many"',
  }],
])("with %s it says what is missing and asks nobody", async (_name, options, expected, fault) => {
  await using at = await folder();
  const { events: told, code } = await startAgent("builtin", { cwd: at.dir, ...options }).done;
  expect(told.filter(({ kind }) => kind !== "start")).toEqual([
    { kind: "error", fault },
    { kind: "end", ok: false, finalText: "" },
  ]);
  expect(code).toBe(expected);
});

test.each([["SIGTERM", 143], ["SIGINT", 130]] as const)(
  "%s ends it and the command under way",
  async (signal, expected) => {
    await using at = await folder();
    await using server = await model([call("run", { command: "sleep 61 & echo $! > pid; wait" }), say("never said")]);
    const env = { ANTHROPIC_API_KEY: "k", ANTHROPIC_BASE_URL: server.url };
    const running = startAgent("builtin", { cwd: at.dir, env });
    await running.event(({ kind }) => kind === "tool-start");
    const pid = await vi.waitFor(async () => z.coerce.number().int().positive().parse(await at.read("pid")));
    const before = performance.now();
    running.kill(signal);
    const { events: told, code } = await running.done;
    expect(performance.now() - before).toBeLessThan(1500);
    expect([code, told.at(-1)]).toEqual([expected, { kind: "end", ok: false, finalText: "" }]);
    expect(await isAlive(pid)).toBe(false);
  },
);

test("SIGTERM ends it while the model is silent, and while it still reads its brief", async () => {
  await using at = await folder();
  let asked = () => {};
  const silent = new Promise<void>((resolve) => asked = resolve);
  await using server = await rawServer(() => asked());
  const waiting = startAgent("builtin", { cwd: at.dir, env: server.env });
  await silent;
  const before = performance.now();
  waiting.kill("SIGTERM");
  expect((await waiting.done).code).toBe(143);
  expect(performance.now() - before).toBeLessThan(1500);

  const reading = startAgent("builtin", { cwd: at.dir, env: server.env, brief: null });
  await reading.event(({ kind }) => kind === "start");
  reading.kill("SIGTERM");
  expect((await reading.done).signal).toBe("SIGTERM");
});
