import type Anthropic from "@anthropic-ai/sdk";
import type { Message, MessageCreateParamsBase, Usage as ReplyUsage } from "@anthropic-ai/sdk/resources/messages";
import type { AgentEvent, AgentFault, Usage } from "../../model/agent-event.ts";
import { systemClock } from "../../system/clock.ts";
import { failureOf, type RequestFailure } from "./faults.ts";

/** Waits longer than this are the runner's to make, not a process's that holds memory and a lock meanwhile. */
const longestWaitMs = 60_000;
const firstWaitMs = 1000;

export type Answer =
  | { kind: "message"; message: Message }
  | { kind: "fault"; fault: AgentFault }
  | { kind: "stopped" };

export interface AskOptions {
  client: Anthropic;
  /** How often a request is repeated after a transient failure. */
  maxRetries: number;
  signal: AbortSignal;
  emit: (event: AgentEvent) => void;
  /** Called for every request that used tokens, also for one that broke off. */
  count: (usage: Usage, model: string) => void;
}

/**
 * Asks for one reply and streams it: text is emitted block by block, transient failures are repeated with growing waits.
 *
 * Never rejects for what the API, the network or the abort signal did.
 */
export async function ask(params: MessageCreateParamsBase, options: AskOptions): Promise<Answer> {
  for (let attempt = 1;; attempt++) {
    const answer = await askOnce(params, options);
    if (options.signal.aborted) return { kind: "stopped" };
    if (answer.kind === "message") return answer;
    const { fault, retryable, retryAfterMs } = answer.failure;
    const delayMs = retryAfterMs ?? Math.min(firstWaitMs * 2 ** (attempt - 1), longestWaitMs);
    if (!retryable || attempt > options.maxRetries || delayMs > longestWaitMs) return { kind: "fault", fault };
    options.emit({
      kind: "retry",
      message: fault.message,
      ...(fault.status === undefined ? {} : { status: fault.status }),
      delayMs,
    });
    await systemClock.sleep(delayMs, options.signal);
  }
}

type Once = { kind: "message"; message: Message } | { kind: "failure"; failure: RequestFailure };

async function askOnce(params: MessageCreateParamsBase, options: AskOptions): Promise<Once> {
  const stream = options.client.messages.stream(params, { signal: options.signal });
  stream.on("contentBlock", (block) => {
    if (block.type === "text" && block.text !== "") options.emit({ kind: "text", text: block.text });
  });
  try {
    const message = await stream.finalMessage();
    options.count(usageOf(message.usage), message.model);
    return { kind: "message", message };
  } catch (error) {
    const partial = stream.currentMessage;
    if (partial !== undefined) options.count(usageOf(partial.usage), partial.model);
    return { kind: "failure", failure: failureOf(error, systemClock.now()) };
  }
}

function usageOf(usage: ReplyUsage): Usage {
  return {
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
    cacheReadTokens: usage.cache_read_input_tokens ?? 0,
    cacheWriteTokens: usage.cache_creation_input_tokens ?? 0,
  };
}
