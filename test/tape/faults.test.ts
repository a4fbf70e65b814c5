import Anthropic from "@anthropic-ai/sdk";
import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { converse, type Ended } from "../../src/agents/builtin/converse.ts";
import type { TapeError } from "../../src/agents/tape/tape.ts";
import { model, say } from "./agent.ts";
import { open, rawServer, stopsWith, streamed } from "./raw-server.ts";

/** What the agent makes of this server, asked once. */
function ended(url: string): Promise<Ended> {
  return converse({
    client: new Anthropic({ apiKey: "k", baseURL: url, maxRetries: 0, logLevel: "off" }),
    model: "m",
    brief: "Do it.",
    maxTurns: 3,
    maxRetries: 0,
    context: { root: import.meta.dirname, env: {}, signal: new AbortController().signal },
    emit: () => {},
  });
}

test.each<[string, Partial<TapeError>, object]>([
  ["a wrong key", { status: 401, type: "authentication_error" }, { class: "auth", status: 401 }],
  ["a forbidden request", { status: 403, type: "permission_error" }, { class: "auth", status: 403 }],
  ["an empty account", { status: 400, type: "invalid_request_error", message: "Your credit balance is too low" }, {
    class: "billing",
  }],
  ["a spent limit", { status: 402, type: "billing_error" }, { class: "billing", status: 402 }],
  ["a brief that is too long", { status: 400, type: "invalid_request_error", message: "prompt is too long: 2 > 1" }, {
    class: "overflow",
  }],
  ["a request that is too large", { status: 413, type: "request_too_large" }, { class: "overflow" }],
  ["an unknown model", { status: 404, type: "not_found_error", message: "model: gone" }, { class: "model" }],
  ["a rate limit", { status: 429, type: "rate_limit_error" }, { class: "rate-limit", status: 429 }],
  ["an overloaded server", { status: 529, type: "overloaded_error" }, { class: "overloaded", status: 529 }],
  ["a broken server", { status: 500 }, { class: "server", status: 500 }],
  ["any other refusal", { status: 422, type: "invalid_request_error" }, { class: "unknown", status: 422 }],
])("%s is classified", async (_name, error, fault) => {
  const failing = { status: 500, type: "api_error", message: "no", ...error };
  await using server = await model([{ text: "late", tools: [], error: failing }]);
  expect(await ended(server.url)).toEqual({
    kind: "fault",
    fault: expect.objectContaining({ message: failing.message, ...fault }),
    finalText: "",
  });
});

const events = streamed(say("half a reply"));
test.each<[string, (response: ServerResponse) => void, string]>([
  ["torn apart", (response) => {
    open(response).write(events.slice(0, 3).join(""), () => response.destroy());
  }, "network"],
  ["closed politely in the middle", (response) => void open(response).end(events.slice(0, 3).join("")), "network"],
  ["closed before it began", (response) => void open(response).end(), "network"],
  ["garbage", (response) => void open(response).end("event: message_start\ndata: {not json\n\n"), "network"],
  ["an error in the middle", (response) => {
    const error = { type: "error", error: { type: "overloaded_error", message: "busy" } };
    open(response).end(`${events.slice(0, 3).join("")}event: error\ndata: ${JSON.stringify(error)}\n\n`);
  }, "overloaded"],
])("a reply that is %s is a failure, never a finished work", async (_name, answer, kind) => {
  await using server = await rawServer(answer);
  expect(await ended(server.url)).toMatchObject({ kind: "fault", fault: { class: kind } });
});

test.each([["refusal", "refused"], ["model_context_window_exceeded", "overflow"]])(
  "a reply that stops by %s is the fault %s",
  async (reason, kind) => {
    await using server = await rawServer((response) => void open(response).end(stopsWith(reason, say("No."))));
    expect(await ended(server.url)).toMatchObject({ kind: "fault", fault: { class: kind }, finalText: "No." });
  },
);
