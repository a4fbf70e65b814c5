import type { AgentEvent, OutputParser, Usage } from "../../model/agent-event.ts";
import type { Classify } from "../faults.ts";
import {
  asObject,
  callFacts,
  caps,
  child,
  clip,
  clipStart,
  type Json,
  jsonObject,
  listed,
  number,
  saysFailure,
  string,
  textEvent,
  unknownLine,
} from "./json.ts";
import { totalUsage, usageWithCacheInside } from "./usage.ts";

/** Events that repeat what others say, or say nothing. */
const noise =
  /^(user\.message|session\.(skills_loaded|mcp_servers_loaded|background_tasks_changed|info)|assistant\.(turn_start|turn_end|message_start|message_delta|tool_call_delta|reasoning.*)|model\.call_(start|finished|final_result)|tool\.(shell_output|execution_partial_result))$/;

/**
 * `copilot --output-format json`.
 *
 * The last line carries an exit code that is 0 even after a stop by signal, so an aborted turn counts as unfinished. Tokens are in the
 * file of `--usage-output-file` only (`copilotUsage`). No cost.
 */
export function copilotParser(fault: Classify): OutputParser {
  const denied: string[] = [];
  const names = new Map<string, string>();
  let toolsOk = 0;
  let finalText = "";
  let failed = false;
  let aborted = false;

  function toolEnd(data: Json): AgentEvent[] {
    const id = string(data.toolCallId) ?? "";
    const error = child(data, "error");
    const ok = data.success === true && !saysFailure(child(data, "shellExecution").exitCode);
    if (data.success === true) toolsOk += 1;
    if (error.code === "denied") denied.push(names.get(id) ?? "tool");
    const said = string(error.message) ?? string(child(data, "result").content) ?? "";
    return [{ kind: "tool-end", id, ok, detail: clip(said, caps.detail) }];
  }

  function sessionError(data: Json): AgentEvent[] {
    failed = true;
    return [{
      kind: "error",
      fault: fault({
        message: string(data.message) ?? "",
        status: number(data.statusCode),
        class: data.errorType === "authentication" ? "auth" : undefined,
      }),
    }];
  }

  function result(event: Json): AgentEvent[] {
    if (failed || aborted || event.exitCode !== 0) return [{ kind: "end", ok: false, finalText }];
    if (denied.length > 0 && toolsOk === 0) {
      const message = `every tool call was denied for lack of permission: ${listed(denied)}`;
      return [{ kind: "error", fault: { class: "unknown", message } }, { kind: "end", ok: false, finalText }];
    }
    return [{ kind: "end", ok: true, finalText }];
  }

  return {
    line(text) {
      const event = jsonObject(text);
      const type = string(event?.type) ?? "";
      if (event === null || type === "") return unknownLine(text);
      if (noise.test(type)) return [];
      const data = child(event, "data");
      switch (type) {
        case "session.tools_updated": {
          const model = string(data.model);
          return [{ kind: "start", ...(model === undefined ? {} : { model }) }];
        }
        case "assistant.message": {
          const content = string(data.content) ?? "";
          if (content !== "") finalText = clipStart(content, caps.finalText);
          return textEvent(content);
        }
        case "tool.execution_start": {
          const id = string(data.toolCallId) ?? "";
          const name = string(data.toolName) ?? "tool";
          names.set(id, name);
          return [{ kind: "tool-start", id, name, ...callFacts(data.arguments) }];
        }
        case "tool.execution_complete":
          return toolEnd(data);
        case "model.call_failure": {
          const status = number(data.statusCode);
          const message = clip(string(data.errorMessage) ?? string(data.failureKind) ?? "", caps.detail);
          return [{ kind: "retry", message, ...(status === undefined ? {} : { status }) }];
        }
        case "assistant.turn_retry":
          return [];
        case "abort":
        case "agent.interrupted":
          aborted = true;
          return [];
        case "assistant.idle":
          if (data.aborted === true) aborted = true;
          return [];
        case "session.error":
          return sessionError(data);
        case "result":
          return result(event);
        default:
          return unknownLine(text);
      }
    },
    close: () => [],
  };
}

/** The totals in the JSON file of `--usage-output-file`, or `null` when it is none. Its input counts contain cached reads. */
export function copilotUsage(text: string): Usage | null {
  const metrics = asObject(jsonObject(text)?.modelMetrics);
  if (metrics === null) return null;
  return totalUsage(
    Object.values(metrics).map((model) => {
      const usage = child(asObject(model) ?? {}, "usage");
      return usageWithCacheInside({
        input: usage.inputTokens,
        output: usage.outputTokens,
        read: usage.cacheReadTokens,
        write: usage.cacheWriteTokens,
      });
    }),
  );
}
