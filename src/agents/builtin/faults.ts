import { AnthropicError, APIConnectionError, APIError } from "@anthropic-ai/sdk";
import type { AgentFault, AgentFaultClass } from "../../model/agent-event.ts";

/** A failed request: what it was, and whether asking again can help. */
export interface RequestFailure {
  fault: AgentFault;
  /** Milliseconds to wait before asking again as the server wishes, `null` when it named none. */
  retryAfterMs: number | null;
  retryable: boolean;
}

/**
 * Classifies what the SDK threw; `now` is epoch milliseconds. Anything that is not the SDK's own error is a bug and is thrown on.
 */
export function failureOf(error: unknown, now: number): RequestFailure {
  if (!(error instanceof AnthropicError)) throw error;
  if (error instanceof APIConnectionError) {
    return { fault: { class: "network", message: reasonOf(error) }, retryAfterMs: null, retryable: true };
  }
  if (error instanceof APIError) return failureOfReply(error, now);
  // What is left are streams that broke off or made no sense.
  return { fault: { class: "network", message: error.message }, retryAfterMs: null, retryable: true };
}

function failureOfReply(error: APIError, now: number): RequestFailure {
  const { status } = error;
  const kind = classOf(error);
  const retryAfterMs = retryAfterOf(error.headers, now);
  const fault: AgentFault = { class: kind, message: error.apiMessage ?? error.message };
  if (status !== undefined) fault.status = status;
  if (kind === "rate-limit" && retryAfterMs !== null) fault.resumeAt = now + retryAfterMs;
  return { fault, retryAfterMs, retryable: isRetryable(kind, error) };
}

/** The type comes before the status: an error in the middle of a stream has no status of its own. */
function classOf(error: APIError): AgentFaultClass {
  const message = error.apiMessage ?? error.message;
  const { status, type } = error;
  if (type === "billing_error" || status === 402 || /credit balance|spend limit/i.test(message)) return "billing";
  if (type === "authentication_error" || type === "permission_error" || status === 401 || status === 403) return "auth";
  if (type === "rate_limit_error" || status === 429) return "rate-limit";
  if (type === "overloaded_error" || status === 529) return "overloaded";
  if (status === 413 || /prompt is too long|context (window|limit)|too many tokens/i.test(message)) return "overflow";
  if (type === "not_found_error" || status === 404) return "model";
  if (type === "api_error" || type === "timeout_error" || (status ?? 0) >= 500) return "server";
  return "unknown";
}

function isRetryable(kind: AgentFaultClass, error: APIError): boolean {
  const wish = error.headers?.get("x-should-retry");
  if (wish === "true" || wish === "false") return wish === "true";
  return kind === "rate-limit" || kind === "overloaded" || kind === "server" || error.status === 408 ||
    error.status === 409;
}

function retryAfterOf(headers: Headers | undefined, now: number): number | null {
  const value = headers?.get("retry-after");
  if (value === undefined || value === null) return null;
  const seconds = Number(value);
  const ms = Number.isNaN(seconds) ? Date.parse(value) - now : seconds * 1000;
  return Number.isNaN(ms) ? null : Math.max(0, ms);
}

/** `fetch failed` says nothing; the innermost cause does. */
function reasonOf(error: Error): string {
  let deepest: Error = error;
  while (deepest.cause instanceof Error) deepest = deepest.cause;
  return deepest === error
    ? error.message
    : `${error.message} (${deepest.message || (deepest as NodeJS.ErrnoException).code})`;
}
