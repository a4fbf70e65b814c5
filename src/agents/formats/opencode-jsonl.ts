import type { AgentEvent, OutputParser, Usage } from "../../model/agent-event.ts";
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
  number,
  saysFailure,
  string,
  textEvent,
  unknownLine,
} from "./json.ts";
import { totalUsage } from "./usage.ts";

/**
 * `opencode run --format json`.
 *
 * No closing event: a step that finishes with the reason `stop` is the end. Tool calls are printed only when they are over, retries
 * not at all. Usage and cost are per step and added up.
 */
export function opencodeParser(fault: Classify): OutputParser {
  let usage: Usage = totalUsage([]);
  let usd = 0;
  let finalText = "";
  let message = "";
  let denied: string | null = null;
  let settled = false;

  function text(part: Json): AgentEvent[] {
    const spoken = string(part.text) ?? "";
    const id = string(part.messageID) ?? "";
    finalText = clipStart(id === message ? `${finalText}\n${spoken}` : spoken, caps.finalText);
    message = id;
    return textEvent(spoken);
  }

  function tool(part: Json): AgentEvent[] {
    const state = child(part, "state");
    const id = string(part.callID) ?? "";
    const name = string(part.tool) ?? "tool";
    const error = string(state.error);
    const ok = state.status === "completed" && !saysFailure(child(state, "metadata").exit);
    denied = error !== undefined && /permission/i.test(error) ? name : null;
    return [
      { kind: "tool-start", id, name, ...callFacts(state.input) },
      { kind: "tool-end", id, ok, detail: clip(error ?? string(state.output) ?? "", caps.detail) },
    ];
  }

  function stepFinish(part: Json): AgentEvent[] {
    const tokens = child(part, "tokens");
    const cache = child(tokens, "cache");
    usage = totalUsage([usage, {
      inputTokens: count(tokens.input),
      outputTokens: count(tokens.output) + count(tokens.reasoning),
      cacheReadTokens: count(cache.read),
      cacheWriteTokens: count(cache.write),
    }]);
    usd += count(part.cost);
    const events: AgentEvent[] = [{ kind: "usage", usage }, { kind: "cost", usd }];
    if (part.reason !== "stop") return events;
    settled = true;
    return [...events, { kind: "end", ok: true, finalText }];
  }

  function failed(event: Json): AgentEvent[] {
    const error = child(event, "error");
    const data = child(error, "data");
    const spoken = string(data.message) ?? string(error.name) ?? "";
    const quota = string(data.responseBody)?.includes("insufficient_quota") === true;
    settled = true;
    return [{
      kind: "error",
      fault: fault({
        message: quota ? `${spoken} (insufficient_quota)` : spoken,
        status: number(data.statusCode),
        class: error.name === "ContextOverflowError"
          ? "overflow"
          : error.name === "ProviderAuthError"
          ? "auth"
          : undefined,
        resumeAt: resumeFrom(child(data, "responseHeaders"), number(event.timestamp)),
      }),
    }, { kind: "end", ok: false, finalText }];
  }

  return {
    line(line) {
      const event = jsonObject(line);
      switch (event?.type) {
        case "step_start":
          settled = false;
          return [];
        case "text":
          return text(child(event, "part"));
        case "reasoning":
          return [];
        case "tool_use":
          return tool(child(event, "part"));
        case "step_finish":
          return stepFinish(child(event, "part"));
        case "error":
          return failed(event);
        default:
          return unknownLine(line);
      }
    },
    close() {
      if (settled || denied === null) return [];
      const problem = `a tool call was denied for lack of permission: ${denied}`;
      return [{ kind: "error", fault: { class: "unknown", message: problem } }, { kind: "end", ok: false, finalText }];
    },
  };
}

/** The time that the provider's response headers name, if they do. */
function resumeFrom(headers: Json, at: number | undefined): number | undefined {
  const reset = Number(string(headers["anthropic-ratelimit-unified-reset"]) ?? Number.NaN);
  if (Number.isFinite(reset)) return reset * 1000;
  const after = Number(string(headers["retry-after"]) ?? Number.NaN);
  return Number.isFinite(after) && at !== undefined ? at + after * 1000 : undefined;
}
