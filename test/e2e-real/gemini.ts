import { z } from "zod";
import { pieces, type Protocol, sse, tokensOf } from "../../src/agents/tape/server.ts";

const requestSchema = z.looseObject({
  contents: z.array(z.looseObject({
    role: z.string().optional(),
    parts: z.array(z.looseObject({ text: z.string().optional(), functionCall: z.unknown().optional() })).default([]),
  })),
  tools: z.array(z.looseObject({ functionDeclarations: z.array(z.looseObject({ name: z.string() })).optional() }))
    .default([]),
});

/** The Gemini API: `POST /v1beta/models/<model>:streamGenerateContent?alt=sse`. */
export const geminiProtocol: Protocol = {
  serves: (path) => path.endsWith(":streamGenerateContent"),
  read: (body, bytes, path) => {
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) return null;
    const { contents, tools } = parsed.data;
    return {
      model: /models\/([^:/]+)/.exec(path)?.[1] ?? "",
      prompt: contents.filter(({ role }) => role === "user").flatMap(({ parts }) => parts.map(({ text }) => text ?? ""))
        .join("\n"),
      rounds:
        contents.filter(({ role, parts }) => role === "model" && parts.some((part) => part.functionCall !== undefined))
          .length,
      tools: tools.flatMap(({ functionDeclarations }) => functionDeclarations ?? []).map(({ name }) => name),
      bytes,
    };
  },
  stream: (turn, { model, bytes }) => {
    const prompt = tokensOf(bytes);
    const completion = tokensOf(JSON.stringify(turn).length);
    const chunk = (parts: object[], more: object = {}) =>
      sse({
        candidates: [{ index: 0, content: { role: "model", parts }, ...more }],
        usageMetadata: {
          promptTokenCount: prompt,
          candidatesTokenCount: completion,
          totalTokenCount: prompt + completion,
        },
        modelVersion: model,
      });
    return [
      ...pieces(turn.text).map((text) => chunk([{ text }])),
      chunk(turn.tools.map(({ name, input }) => ({ functionCall: { name, args: input } })), { finishReason: "STOP" }),
    ];
  },
  failure: ({ status, message }) => ({ error: { code: status, status: "UNKNOWN", message } }),
};
