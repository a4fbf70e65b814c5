import type { AgentEvent, OutputParser, Usage } from "../../model/agent-event.ts";
import type { Classify } from "../faults.ts";
import {
  callFacts,
  caps,
  child,
  clip,
  clipStart,
  contentText,
  count,
  type Json,
  jsonObject,
  number,
  string,
  textEvent,
  unknownLine,
} from "./json.ts";
import { totalUsage } from "./usage.ts";

/** Events that repeat what others say. */
const noise =
  /^(session|agent_start|agent_settled|turn_start|message_start|message_update|tool_execution_update|entry_appended|queue_update|compaction_start)$/;

/**
 * pi's `--mode json`.
 *
 * pi exits 0 whatever happened: the stop reason of the last turn decides, at `agent_end` (which comes again after every retry of its own).
 * `message_update` repeats the whole message so far, so it is dropped before it is parsed.
 */
export function piParser(fault: Classify): OutputParser {
  let usage: Usage = totalUsage([]);
  let usd = 0;
  let finalText = "";
  let last: { reason: string; error: string } | null = null;
  let started = false;
  let ended = false;

  function message(event: Json): AgentEvent[] {
    const spoken = child(event, "message");
    if (spoken.role !== "assistant") return [];
    const text = contentText(spoken.content);
    if (text !== "") finalText = clipStart(text, caps.finalText);
    const model = string(spoken.model);
    const start: AgentEvent[] = started || model === undefined ? [] : [{ kind: "start", model }];
    started = true;
    return [...start, ...textEvent(text)];
  }

  function turnEnd(event: Json): AgentEvent[] {
    const spoken = child(event, "message");
    const counts = child(spoken, "usage");
    usage = totalUsage([usage, {
      inputTokens: count(counts.input),
      outputTokens: count(counts.output),
      cacheReadTokens: count(counts.cacheRead),
      cacheWriteTokens: count(counts.cacheWrite),
    }]);
    usd += count(child(counts, "cost").total);
    ended = false;
    last = { reason: string(spoken.stopReason) ?? "", error: string(spoken.errorMessage) ?? "" };
    return [{ kind: "usage", usage }, { kind: "cost", usd }];
  }

  function agentEnd(event: Json): AgentEvent[] {
    if (event.willRetry === true) return [];
    return closing();
  }

  function closing(): AgentEvent[] {
    ended = true;
    if (last?.reason === "stop") return [{ kind: "end", ok: true, finalText }];
    return [
      {
        kind: "error",
        fault: fault({ message: last?.error || `stopped for the reason "${last?.reason ?? "unknown"}"` }),
      },
      { kind: "end", ok: false, finalText },
    ];
  }

  return {
    line(text) {
      if (text.startsWith('{"type":"message_update"')) return [];
      const event = jsonObject(text);
      const type = string(event?.type) ?? "";
      if (event === null || type === "") return unknownLine(text);
      if (noise.test(type)) return [];
      switch (type) {
        case "message_end":
          return message(event);
        case "tool_execution_start":
          return [{
            kind: "tool-start",
            id: string(event.toolCallId) ?? "",
            name: string(event.toolName) ?? "tool",
            ...callFacts(event.args),
          }];
        case "tool_execution_end":
          return [{
            kind: "tool-end",
            id: string(event.toolCallId) ?? "",
            ok: event.isError !== true,
            detail: clip(contentText(child(event, "result").content), caps.detail),
          }];
        case "turn_end":
          return turnEnd(event);
        case "auto_retry_start": {
          const delayMs = number(event.delayMs);
          const said = clip(string(event.errorMessage) ?? "", caps.detail);
          return [{ kind: "retry", message: said, ...(delayMs === undefined ? {} : { delayMs }) }];
        }
        case "auto_retry_end":
          return [];
        case "agent_end":
          return agentEnd(event);
        default:
          return unknownLine(text);
      }
    },
    close() {
      // `agent_end` repeats the whole session: on a very long one it is a line that was cut.
      return ended || last === null || last.reason === "toolUse" ? [] : closing();
    },
  };
}
