import type Anthropic from "@anthropic-ai/sdk";
import type {
  ContentBlockParam,
  Message,
  MessageCreateParamsBase,
  MessageParam,
  ToolResultBlockParam,
  ToolUseBlock,
} from "@anthropic-ai/sdk/resources/messages";
import type { AgentEvent, AgentFault } from "../../model/agent-event.ts";
import { callFacts } from "../formats/json.ts";
import { ask, type AskOptions } from "./ask.ts";
import { createMeter } from "./meter.ts";
import type { Price } from "../../model/prices.ts";
import { priceOf } from "./prices.ts";
import type { ToolContext } from "./tool.ts";
import { tools } from "./tools.ts";

const maxTokens = 32_000;

const systemPrompt = `You are a coding agent at work in a git repository; the working directory is its root.
You work alone: nobody answers questions, and the brief is all there is to know.

- Look before you change: read the files and the tests that matter.
- Do what the brief asks, in the style of the code around it, and nothing else.
- Run the project's own checks and fix what they show before you finish. Never weaken a check to make it pass.
- Say only what you have verified. If you cannot finish, say what is missing.

When you are done, reply without a tool call: that reply is your final message.`;

export interface Conversation {
  client: Anthropic;
  model: string;
  /** Overrides the price table. */
  price?: Price;
  brief: string;
  maxTurns: number;
  maxRetries: number;
  context: ToolContext;
  emit: (event: AgentEvent) => void;
}

export type Ended =
  | { kind: "done"; finalText: string }
  | { kind: "fault"; fault: AgentFault; finalText: string }
  | { kind: "stopped"; finalText: string };

/** Works on a brief: asks the model, runs the tools that it calls, until it replies without a call or a limit is reached. */
export async function converse(conversation: Conversation): Promise<Ended> {
  const { model, price, brief, maxTurns, context, emit } = conversation;
  const meter = createMeter();
  const options: AskOptions = {
    client: conversation.client,
    maxRetries: conversation.maxRetries,
    signal: context.signal,
    emit,
    count: (usage, usedModel) => meter.add(usage, price ?? priceOf(usedModel)).forEach(emit),
  };
  const messages: MessageParam[] = [{
    role: "user",
    content: [{ type: "text", text: brief, cache_control: { type: "ephemeral" } }],
  }];
  let finalText = "";

  for (let turn = 1; turn <= maxTurns; turn++) {
    const answer = await ask(request(model, messages), options);
    if (answer.kind === "stopped") return { kind: "stopped", finalText };
    if (answer.kind === "fault") return { kind: "fault", fault: answer.fault, finalText };
    const { message } = answer;
    finalText = textOf(message);
    const fault = faultOfStop(message);
    if (fault !== null) return { kind: "fault", fault, finalText };

    const reply = await replyTo(message, context, emit);
    if (context.signal.aborted) return { kind: "stopped", finalText };
    if (reply === null) return { kind: "done", finalText };
    if (message.content.length > 0) messages.push({ role: "assistant", content: message.content });
    if (reply.length > 0) messages.push({ role: "user", content: reply });
  }
  return {
    kind: "fault",
    fault: { class: "turn-limit", message: `Stopped after ${maxTurns} turns` },
    finalText,
  };
}

/** System prompt and tools never change, so they and everything said before are read from the prompt cache. */
function request(model: string, messages: MessageParam[]): MessageCreateParamsBase {
  return {
    model,
    max_tokens: maxTokens,
    cache_control: { type: "ephemeral" },
    system: [{ type: "text", text: systemPrompt, cache_control: { type: "ephemeral" } }],
    tools: tools.map(({ name, description, inputSchema }) => ({ name, description, input_schema: inputSchema })),
    messages,
  };
}

/** What to say next: results of the calls, a nudge after a cut, nothing (`[]`) to let it go on, or `null` when it is done. */
async function replyTo(
  message: Message,
  context: ToolContext,
  emit: (event: AgentEvent) => void,
): Promise<ContentBlockParam[] | null> {
  const calls = message.content.filter((block) => block.type === "tool_use");
  if (message.stop_reason === "max_tokens") {
    return calls.length === 0
      ? [{ type: "text", text: "Your reply was cut off. Go on, in smaller parts." }]
      : calls.map(cutOff);
  }
  if (message.stop_reason === "pause_turn") return [];
  if (calls.length === 0) return null;
  const results: ToolResultBlockParam[] = [];
  for (const call of calls) {
    if (context.signal.aborted) break;
    results.push(await perform(call, context, emit));
  }
  return results;
}

async function perform(
  call: ToolUseBlock,
  context: ToolContext,
  emit: (event: AgentEvent) => void,
): Promise<ToolResultBlockParam> {
  const tool = tools.find(({ name }) => name === call.name);
  if (tool === undefined) return resultOf(call, `There is no tool \`${call.name}\``, false);
  emit({
    kind: "tool-start",
    id: call.id,
    name: tool.name,
    ...callFacts(call.input),
    detail: tool.describe(call.input),
  });
  const result = await tool.call(call.input, context);
  emit({ kind: "tool-end", id: call.id, ok: result.ok, detail: result.detail });
  return resultOf(call, result.text, result.ok);
}

function cutOff(call: ToolUseBlock): ToolResultBlockParam {
  return resultOf(
    call,
    "Not run: the reply was cut off before this call was complete. Repeat it in smaller parts",
    false,
  );
}

function resultOf(call: ToolUseBlock, text: string, ok: boolean): ToolResultBlockParam {
  return { type: "tool_result", tool_use_id: call.id, content: text, is_error: !ok };
}

function faultOfStop(message: Message): AgentFault | null {
  if (message.stop_reason === "refusal") {
    return { class: "refused", message: message.stop_details?.explanation ?? "The model refused to go on" };
  }
  if (message.stop_reason === "model_context_window_exceeded") {
    return { class: "overflow", message: "The conversation no longer fits into the model's context window" };
  }
  return null;
}

function textOf(message: Message): string {
  return message.content.flatMap((block) => block.type === "text" ? [block.text] : []).join("\n").trim();
}
