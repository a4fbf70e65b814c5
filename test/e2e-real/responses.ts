import { z } from "zod";
import { pieces, type Protocol, sse, tokensOf } from "../../src/agents/tape/server.ts";

const requestSchema = z.looseObject({
  model: z.string(),
  stream: z.literal(true),
  input: z.array(z.looseObject({
    type: z.string().default("message"),
    role: z.string().optional(),
    content: z.unknown().optional(),
    call_id: z.string().optional(),
  })),
  tools: z.array(z.looseObject({ name: z.string().optional() })).default([]),
});

const content = z.array(z.looseObject({ text: z.string().optional() }));

/** The OpenAI Responses API: `POST /v1/responses` with `stream: true`. A call's id says in which round it was made. */
export const responsesProtocol: Protocol = {
  serves: (path) => path.endsWith("/v1/responses"),
  read: (body, bytes) => {
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success) return null;
    const { model, input, tools } = parsed.data;
    const asked = input.filter(({ type, role }) => type === "message" && role === "user");
    const outputs = input.flatMap(({ type, call_id }) => type.endsWith("_call_output") ? [roundOf(call_id)] : []);
    return {
      model,
      prompt: asked.flatMap((said) => content.safeParse(said.content).data ?? []).map(({ text }) => text ?? "")
        .join("\n"),
      rounds: Math.max(0, ...outputs.map((round) => round + 1)),
      tools: tools.flatMap(({ name }) => name ?? []),
      bytes,
    };
  },
  stream: (turn, { rounds, bytes }) => {
    const id = `resp_${rounds}`;
    const items = turn.tools.map(({ name, input }, index) => ({
      type: "function_call",
      id: `fc_${rounds}_${index}`,
      call_id: `call_${rounds}_${index}`,
      name,
      arguments: JSON.stringify(input),
    }));
    const input = tokensOf(bytes);
    const output = tokensOf(JSON.stringify(turn).length);
    const usage = {
      input_tokens: input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + output,
    };
    return [
      event("response.created", { response: { id } }),
      ...turn.text === "" ? [] : [
        event("response.output_item.added", { output_index: 0, item: message(rounds, []) }),
        ...pieces(turn.text).map((delta) =>
          event("response.output_text.delta", { output_index: 0, content_index: 0, delta })
        ),
        event("response.output_item.done", {
          output_index: 0,
          item: message(rounds, [{ type: "output_text", text: turn.text, annotations: [] }]),
        }),
      ],
      ...items.map((item, index) => event("response.output_item.done", { output_index: index + 1, item })),
      event("response.completed", { response: { id, usage } }),
    ];
  },
  failure: ({ type, message: text }) => ({ error: { type, message: text } }),
};

function message(rounds: number, parts: object[]) {
  return { type: "message", role: "assistant", id: `msg_${rounds}`, content: parts };
}

function roundOf(callId: string | undefined): number {
  return Number(/^call_(\d+)_/.exec(callId ?? "")?.[1] ?? 0);
}

function event(type: string, data: object): string {
  return sse({ type, ...data }, type);
}
