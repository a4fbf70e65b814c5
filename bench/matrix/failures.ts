import type { FailureClass } from "../../src/model/failure.ts";
import type { Cli } from "../../test/e2e-real/install.ts";

/** The families of model APIs, by how they word an error. */
export type Family = "anthropic" | "openai" | "gemini";

/** What the model server does instead of an answer. */
export type Fault =
  | {
    kind: "status";
    status: number;
    /** The `error.type` of Anthropic's API, the `error.code` of OpenAI's, the `error.status` of Gemini's. */
    type: Record<Family, string>;
    message: string | Record<Family, string>;
    retryAfterSeconds?: number;
  }
  /** The reply begins and the connection is cut. */
  | { kind: "torn" }
  /** The connection is cut before the reply begins. */
  | { kind: "reset" }
  /** Nobody listens. */
  | { kind: "refused" }
  /** A reply that is no JSON. */
  | { kind: "garbage" }
  /** No reply at all, or one that stops in the middle. */
  | { kind: "hang"; inStream: boolean };

/** One row of the matrix. */
export interface Failure {
  fault: Fault;
  /** The requests that fail; later ones are answered. @default all of the first attempt */
  times?: number;
  /** What is right; `passed` where the agent gets over it. The first is the common case. */
  expected: readonly (FailureClass | "passed")[];
  /** CLIs of which something else is right, because they do or tell something else. */
  except?: Partial<Record<Cli, readonly (FailureClass | "passed")[]>>;
  /** The agent may go silent for good: it is not worth waiting for long. */
  silent?: boolean;
  /** CLIs that try again for more than a minute, whatever one sets: not for CI. */
  slow?: readonly Cli[];
}

function status(
  code: number,
  type: [anthropic: string, openai: string, gemini: string],
  message: string | Record<Family, string>,
  retryAfterSeconds?: number,
): Fault {
  const [anthropic, openai, gemini] = type;
  const wait = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return { kind: "status", status: code, type: { anthropic, openai, gemini }, message, ...wait };
}

const limited = "This request would exceed your account's rate limit. Please try again later.";
const rateLimit = (seconds: number) =>
  status(429, ["rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"], limited, seconds);
const hang: Omit<Failure, "fault"> = {
  expected: ["stalled", "network"],
  // Its tool calls show only when they are over: its silence counts for less, its time runs out.
  except: { opencode: ["timeout", "stalled", "network"] },
  silent: true,
};
const overloaded = status(529, ["overloaded_error", "overloaded", "UNAVAILABLE"], "Overloaded");

/** Every way in which a model API fails that was measured, by name. */
export const failures: Readonly<Record<string, Failure>> = {
  "401": {
    fault: status(401, ["authentication_error", "invalid_api_key", "UNAUTHENTICATED"], {
      anthropic: "invalid x-api-key",
      openai: "Incorrect API key provided: test-key.",
      gemini: "API key not valid. Please pass a valid API key.",
    }),
    expected: ["auth"],
  },
  "403": {
    fault: status(403, ["permission_error", "forbidden", "PERMISSION_DENIED"], "forbidden"),
    expected: ["auth"],
  },
  "429": { fault: rateLimit(2), expected: ["rate-limit"] },
  "429 for an hour": {
    fault: rateLimit(3600),
    expected: ["rate-limit"],
    // They wait out the hour themselves, and say nothing.
    except: {
      codex: ["stalled", "rate-limit"],
      opencode: ["timeout", "stalled", "rate-limit"],
      pi: ["stalled", "rate-limit"],
    },
    silent: true,
  },
  "429 once": { fault: rateLimit(1), times: 1, expected: ["passed"] },
  "quota": {
    fault: status(
      429,
      ["insufficient_quota", "insufficient_quota", "RESOURCE_EXHAUSTED"],
      "You exceeded your current quota, please check your plan and billing details.",
    ),
    expected: ["billing"],
    // It adds of itself when to try again: then the quota comes back.
    except: { gemini: ["rate-limit", "billing"] },
    slow: ["opencode", "copilot"],
  },
  "529": { fault: overloaded, expected: ["overloaded"], slow: ["opencode"] },
  "529 once": { fault: overloaded, times: 1, expected: ["passed"] },
  "500": {
    fault: status(500, ["api_error", "server_error", "INTERNAL"], "Internal server error"),
    expected: ["server"],
    // It says "high demand" for a 500.
    except: { codex: ["overloaded", "server"] },
    slow: ["opencode"],
  },
  "too long": {
    fault: status(400, ["invalid_request_error", "context_length_exceeded", "INVALID_ARGUMENT"], {
      anthropic: "prompt is too long: 1213462 tokens > 200000 maximum",
      openai:
        "This model's maximum context length is 200000 tokens. However, your messages resulted in 1213462 tokens.",
      gemini: "The input token count (1213462) exceeds the maximum number of tokens allowed (1048576).",
    }),
    expected: ["overflow"],
  },
  "credit": {
    fault: status(
      400,
      ["invalid_request_error", "billing_hard_limit_reached", "FAILED_PRECONDITION"],
      "Your credit balance is too low to access the Anthropic API.",
    ),
    expected: ["billing"],
  },
  "404": {
    fault: status(404, ["not_found_error", "model_not_found", "NOT_FOUND"], "model: fake-model not found"),
    expected: ["model"],
  },
  torn: { fault: { kind: "torn" }, expected: ["network"], slow: ["opencode"] },
  // It does not try again: the work of the attempt is lost.
  "torn once": { fault: { kind: "torn" }, times: 1, expected: ["passed"], except: { gemini: ["network"] } },
  reset: { fault: { kind: "reset" }, expected: ["network"], slow: ["opencode"] },
  refused: { fault: { kind: "refused" }, expected: ["network"], slow: ["opencode"] },
  "garbage": { fault: { kind: "garbage" }, expected: ["unknown", "network", "server"] },
  "hang": { ...hang, fault: { kind: "hang", inStream: false } },
  "hang in the reply": { ...hang, fault: { kind: "hang", inStream: true } },
};

/** What CI tries with every CLI; of the others each with one. */
export const always = ["401", "429", "hang"] as const;

/** The body of an error reply. */
export function bodyOf(fault: Fault & { kind: "status" }, family: Family): unknown {
  const type = fault.type[family];
  const message = typeof fault.message === "string" ? fault.message : fault.message[family];
  switch (family) {
    case "anthropic":
      return { type: "error", error: { type, message } };
    case "openai":
      return { error: { message, type, code: type, param: null } };
    case "gemini":
      return { error: { code: fault.status, message, status: type, ...retryInfo(fault.retryAfterSeconds) } };
  }
}

function retryInfo(seconds: number | undefined): object {
  if (seconds === undefined) return {};
  return { details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${seconds}s` }] };
}
