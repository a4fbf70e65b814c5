import { anomalyText } from "../model/anomaly.ts";
import type { AgentFaultClass } from "../model/agent-event.ts";
import type { StepStatus } from "../model/event.ts";
import type { AgentEnd, OutcomeKind } from "../model/outcome.ts";
import type { Attribution, Evidence, VerdictStatus } from "../model/verdict.ts";
import { duration } from "../model/text.ts";
import { reachedText } from "../model/limit-text.ts";
import type { Mark } from "./style.ts";

/** A word for people and the mark in front of it. */
export interface Label {
  text: string;
  mark: Mark;
}

/** What an attempt came to, as in "attempt 2 failed". */
export const outcomeLabels: Record<OutcomeKind, Label> = {
  passed: { text: "passed", mark: "ok" },
  failed: { text: "failed", mark: "bad" },
  "no-change": { text: "changed nothing", mark: "bad" },
  asked: { text: "asks a question", mark: "ask" },
  limited: { text: "hit a limit of its agent", mark: "wait" },
  overflow: { text: "overflowed its context", mark: "bad" },
  auth: { text: "could not log in", mark: "bad" },
  "agent-error": { text: "ended with an agent error", mark: "bad" },
  timeout: { text: "ran out of time", mark: "bad" },
  stalled: { text: "stalled", mark: "bad" },
  "over-limit": { text: "used up its limit", mark: "bad" },
  refused: { text: "was refused by its model", mark: "bad" },
  tampered: { text: "was voided for tampering", mark: "bad" },
  superseded: { text: "could not land", mark: "wait" },
  interrupted: { text: "was interrupted", mark: "wait" },
};

/** What a pass rests on. Only `step` is called verified: repository-wide validators alone check, they do not verify. */
export const evidenceTexts: Record<Evidence, string> = {
  step: "verified",
  review: "reviewed",
  "already-true": "already true",
  vacuous: "vacuous",
  repo: "checked",
  "by-hand": "by hand",
  agent: "agent's word",
};

/** The same, explained. */
export const evidenceReasons: Record<Evidence, string> = {
  step: "a validator or test of the step failed before the change and passes after it",
  review: "a read-only review checked the acceptance criteria",
  "already-true": "the step's own validators were green without a change",
  vacuous: "the step's own validators are green, and were before the work: they prove nothing about it",
  repo: "only repository-wide validators ran",
  "by-hand": "a person set it",
  agent: "the plan trusts the agent on this step; nothing was run",
};

/** Where a step stands. */
export const statusLabels: Record<StepStatus, Label> = {
  passed: { text: "passed", mark: "ok" },
  skipped: { text: "skipped", mark: "skip" },
  ready: { text: "ready", mark: "now" },
  waiting: { text: "waiting", mark: "wait" },
  blocked: { text: "blocked", mark: "bad" },
  gate: { text: "your decision", mark: "ask" },
  question: { text: "your answer", mark: "ask" },
  "out-of-attempts": { text: "out of attempts", mark: "bad" },
  breaker: { text: "breaker open", mark: "bad" },
};

/** What a validator said. */
export const verdictLabels: Record<VerdictStatus, Label> = {
  pass: { text: "passes", mark: "ok" },
  fail: { text: "fails", mark: "bad" },
  flaky: { text: "is flaky", mark: "warn" },
  error: { text: "could not run", mark: "bad" },
};

/** How a verdict compares with the base; `clean` goes without saying. */
export const attributionTexts: Record<Attribution, string> = {
  clean: "",
  regressed: "passed before this change",
  fixed: "failed before this change",
  "broken-before": "was red before this change",
};

const faultTexts: Record<AgentFaultClass, string> = {
  auth: "not logged in",
  billing: "out of credit",
  "admin-disabled": "disabled by an administrator",
  "rate-limit": "rate limited",
  overloaded: "provider overloaded",
  overflow: "context too long",
  model: "model not available",
  server: "provider error",
  network: "network error",
  refused: "refused",
  "turn-limit": "turn limit reached",
  "budget-limit": "budget reached",
  anomaly: "stopped by the runner",
  unknown: "error",
};

type EndTexts = { [K in AgentEnd["kind"]]: (end: Extract<AgentEnd, { kind: K }>) => string };

const fault = (end: { fault: { class: AgentFaultClass; message: string } }) =>
  `${faultTexts[end.fault.class]}: ${end.fault.message}`;

const endTexts: EndTexts = {
  finished: (end) =>
    end.question !== undefined
      ? "asks a question"
      : end.saidComplete
      ? "finished, saying that all is done"
      : "finished",
  limited: fault,
  overflow: fault,
  auth: fault,
  refused: fault,
  "agent-error": fault,
  timeout: (end) => `stopped after its limit of ${duration(end.limitMs)}`,
  stalled: (end) => `stopped after ${duration(end.limitMs)} without a sign of life`,
  anomaly: (end) => `stopped: it ${anomalyText(end.anomaly)}`,
  "over-limit": (end) => `stopped at ${reachedText(end.reached)}`,
  interrupted: (end) => `stopped because the run got ${end.signal}`,
};

/** What an agent's process came to, before anything was verified. */
export function agentEndText(end: AgentEnd): string {
  return (endTexts[end.kind] as (end: AgentEnd) => string)(end);
}

/** Which attempt of a step this is; the number of those that count only where it is another one. */
export function attemptText(facts: { attempt: number; counted: number; maxAttempts: number }): string {
  const { attempt, counted, maxAttempts } = facts;
  return attempt === counted
    ? `attempt ${attempt} of ${maxAttempts}`
    : `attempt ${attempt} (${counted} of ${maxAttempts} that count)`;
}
