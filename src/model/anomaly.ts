import { shortLine } from "./text.ts";

/** What the runner sees in an agent's events that leads nowhere. `count` and `chars` are those when it was seen. */
export type Anomaly =
  /** The same tool with the same arguments, over and over. `detail` is what the calls were about. */
  | { kind: "same-call"; tool: string; detail: string; count: number }
  /** The same error of tools, over and over. */
  | { kind: "same-error"; error: string; count: number }
  /** Tool calls that fail, whatever with. `error` is that of the last one. */
  | { kind: "failing-calls"; error: string; count: number }
  /** Sub-agents that failed, or were asked what another one had been asked. */
  | { kind: "subagent-waste"; count: number }
  /** Output that says all that was said before, and a little more, every time: it grows with the square of the time. */
  | { kind: "growing-output"; chars: number };

export type AnomalyKind = Anomaly["kind"];

/** At `warn` a person is told, at `kill` the agent is stopped. Counts, and for `growing-output` repeated characters. */
export const anomalyThresholds: Record<AnomalyKind, { warn: number; kill: number }> = {
  "same-call": { warn: 6, kill: 12 },
  "same-error": { warn: 5, kill: 10 },
  "failing-calls": { warn: 10, kill: 30 },
  "subagent-waste": { warn: 10, kill: 20 },
  "growing-output": { warn: 2 ** 20, kill: 16 * 2 ** 20 },
};

/**
 * Calls that may be an honest wait get this many times more: their answers change, they take `slowCallMs` or longer,
 * their arguments are not known in full, or sub-agents that call the same things are at work.
 */
export const patience = { factor: 3, slowCallMs: 10_000 } as const;

type Texts = { [K in AnomalyKind]: (anomaly: Extract<Anomaly, { kind: K }>) => { what: string; hint: string } };

const texts: Texts = {
  "same-call": ({ tool, detail, count }) => ({
    what: `called the same tool ${count} times with the same arguments (${shortLine(`${tool} ${detail}`, 120)})`,
    hint: "Repeating a call changes nothing: change something first, or look for the answer in another way.",
  }),
  "same-error": ({ error, count }) => ({
    what: `got the same error ${count} times (${shortLine(error, 120) || "without a message"})`,
    hint: "Read the error, find its cause, and do not try again what led to it.",
  }),
  "failing-calls": ({ error, count }) => ({
    what: `made ${count} tool calls in a row that failed, the last one with: ${shortLine(error, 120) || "no message"}`,
    hint: "Find out with one small call what works here before going on.",
  }),
  "subagent-waste": ({ count }) => ({
    what: `started ${count} sub-agents that failed or were asked what others had been asked`,
    hint: "Do the work itself; a sub-agent is for something that no other one was asked.",
  }),
  "growing-output": ({ chars }) => ({
    what: `printed everything again with each line, ${Math.round(chars / 2 ** 20)} MiB of it repeated`,
    hint: "Print only what is new.",
  }),
};

/** What the agent did, as a sentence that follows "it". */
export function anomalyText(anomaly: Anomaly): string {
  return textsOf(anomaly).what;
}

/** What the next attempt should know. */
export function anomalyHint(anomaly: Anomaly): string {
  const { what, hint } = textsOf(anomaly);
  return `The runner stopped the last attempt: it ${what}. ${hint} Its work was kept.`;
}

function textsOf(anomaly: Anomaly): { what: string; hint: string } {
  return (texts[anomaly.kind] as (anomaly: Anomaly) => { what: string; hint: string })(anomaly);
}
