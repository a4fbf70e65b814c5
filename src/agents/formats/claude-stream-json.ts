import type { AgentEvent, AgentFaultClass, OutputParser, Usage } from "../../model/agent-event.ts";
import type { Classify } from "../faults.ts";
import {
  asObject,
  callFacts,
  caps,
  child,
  clip,
  clipStart,
  contentText,
  count,
  type Json,
  jsonObject,
  listed,
  number,
  objects,
  string,
  textEvent,
  unknownLine,
} from "./json.ts";
import { totalUsage } from "./usage.ts";

/** What Claude Code's own error names mean; the missing ones are read from the message. */
const classes: Record<string, AgentFaultClass> = {
  authentication_failed: "auth",
  billing_error: "billing",
  model_not_found: "model",
  error_max_turns: "turn-limit",
  error_max_budget_usd: "budget-limit",
  prompt_too_long: "overflow",
};

/**
 * Claude Code's `--output-format stream-json` (Amp and Cursor print the same family).
 *
 * An API failure arrives as `subtype: "success"` with `is_error: true`, after a synthetic assistant message that names the class.
 * Key order is not stable, and `usage` lacks the last turn after a budget stop: totals come from `modelUsage` when it is there.
 */
export function claudeParser(fault: Classify): OutputParser {
  const perMessage = new Map<string, Usage>();
  const names = new Map<string, string>();
  let toolsOk = 0;
  let lastText = "";
  let spoken: { name: string; message: string; status: number | undefined } | null = null;
  let rejectedUntil: number | undefined;
  let ended = false;

  function assistant(event: Json): AgentEvent[] {
    const message = child(event, "message");
    const text = contentText(message.content);
    const name = string(event.error);
    if (name !== undefined) {
      spoken = { name, message: text, status: number(event.api_error_status) };
      return [];
    }
    if (text !== "") lastText = text;
    const events = objects(message.content).flatMap((block): AgentEvent[] => {
      if (block.type === "text") return textEvent(string(block.text) ?? "");
      if (block.type !== "tool_use") return [];
      const tool = { id: string(block.id) ?? "", name: string(block.name) ?? "tool" };
      names.set(tool.id, tool.name);
      return [{ kind: "tool-start", ...tool, ...callFacts(block.input) }];
    });
    const id = string(message.id);
    if (id === undefined || asObject(message.usage) === null) return events;
    perMessage.set(id, usageOf(child(message, "usage")));
    return [...events, { kind: "usage", usage: totalUsage(perMessage.values()) }];
  }

  function user(event: Json): AgentEvent[] {
    return objects(child(event, "message").content).filter((block) => block.type === "tool_result").map((block) => {
      const ok = block.is_error !== true;
      if (ok) toolsOk += 1;
      return {
        kind: "tool-end",
        id: string(block.tool_use_id) ?? "",
        ok,
        detail: clip(contentText(block.content), caps.detail),
      };
    });
  }

  function system(event: Json, line: string): AgentEvent[] {
    switch (event.subtype) {
      case "init":
        return [started(event)];
      case "api_retry": {
        const status = number(event.error_status);
        const delayMs = number(event.retry_delay_ms);
        return [{
          kind: "retry",
          message: string(event.error) ?? "",
          ...(status === undefined ? {} : { status }),
          ...(delayMs === undefined ? {} : { delayMs }),
        }];
      }
      case "permission_denied":
        return [];
      default:
        return unknownLine(line);
    }
  }

  function toolCall(event: Json): AgentEvent[] {
    const id = string(event.call_id) ?? "";
    const [name = "tool", call] = Object.entries(child(event, "tool_call"))[0] ?? [];
    if (event.subtype === "started") {
      return [{ kind: "tool-start", id, name, ...callFacts(child(asObject(call) ?? {}, "args")) }];
    }
    toolsOk += 1;
    return [{ kind: "tool-end", id, ok: true, detail: "" }];
  }

  function failure(event: Json): AgentEvent {
    const reason = [string(event.subtype), string(event.terminal_reason), spoken?.name].find((name) =>
      name !== undefined && classes[name] !== undefined
    );
    const stated = Array.isArray(event.errors)
      ? event.errors.filter((item) => typeof item === "string").join("; ")
      : "";
    const type = string(event.api_error_type) ?? "";
    const message = string(event.result) ?? spoken?.message ?? stated;
    return {
      kind: "error",
      fault: fault({
        message: type === "insufficient_quota" ? `${message} (${type})` : message,
        status: number(event.api_error_status) ?? spoken?.status,
        class: reason === undefined ? undefined : classes[reason],
        resumeAt: rejectedUntil,
      }),
    };
  }

  function result(event: Json): AgentEvent[] {
    ended = true;
    const events: AgentEvent[] = [];
    const usage = totalUsage(
      Object.keys(child(event, "modelUsage")).length > 0
        ? Object.values(child(event, "modelUsage")).map((model) => usageOfModel(asObject(model) ?? {}))
        : [usageOf(child(event, "usage"))],
    );
    if (asObject(event.usage) !== null) events.push({ kind: "usage", usage });
    const usd = number(event.total_cost_usd);
    if (usd !== undefined && usd >= 0) events.push({ kind: "cost", usd });

    const finalText = clipStart(string(event.result) ?? lastText, caps.finalText);
    const denied = objects(event.permission_denials);
    if (event.is_error === true) return [...events, failure(event), { kind: "end", ok: false, finalText }];
    if (event.stop_reason === "refusal") {
      const refused = fault({ class: "refused", message: finalText || "the model refused to answer" });
      return [...events, { kind: "error", fault: refused }, { kind: "end", ok: false, finalText }];
    }
    if (denied.length > 0 && toolsOk === 0) {
      const tools = listed(denied.map((item) => string(item.tool_name) ?? "tool"));
      const message = `every tool call was denied for lack of permission: ${tools}`;
      return [...events, { kind: "error", fault: { class: "unknown", message } }, {
        kind: "end",
        ok: false,
        finalText,
      }];
    }
    return [...events, { kind: "end", ok: true, finalText }];
  }

  return {
    line(text) {
      const event = jsonObject(text);
      switch (event?.type) {
        case "system":
          return system(event, text);
        case "assistant":
          return assistant(event);
        case "user":
          return user(event);
        case "tool_call":
          return toolCall(event);
        case "stream_event":
        case "thinking":
          return [];
        case "rate_limit_event": {
          const info = child(event, "rate_limit_info");
          const resetsAt = number(info.resetsAt);
          if (info.status === "rejected" && resetsAt !== undefined) rejectedUntil = resetsAt * 1000;
          return [];
        }
        case "result":
          return result(event);
        default:
          return unknownLine(text);
      }
    },
    close() {
      return ended || spoken === null ? [] : [failure({})];
    },
  };
}

function started(event: Json): AgentEvent {
  const model = string(event.model);
  const version = string(event.claude_code_version);
  return {
    kind: "start",
    ...(model === undefined ? {} : { model }),
    ...(version === undefined ? {} : { version }),
  };
}

function usageOf(usage: Json): Usage {
  return {
    inputTokens: count(usage.input_tokens),
    outputTokens: count(usage.output_tokens),
    cacheReadTokens: count(usage.cache_read_input_tokens),
    cacheWriteTokens: count(usage.cache_creation_input_tokens),
  };
}

function usageOfModel(usage: Json): Usage {
  return {
    inputTokens: count(usage.inputTokens),
    outputTokens: count(usage.outputTokens),
    cacheReadTokens: count(usage.cacheReadInputTokens),
    cacheWriteTokens: count(usage.cacheCreationInputTokens),
  };
}
