import type { AgentEvent, OutputParser } from "../../model/agent-event.ts";
import { type Classify, statusIn } from "../faults.ts";
import {
  callDetail,
  callFacts,
  caps,
  child,
  clip,
  clipStart,
  type Json,
  jsonObject,
  listed,
  saysFailure,
  string,
  textEvent,
  unknownLine,
} from "./json.ts";
import { usageWithCacheInside } from "./usage.ts";

/** Items that are tool calls. Others (reasoning, plans) are no news. */
const tools = new Set([
  "command_execution",
  "file_change",
  "mcp_tool_call",
  "web_search",
  "custom_tool_call",
  "collab_tool_call",
]);

/**
 * `codex exec --json`.
 *
 * `error` with "Reconnecting..." is a retry; the fatal one repeats in `turn.failed`. There is no HTTP status field: it is in the text.
 * Input tokens contain the cached ones. No cost.
 */
export function codexParser(fault: Classify): OutputParser {
  const open = new Set<string>();
  const declined: string[] = [];
  let toolsOk = 0;
  let finalText = "";
  let pending: string | null = null;

  function toolStart(item: Json): AgentEvent[] {
    const id = string(item.id) ?? "";
    if (open.has(id)) return [];
    open.add(id);
    const start = { id, name: string(item.type) ?? "tool", detail: callDetail(item) };
    // A change of files names the files and not the change.
    const whole = item.type === "command_execution" ? item.command : item.arguments;
    return [{
      kind: "tool-start",
      ...start,
      ...whole === undefined ? {} : { input: callFacts([item.tool, whole]).input },
    }];
  }

  function toolEnd(item: Json): AgentEvent[] {
    const events = toolStart(item);
    const id = string(item.id) ?? "";
    open.delete(id);
    const ok = item.status !== "failed" && item.status !== "declined" && !saysFailure(item.exit_code);
    if (ok) toolsOk += 1;
    if (item.status === "declined") declined.push(string(item.type) ?? "tool");
    return [...events, { kind: "tool-end", id, ok, detail: clip(string(item.aggregated_output) ?? "", caps.detail) }];
  }

  function completed(item: Json, line: string): AgentEvent[] {
    const type = string(item.type) ?? "";
    if (tools.has(type)) return toolEnd(item);
    if (type === "agent_message") {
      finalText = clipStart(string(item.text) ?? "", caps.finalText);
      return textEvent(string(item.text) ?? "");
    }
    if (type === "error") {
      const message = string(item.message) ?? "";
      return /falling back|reconnect|retry/i.test(message) ? [retry(message)] : unknownLine(line);
    }
    return type === "reasoning" || type === "todo_list" ? [] : unknownLine(line);
  }

  function turnCompleted(event: Json): AgentEvent[] {
    const usage = child(event, "usage");
    const counted: AgentEvent = {
      kind: "usage",
      usage: usageWithCacheInside({
        input: usage.input_tokens,
        output: usage.output_tokens,
        read: usage.cached_input_tokens,
        write: usage.cache_write_input_tokens,
      }),
    };
    pending = null;
    if (declined.length > 0 && toolsOk === 0) {
      const message = `every tool call was denied for lack of permission: ${listed(declined)}`;
      return [counted, { kind: "error", fault: { class: "unknown", message } }, { kind: "end", ok: false, finalText }];
    }
    return [counted, { kind: "end", ok: true, finalText }];
  }

  return {
    line(text) {
      const event = jsonObject(text);
      switch (event?.type) {
        case "thread.started":
          return [{ kind: "start" }];
        case "turn.started":
        case "item.updated":
          return [];
        case "item.started": {
          const item = child(event, "item");
          return tools.has(string(item.type) ?? "") ? toolStart(item) : [];
        }
        case "item.completed":
          return completed(child(event, "item"), text);
        case "error": {
          const message = string(event.message) ?? "";
          if (message.startsWith("Reconnecting")) return [retry(message)];
          pending = message;
          return [];
        }
        case "turn.completed":
          return turnCompleted(event);
        case "turn.failed": {
          const message = string(child(event, "error").message) ?? pending ?? "";
          pending = null;
          return [{ kind: "error", fault: fault({ message }) }, { kind: "end", ok: false, finalText }];
        }
        default:
          return unknownLine(text);
      }
    },
    close() {
      return pending === null ? [] : [{ kind: "error", fault: fault({ message: pending }) }];
    },
  };
}

function retry(message: string): AgentEvent {
  const status = statusIn(message);
  return { kind: "retry", message: clip(message, caps.detail), ...(status === undefined ? {} : { status }) };
}
