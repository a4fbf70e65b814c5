import { z } from "zod";
import { pieces, type Protocol, sse, tokensOf } from "../../src/agents/tape/server.ts";

const requestSchema = z.looseObject({
  model: z.string(),
  stream: z.literal(true),
  messages: z.array(z.looseObject({
    role: z.string(),
    content: z.union([z.string(), z.array(z.looseObject({ text: z.string().optional() }))]).nullish(),
    tool_calls: z.array(z.unknown()).nullish(),
  })),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }).optional() })).default([]),
});

/** The OpenAI Chat Completions API: `POST /v1/chat/completions` with `stream: true`. */
export const chatProtocol: Protocol = {
  serves: (path) => path.endsWith("/v1/chat/completions"),
  read: (body, bytes) => {
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) return null;
    const { model, messages, tools } = parsed.data;
    return {
      model,
      prompt: messages.filter(({ role }) => role === "user").map((message) => textOf(message.content)).join("\n"),
      rounds: messages.filter(({ role, tool_calls }) => role === "assistant" && (tool_calls?.length ?? 0) > 0).length,
      tools: tools.flatMap((tool) => tool.function?.name ?? []),
      bytes,
    };
  },
  stream: (turn, { model, rounds, bytes }) => {
    const chunk = (data: object) =>
      sse({ id: `chatcmpl_${rounds}`, object: "chat.completion.chunk", created: 0, model, ...data });
    const delta = (part: object, finish: string | null = null) =>
      chunk({ choices: [{ index: 0, delta: part, finish_reason: finish }] });
    const prompt = tokensOf(bytes);
    const completion = tokensOf(JSON.stringify(turn).length);
    return [
      delta({ role: "assistant", content: "" }),
      ...pieces(turn.text).map((piece) => delta({ content: piece })),
      ...turn.tools.flatMap(({ name, input }, index) => [
        delta({
          tool_calls: [{ index, id: `call_${rounds}_${index}`, type: "function", function: { name, arguments: "" } }],
        }),
        ...pieces(JSON.stringify(input)).map((piece) =>
          delta({ tool_calls: [{ index, function: { arguments: piece } }] })
        ),
      ]),
      delta({}, turn.tools.length > 0 ? "tool_calls" : "stop"),
      chunk({
        choices: [],
        usage: { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion },
      }),
      "data: [DONE]\n\n",
    ];
  },
  failure: ({ type, message }) => ({ error: { type, message } }),
};

function textOf(content: string | { text?: string | undefined }[] | null | undefined): string {
  return typeof content === "string" ? content : (content ?? []).map(({ text }) => text ?? "").join("\n");
}
