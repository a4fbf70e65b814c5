import { type AgentFault, type AgentFaultClass, agentFaultClasses } from "../model/agent-event.ts";
import type { Failures } from "../model/failure.ts";

/** What an agent's error message and HTTP status say; a class that the agent named itself wins. */
export interface FaultFacts {
  message: string;
  status?: number | undefined;
  class?: AgentFaultClass | undefined;
  resumeAt?: number | undefined;
}

/**
 * One classified failure. Only ever applied to what an agent reports as an error (an error event, its standard error
 * after a failure), never to its prose.
 */
export type Classify = (facts: FaultFacts) => AgentFault;

const maxMessage = 2_000;

/** These hide behind statuses that say less: 400 for a long prompt, 429 for an empty account. */
const aboveStatus: ReadonlySet<AgentFaultClass | undefined> = new Set(["overflow", "billing", "admin-disabled"]);

/** Classifies as the registry of failures says: the first class, in their order, one of whose phrases is in the message. */
export function classifier(failures: Failures): Classify {
  const byText = agentFaultClasses
    .filter((name) => failures[name].phrases.length > 0)
    .map((name) => [name, new RegExp(failures[name].phrases.map(patternOf).join("|"), "i")] as const);
  const byStatus = (status: number): AgentFaultClass | undefined =>
    agentFaultClasses.find((name) => failures[name].statuses.includes(status));

  function classify(message: string, status: number | undefined): AgentFaultClass {
    const spoken = byText.find(([, pattern]) => pattern.test(message))?.[0];
    // A quota that comes back by itself (the message names when) is a rate limit, one that does not is billing.
    if (spoken === "billing" && /retry (after|in) \d|resets? /i.test(message)) return "rate-limit";
    if (status === undefined || aboveStatus.has(spoken)) return spoken ?? "unknown";
    const stated = byStatus(status);
    if (stated !== undefined) return stated;
    if (status >= 500) return spoken === "overloaded" ? spoken : "server";
    return spoken ?? "unknown";
  }

  return (facts) => {
    const message = facts.message.trim().slice(0, maxMessage);
    const status = facts.status ?? statusIn(message);
    return {
      class: facts.class ?? classify(message, status),
      message: message === "" ? "the agent reported an error without a message" : message,
      ...(status === undefined ? {} : { status }),
      ...(facts.resumeAt === undefined ? {} : { resumeAt: facts.resumeAt }),
    };
  };
}

/** For programs whose words say nothing about a provider. */
export const unclassified: Classify = ({ message }) => ({ class: "unknown", message: message.slice(0, maxMessage) });

/**
 * A phrase as a pattern: case does not matter, a blank may be `-`, `_` or nothing, `*` is up to 80 characters of a line,
 * and a number is a whole number. It can't backtrack for long: nothing in it repeats but `*`, twice at most.
 */
function patternOf(phrase: string): string {
  const literal = phrase.replaceAll(/[.+?^${}()|[\]\\/]/g, String.raw`\$&`);
  const text = literal.replaceAll(/ +/g, "[ _-]?").replaceAll("*", String.raw`[^\n]{0,80}`);
  const before = /^\d/.test(phrase) ? String.raw`(?<!\w)` : "";
  const after = /\d$/.test(phrase) ? String.raw`(?!\w)` : "";
  return `${before}${text}${after}`;
}

/** The HTTP status inside a message that carries it as text: `unexpected status 401`, `429 Too Many Requests`, `"code":500`. */
export function statusIn(message: string): number | undefined {
  const match = /(?:status:?|HTTP|"code":|API Error:|Error:|\()\s?(4\d\d|5\d\d)\b/i.exec(message) ??
    /^\[?(4\d\d|5\d\d)\b[ :]/.exec(message) ??
    /\b(4\d\d|5\d\d) (?:Too Many|Internal|Overloaded|Unauthorized|Forbidden|Bad|You|This|Your|Rate)/.exec(message);
  return match === null ? undefined : Number(match[1]);
}
