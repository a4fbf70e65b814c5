import type { AgentFault, AgentFaultClass } from "../model/agent-event.ts";
import type { Anomaly } from "../model/anomaly.ts";
import type { AgentEnd } from "../model/outcome.ts";
import type { Exit } from "../model/process.ts";
import type { Classify } from "./faults.ts";
import { caps, clipStart } from "./formats/json.ts";
import { markersIn } from "./markers.ts";
import { resumeAt } from "./resume-at.ts";
import type { Tally } from "./tally.ts";

export interface Ending {
  tally: Tally;
  /** What its events showed, when it was stopped for that. */
  anomaly: Anomaly | null;
  exit: Exit;
  stderrTail: string;
  /** Whether the format has a closing statement; without one the exit code has to do. */
  closes: boolean;
  brief: string;
  classify: Classify;
  now: number;
}

const endOf: Record<AgentFaultClass, "limited" | "overflow" | "auth" | "refused" | "agent-error"> = {
  "rate-limit": "limited",
  overloaded: "limited",
  overflow: "overflow",
  auth: "auth",
  // An empty account is not refilled by waiting: like a missing login it needs a person.
  billing: "auth",
  "admin-disabled": "auth",
  refused: "refused",
  model: "agent-error",
  server: "agent-error",
  network: "agent-error",
  "turn-limit": "agent-error",
  "budget-limit": "agent-error",
  anomaly: "agent-error",
  unknown: "agent-error",
};

/**
 * What one agent process came to: why we stopped it ourselves first, then what it reported in events, then its exit, then its standard
 * error. Never from its prose, and exit code 0 alone says nothing about an agent that has a closing statement.
 */
export function conclude(ending: Ending): AgentEnd {
  const { exit, tally } = ending;
  if (exit.kind === "spawn-failed") {
    return failed({ class: "unknown", message: `could not be started: ${exit.message}` }, ending);
  }
  if (exit.why !== undefined) {
    switch (exit.why.kind) {
      case "timeout":
        return whileRetrying(ending) ?? { kind: "timeout", limitMs: exit.why.limitMs };
      case "idle":
        return whileRetrying(ending) ?? { kind: "stalled", limitMs: exit.why.limitMs };
      case "interrupted":
        return { kind: "interrupted", signal: exit.why.signal };
      case "limit":
        // Its last request went over, and it had finished by the time it was stopped: that is worth a look.
        if (tally.end?.ok === true) break;
        return { kind: "over-limit", reached: exit.why.reached };
      case "anomaly":
        return ending.anomaly === null
          ? failed({ class: "anomaly", message: `stopped by the runner: ${exit.why.what}` }, ending)
          : { kind: "anomaly", anomaly: ending.anomaly };
      case "output-limit":
        return failed(
          {
            class: "anomaly",
            message: `printed more than ${Math.round(exit.why.limitBytes / 2 ** 20)} MiB and was stopped`,
          },
          ending,
        );
      case "completion":
        // It had said that it was done and did not go: what it said is what counts.
        break;
    }
  }
  if (tally.fault !== null) return faulty(tally.fault, ending);
  if (ending.closes) {
    if (tally.end?.ok === true) return finished(tally.end.finalText, ending);
    const quiet = exit.kind === "code" && exit.code === 0;
    const message = quiet ? "ended with exit code 0, but never said that it was done" : lastWords(ending);
    return failed({ message, ...ofUnknownClass(exit) }, ending);
  }
  return exit.kind === "code" && exit.code === 0
    ? finished(clipStart(tally.said, caps.finalText), ending)
    : failed({ message: lastWords(ending), ...ofUnknownClass(exit) }, ending);
}

/** An agent that had to be ended while it asked its provider again and again: what the provider said is why it failed. */
function whileRetrying(ending: Ending): AgentEnd | null {
  const { retrying } = ending.tally;
  if (retrying === null) return null;
  const { message, status, delayMs } = retrying;
  const known = ending.classify({
    message,
    status,
    resumeAt: delayMs === undefined ? undefined : ending.now + delayMs,
  });
  return known.class === "unknown" ? null : faulty(known, ending);
}

/** Whoever killed it, what stood on its standard error by then is not why it ended. */
function ofUnknownClass(exit: Exit): { class?: "unknown" } {
  return exit.kind === "signal" ? { class: "unknown" } : {};
}

function finished(finalText: string, { brief }: Ending): AgentEnd {
  return { kind: "finished", finalText, ...markersIn(finalText, brief) };
}

function failed(facts: { message: string; class?: AgentFaultClass }, ending: Ending): AgentEnd {
  return faulty(ending.classify(facts), ending);
}

function faulty(said: AgentFault, { now }: Ending): AgentEnd {
  const { resumeAt: named, ...known } = said;
  const kind = endOf[known.class];
  const at = timely(named, now) ?? (kind === "limited" ? timely(resumeAt(known.message, now), now) : undefined);
  return { kind, fault: at === undefined ? known : { ...known, resumeAt: at } };
}

const yearMs = 366 * 86_400_000;

/** No limit lasts longer than a year: a time beyond is garbage, and may be none that a clock can show. */
function timely(at: number | undefined, now: number): number | undefined {
  return at !== undefined && Math.abs(at - now) <= yearMs ? at : undefined;
}

/** How it ended, and the last lines of its standard error that are not a stack trace. */
function lastWords({ exit, stderrTail }: Ending): string {
  const how = exit.kind === "signal"
    ? `ended by ${exit.signal}${exit.sentBy === "other" ? ", which the runner did not send" : ""}`
    : exit.kind === "code"
    ? `ended with exit code ${exit.code}`
    : exit.message;
  const said = stderrTail.split("\n").map((line) => line.trim()).filter((line) =>
    line !== "" && !line.startsWith("at ")
  )
    .slice(-5);
  return said.length === 0 ? how : `${how}: ${said.join("\n")}`;
}
