import type { AgentFault, Usage } from "./agent-event.ts";
import type { Anomaly } from "./anomaly.ts";
import type { Reached } from "./limits.ts";
import type { Exit } from "./process.ts";

/** What one agent process came to, before anything was verified. */
export type AgentEnd =
  /** It ended by itself. `saidComplete` and `question` are hints read from its final message only. */
  | { kind: "finished"; finalText: string; saidComplete: boolean; question?: string }
  | { kind: "limited"; fault: AgentFault }
  | { kind: "overflow"; fault: AgentFault }
  | { kind: "auth"; fault: AgentFault }
  | { kind: "refused"; fault: AgentFault }
  | { kind: "agent-error"; fault: AgentFault }
  | { kind: "timeout"; limitMs: number }
  | { kind: "stalled"; limitMs: number }
  /** Stopped by the runner: it was busy and got nowhere. */
  | { kind: "anomaly"; anomaly: Anomaly }
  | { kind: "over-limit"; reached: Reached }
  | { kind: "interrupted"; signal: string };

/** Everything measured about one agent process. `null` means that the agent does not report it: unknown, never zero. */
export interface AgentReport {
  end: AgentEnd;
  exit: Exit;
  usage: Usage | null;
  costUsd: number | null;
  /** The cost is no report of the agent's: it was worked out from its tokens and list prices. */
  costAbout?: true;
  durationMs: number;
  model: string | null;
  toolCalls: number;
  /** Processes that it left behind when it ended; none of them lives any more. */
  swept: number;
}

/** The closed set of what an attempt came to (design 4). */
export const outcomeKinds = [
  "passed",
  "failed",
  "no-change",
  "asked",
  "limited",
  "overflow",
  "auth",
  "agent-error",
  "timeout",
  "stalled",
  "over-limit",
  "refused",
  "tampered",
  "superseded",
  "interrupted",
] as const;

export type OutcomeKind = (typeof outcomeKinds)[number];

/** Outcomes that cost the step no attempt: nothing was learned about the step, or a person is asked. */
export const freeOutcomes: ReadonlySet<OutcomeKind> = new Set([
  "limited",
  "superseded",
  "interrupted",
  "asked",
  "auth",
]);
