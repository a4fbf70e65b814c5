import Anthropic from "@anthropic-ai/sdk";
import fc from "fast-check";
import { expect, test } from "vitest";
import { messagesProtocol } from "../../src/agents/tape/messages.ts";
import { startModelServer } from "../../src/agents/tape/server.ts";
import { readTape, turnAt } from "../../src/agents/tape/tape.ts";
import { folder, startAgent } from "./agent.ts";

const last = { text: "done" };
const tapeOf = (...attempts: object[][]) => JSON.stringify({ attempts: attempts.map((turns) => ({ turns })) });

test("the attempt chooses the script, and the last script serves all further attempts", async () => {
  await using at = await folder({ "tape.json": tapeOf([{ text: "first" }], [{ text: "second" }]) });
  const said = async (attempt: string) => {
    const args = ["--tape", "tape.json", "--attempt", attempt];
    const { events, code } = await startAgent("tape", { cwd: at.dir, args }).done;
    return [code, events.at(-1)];
  };
  expect(await said("1")).toEqual([0, { kind: "end", ok: true, finalText: "first" }]);
  expect(await said("2")).toEqual([0, { kind: "end", ok: true, finalText: "second" }]);
  expect(await said("7")).toEqual([0, { kind: "end", ok: true, finalText: "second" }]);
});

test("a tape costs nothing and says so", async () => {
  await using at = await folder({ "tape.json": tapeOf([last]) });
  const { events } = await startAgent("tape", { cwd: at.dir, args: ["--tape", "tape.json"] }).done;
  expect(events).toContainEqual({ kind: "cost", usd: 0 });
  expect(events).toContainEqual({ kind: "start", model: "tape" });
});

test("text may be written line by line", () => {
  const read = readTape(
    tapeOf([{ tools: [{ name: "write", input: { content: { lines: ["a", "b"] }, path: "x" } }] }, last]),
    "t",
  );
  expect(read.ok && turnAt(read.tape, 1, 0)?.tools).toEqual([{
    name: "write",
    input: { content: "a\nb\n", path: "x" },
  }]);
  expect(read.ok && turnAt(read.tape, 1, 2)).toBeNull();
});

test.each<[string, string, string]>([
  ["no JSON", "{", "tape.json: not valid JSON"],
  ["no attempts", '{"attempts":[]}', "tape.json: attempts: "],
  ["an unknown key", JSON.stringify({ attempts: [{ turns: [last] }], speed: 2 }), "tape.json: "],
  ["an empty turn", tapeOf([{}]), "tape.json: attempts[0].turns[0]: needs `text`, `tools` or `error`"],
  [
    "a script that goes on after its end",
    tapeOf([last, last]),
    "tape.json: attempts[0].turns: every turn but the last",
  ],
  [
    "a script without an end",
    tapeOf([{ tools: [{ name: "list" }] }]),
    "tape.json: attempts[0].turns: the last turn must",
  ],
])("a tape with %s is one clear error", async (_name, text, message) => {
  await using at = await folder({ "tape.json": text });
  const { events, code } = await startAgent("tape", { cwd: at.dir, args: ["--tape", "tape.json"] }).done;
  expect(events).toEqual([
    { kind: "error", fault: { class: "unknown", message: expect.stringContaining(message) } },
    { kind: "end", ok: false, finalText: "" },
  ]);
  expect(code).toBe(2);
});

test.each([
  [[], "Missing option: `--tape FILE`"],
  [["--tape", "gone.json"], "There is no tape at gone.json"],
  [["--tape", "x", "--attempt", "0"], 'Expected `--attempt` to be a whole number from 1, got "0"'],
  [["--fast"], "Unknown option '--fast'"],
])("%j is refused with what is wrong", async (args, message) => {
  await using at = await folder();
  const { events, code } = await startAgent("tape", { cwd: at.dir, args }).done;
  expect(events[0]).toEqual({ kind: "error", fault: { class: "unknown", message: expect.stringContaining(message) } });
  expect(code).toBe(2);
});

test("a failing turn on a tape is the fault that it describes", async () => {
  const error = { status: 429, type: "rate_limit_error", message: "come back later", retryAfterSeconds: 600 };
  await using at = await folder({ "tape.json": tapeOf([{ error }]) });
  const { events, code } = await startAgent("tape", { cwd: at.dir, args: ["--tape", "tape.json"] }).done;
  expect(events.find(({ kind }) => kind === "error")).toMatchObject({
    fault: { class: "rate-limit", message: "come back later", resumeAt: expect.any(Number) },
  });
  expect(code).toBe(1);
});

test("whatever a turn says, the SDK receives exactly that", async () => {
  const asked: { turn: { text: string; tools: { name: string; input: Record<string, unknown> }[] } } = {
    turn: { text: "", tools: [] },
  };
  const server = await startModelServer({
    protocols: [messagesProtocol],
    answer: () => asked.turn as ReturnType<typeof turnAt>,
  });
  const client = new Anthropic({ apiKey: "k", baseURL: server.url, maxRetries: 0 });
  const texts = fc.string({ unit: "binary", maxLength: 300 });
  const turns = fc.record({
    text: texts,
    tools: fc.array(fc.record({ name: fc.constant("write"), input: fc.dictionary(fc.string(), texts) }), {
      maxLength: 3,
    }),
  });
  try {
    await fc.assert(
      fc.asyncProperty(turns, async (turn) => {
        asked.turn = turn;
        const messages = [{ role: "user" as const, content: "go" }];
        const message = await client.messages.stream({ model: "m", max_tokens: 10, messages }).finalMessage();
        const text = message.content.flatMap((block) => block.type === "text" ? [block.text] : []).join("");
        const tools = message.content.flatMap((block) =>
          block.type === "tool_use" ? [{ name: block.name, input: block.input }] : []
        );
        // JSON has no lone surrogates on the wire.
        expect({ text, tools }).toEqual(JSON.parse(JSON.stringify(turn).toWellFormed()));
      }),
      { numRuns: 50 },
    );
  } finally {
    await server.close();
  }
});
