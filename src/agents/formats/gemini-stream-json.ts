import type { AgentEvent, OutputParser } from "../../model/agent-event.ts";
import type { Classify } from "../faults.ts";
import {
  callFacts,
  caps,
  child,
  clip,
  clipStart,
  count,
  type Json,
  jsonObject,
  string,
  textEvent,
  unknownLine,
} from "./json.ts";

/**
 * Gemini CLI's `--output-format stream-json`.
 *
 * Assistant messages are deltas; the final message is what came after the last tool call. Thoughts are counted in the total only, and
 * are output. Retries appear on standard error alone. No cost.
 */
export function geminiParser(fault: Classify): OutputParser {
  let finalText = "";

  function message(event: Json): AgentEvent[] {
    if (event.role !== "assistant") return [];
    const text = string(event.content) ?? "";
    finalText = clipStart(finalText + text, caps.finalText);
    return textEvent(text);
  }

  function result(event: Json): AgentEvent[] {
    const stats = child(event, "stats");
    const input = count(stats.input_tokens);
    const cached = count(stats.cached);
    const events: AgentEvent[] = Object.keys(stats).length === 0 ? [] : [{
      kind: "usage",
      usage: {
        inputTokens: Math.max(0, input - cached),
        outputTokens: Math.max(count(stats.output_tokens), count(stats.total_tokens) - input),
        cacheReadTokens: cached,
        cacheWriteTokens: 0,
      },
    }];
    if (event.status === "success") return [...events, { kind: "end", ok: true, finalText }];
    const error = child(event, "error");
    return [...events, {
      kind: "error",
      fault: fault({
        message: string(error.message) ?? "",
        class: error.type === "FatalTurnLimitedError"
          ? "turn-limit"
          : error.type === "FatalAuthenticationError"
          ? "auth"
          : undefined,
      }),
    }, { kind: "end", ok: false, finalText }];
  }

  return {
    line(text) {
      const event = jsonObject(text);
      switch (event?.type) {
        case "init": {
          const model = string(event.model);
          return [{ kind: "start", ...(model === undefined ? {} : { model }) }];
        }
        case "message":
          return message(event);
        case "tool_use":
          finalText = "";
          return [{
            kind: "tool-start",
            id: string(event.tool_id) ?? "",
            name: string(event.tool_name) ?? "tool",
            ...callFacts(event.parameters),
          }];
        case "tool_result":
          return [{
            kind: "tool-end",
            id: string(event.tool_id) ?? "",
            ok: event.status === "success",
            detail: clip(string(event.output) ?? string(child(event, "error").message) ?? "", caps.detail),
          }];
        case "error":
          return [{ kind: "retry", message: clip(string(event.message) ?? "", caps.detail) }];
        case "result":
          return result(event);
        default:
          return unknownLine(text);
      }
    },
    close: () => [],
  };
}
