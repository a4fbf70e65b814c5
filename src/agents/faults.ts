import type { AgentFault, AgentFaultClass } from "../model/agent-event.ts";

/** What an agent's error message and HTTP status say; a class that the agent named itself wins. */
export interface FaultFacts {
  message: string;
  status?: number | undefined;
  class?: AgentFaultClass | undefined;
  resumeAt?: number | undefined;
}

const maxMessage = 2_000;

/**
 * First match wins. Only ever applied to what an agent reports as an error (an error event, its standard error after a failure),
 * never to its prose.
 */
const byText: [AgentFaultClass, RegExp][] = [
  [
    "overflow",
    /prompt is too long|prompt as too long|context window|context_length_exceeded|maximum context length|input token count .* exceeds|input is too long/i,
  ],
  [
    "billing",
    /insufficient_quota|credit balance|plan and billing|billing_error|payment required|spend limit|disabled by your admin/i,
  ],
  [
    "rate-limit",
    /rate.?limit|too many requests|(usage|session|weekly|5-hour|five-hour|org's monthly usage) limit|hit your limit|out of extra usage|resource_exhausted|quota exceeded|exceeded your current quota|\b429\b/i,
  ],
  ["overloaded", /overloaded|high demand|\b529\b/i],
  [
    "auth",
    /invalid api key|incorrect api key|api key not valid|invalid_api_key|authenticat(e|ion)|not logged in|unauthorized|\/login|auth method|api_key environment variable|missing environment variable|no api key|permission_denied|\b401\b|status 403/i,
  ],
  [
    "model",
    /model[^.\n]{0,80}(not found|not exist|not available|not supported|may not)|model_not_found|unknown model/i,
  ],
  [
    "network",
    /econn|enotfound|eai_again|etimedout|epipe|fetch failed|stream disconnected|stream idle|stream closed|connection (error|refused|reset|dropped|failed|to the api)|connect to|socket|terminated|timed out|timeout|unexpected eof|waiting for network|error sending request|http request/i,
  ],
  ["server", /internal server error|bad gateway|service unavailable|server error|\b50[0234]\b/i],
];

const byStatus: Record<number, AgentFaultClass> = {
  400: "unknown",
  401: "auth",
  402: "billing",
  403: "auth",
  404: "model",
  413: "overflow",
  429: "rate-limit",
  503: "overloaded",
  529: "overloaded",
};

/**
 * One classified failure. A quota that comes back by itself (the message names when) is a rate limit, one that does not is billing.
 */
export function fault(facts: FaultFacts): AgentFault {
  const message = facts.message.trim().slice(0, maxMessage);
  const status = facts.status ?? statusIn(message);
  return {
    class: facts.class ?? classify(message, status),
    message: message === "" ? "the agent reported an error without a message" : message,
    ...(status === undefined ? {} : { status }),
    ...(facts.resumeAt === undefined ? {} : { resumeAt: facts.resumeAt }),
  };
}

function classify(message: string, status: number | undefined): AgentFaultClass {
  const spoken = byText.find(([, pattern]) => pattern.test(message))?.[0];
  if (spoken === "billing" && /retry (after|in) \d|resets? /i.test(message)) return "rate-limit";
  // These two hide behind statuses that say less: 400 for a long prompt, 429 for an empty account.
  if (spoken === "overflow" || spoken === "billing") return spoken;
  if (status === undefined) return spoken ?? "unknown";
  if (status >= 500) return byStatus[status] ?? (spoken === "overloaded" ? spoken : "server");
  const stated = byStatus[status];
  return stated === undefined || stated === "unknown" ? spoken ?? "unknown" : stated;
}

/** The HTTP status inside a message that carries it as text: `unexpected status 401`, `429 Too Many Requests`, `"code":500`. */
export function statusIn(message: string): number | undefined {
  const match = /(?:status:?|HTTP|"code":|API Error:|Error:|\()\s?(4\d\d|5\d\d)\b/i.exec(message) ??
    /^\[?(4\d\d|5\d\d)\b[ :]/.exec(message) ??
    /\b(4\d\d|5\d\d) (?:Too Many|Internal|Overloaded|Unauthorized|Forbidden|Bad|You|This|Your|Rate)/.exec(message);
  return match === null ? undefined : Number(match[1]);
}
