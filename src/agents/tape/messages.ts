import { z } from "zod";
import { type ModelRequest, pieces, type Protocol, sse, tokensOf } from "./server.ts";
import type { Turn } from "./tape.ts";

const block = z.looseObject({ type: z.string(), text: z.string().optional() });
const requestSchema = z.looseObject({
  model: z.string(),
  stream: z.literal(true),
  messages: z.array(z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(block)]) })),
  tools: z.array(z.looseObject({ name: z.string() })).default([]),
});

type Request = z.output<typeof requestSchema>;
type Blocks = z.output<typeof block>[];

/** The Anthropic Messages API: `POST /v1/messages` with `stream: true`. */
export const messagesProtocol: Protocol = {
  serves: (path) => path.endsWith("/v1/messages"),
  read: (body, bytes) => {
    const parsed = requestSchema.safeParse(body);
    return parsed.success ? requestOf(parsed.data, bytes) : null;
  },
  stream: (turn, request) => {
    const content = [
      ...(turn.text === "" ? [] : [textBlock(turn.text)]),
      ...turn.tools.map(({ name, input }, index) => toolBlock(`toolu_${request.rounds}_${index}`, name, input)),
    ];
    return [
      event("message_start", { message: emptyMessage(request) }),
      ...content.flatMap((part, index) => [
        event("content_block_start", { index, content_block: part.start }),
        ...part.deltas.map((delta) => event("content_block_delta", { index, delta })),
        event("content_block_stop", { index }),
      ]),
      event("message_delta", {
        delta: { stop_reason: turn.tools.length > 0 ? "tool_use" : "end_turn", stop_sequence: null },
        usage: { output_tokens: outputTokens(turn) },
      }),
      event("message_stop", {}),
    ];
  },
  failure: ({ type, message }) => ({ type: "error", error: { type, message } }),
};

function requestOf({ model, messages, tools }: Request, bytes: number): ModelRequest {
  const blocks = messages.map(({ content }): Blocks =>
    typeof content === "string" ? [{ type: "text", text: content }] : content
  );
  const first = blocks[messages.findIndex(({ role }) => role === "user")] ?? [];
  return {
    model,
    prompt: first.flatMap(({ type, text }) => type === "text" && text !== undefined ? [text] : []).join("\n"),
    rounds: blocks.filter((content) => content.some(({ type }) => type === "tool_result")).length,
    tools: tools.map(({ name }) => name),
    bytes,
  };
}

function emptyMessage({ model, rounds, bytes }: ModelRequest) {
  return {
    id: `msg_${rounds}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: {
      input_tokens: tokensOf(bytes),
      output_tokens: 1,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
    },
  };
}

function textBlock(text: string) {
  return {
    start: { type: "text", text: "" },
    deltas: pieces(text).map((piece) => ({ type: "text_delta", text: piece })),
  };
}

function toolBlock(id: string, name: string, input: unknown) {
  return {
    start: { type: "tool_use", id, name, input: {} },
    deltas: pieces(JSON.stringify(input)).map((piece) => ({ type: "input_json_delta", partial_json: piece })),
  };
}

function outputTokens(turn: Turn): number {
  return tokensOf(Buffer.byteLength(JSON.stringify([turn.text, turn.tools])));
}

function event(type: string, data: object): string {
  return sse({ type, ...data }, type);
}
