/** Tokens of one agent process. `inputTokens` excludes cached reads and cache writes, whatever the CLI's own convention. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheWriteTokens: number;
}

/** All tokens that an agent's provider counted; none where it counted none. */
export function tokensOf(usage: Usage | null): number {
  if (usage === null) return 0;
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/**
 * What kind of failure an agent reported, classified from structured events first, exit code and stderr second.
 * `anomaly`: the runner ended it because of what it did.
 */
export const agentFaultClasses = [
  "overflow",
  "billing",
  "admin-disabled",
  "rate-limit",
  "overloaded",
  "auth",
  "model",
  "network",
  "server",
  "refused",
  "turn-limit",
  "budget-limit",
  "anomaly",
  "unknown",
] as const;

export type AgentFaultClass = (typeof agentFaultClasses)[number];

/** One failure as an agent reported it. `resumeAt` is epoch milliseconds, present when the agent named a time. */
export interface AgentFault {
  class: AgentFaultClass;
  message: string;
  status?: number;
  resumeAt?: number;
}

/**
 * The one vocabulary that every agent's output is parsed into.
 * `usage` and `cost` are totals of this process so far (a later one replaces an earlier one).
 * `input` is equal for two calls with the same arguments and for no others; absent where they are not known in full.
 * `error` is fatal unless a later `end` says `ok: true`; `retry` is a transient failure that the agent handles itself.
 * `end` is the agent's own closing statement: a hint, never proof.
 */
export type AgentEvent =
  | { kind: "start"; model?: string; version?: string }
  | { kind: "text"; text: string }
  | { kind: "tool-start"; id: string; name: string; detail: string; input?: string }
  | { kind: "tool-end"; id: string; ok: boolean; detail: string }
  | { kind: "usage"; usage: Usage }
  | { kind: "cost"; usd: number }
  | { kind: "retry"; message: string; status?: number; delayMs?: number }
  | { kind: "error"; fault: AgentFault }
  | { kind: "end"; ok: boolean; finalText: string }
  | { kind: "unknown"; line: string };

/**
 * A parser of one agent's standard output: pure state, no I/O, never throws.
 * `line` takes one line without its newline (invalid UTF-8 already replaced, overlong lines already cut);
 * `close` is called once when the output ends and flushes what is still held.
 */
export interface OutputParser {
  line(text: string): AgentEvent[];
  close(): AgentEvent[];
}
