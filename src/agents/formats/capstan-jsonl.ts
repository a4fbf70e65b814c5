import { type AgentEvent, agentFaultClasses, type OutputParser } from "../../model/agent-event.ts";
import { z } from "../../model/zod.ts";
import { caps, clip, clipStart, jsonObject, unknownLine } from "./json.ts";

const text = z.string().transform((value) => clip(value, caps.text));
const detail = z.string().default("").transform((value) => clip(value, caps.detail));
const tokens = z.number().nonnegative().default(0);

const eventSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("start"), model: z.string().optional(), version: z.string().optional() }),
  z.object({ kind: z.literal("text"), text }),
  z.object({ kind: z.literal("tool-start"), id: z.string(), name: z.string(), detail, input: z.string().optional() }),
  z.object({ kind: z.literal("tool-end"), id: z.string(), ok: z.boolean(), detail }),
  z.object({
    kind: z.literal("usage"),
    usage: z.object({ inputTokens: tokens, outputTokens: tokens, cacheReadTokens: tokens, cacheWriteTokens: tokens }),
  }),
  z.object({ kind: z.literal("cost"), usd: z.number().nonnegative() }),
  z.object({ kind: z.literal("retry"), message: detail, status: z.int().optional(), delayMs: z.number().optional() }),
  z.object({
    kind: z.literal("error"),
    fault: z.object({
      class: z.enum(agentFaultClasses).catch("unknown"),
      message: text,
      status: z.int().optional(),
      resumeAt: z.number().optional(),
    }),
  }),
  z.object({
    kind: z.literal("end"),
    ok: z.boolean(),
    finalText: z.string().default("").transform((value) => clipStart(value, caps.finalText)),
  }),
]);

/** The event vocabulary itself, one JSON object per line: what the built-in agent prints, and any program may. */
export function capstanParser(): OutputParser {
  return {
    line(line) {
      const parsed = eventSchema.safeParse(jsonObject(line));
      return parsed.success ? [withoutUndefined(parsed.data)] : unknownLine(line);
    },
    close: () => [],
  };
}

/** The schema may add keys with the value `undefined`, which the event types do not allow. */
function withoutUndefined(event: z.output<typeof eventSchema>): AgentEvent {
  return JSON.parse(JSON.stringify(event)) as AgentEvent;
}
