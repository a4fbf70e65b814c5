import type { FailureClass } from "../model/failure.ts";
import type { AgentMiss } from "../model/halt.ts";
import type { NextStep } from "./message.ts";
import type { Paste } from "./paste.ts";

/** What only a person can do about an agent that failed; anything else is left to time. */
const personCan: Partial<Record<FailureClass, string>> = {
  billing: "Add credit to the account, or raise its spend limit",
  "admin-disabled": "Ask the administrator of the account to allow it",
  model: 'Name a model that the account has: "model" of the step or of "defaults" in the plan',
};

/** What helps with an agent that failed until it was given up. */
export function unusableNext(name: FailureClass, paste: Paste): NextStep {
  if (name === "auth") return { command: paste("doctor"), text: "which agents are ready, and how to log in" };
  const text = personCan[name] ?? "Look whether this machine reaches the provider, and at the provider's status page";
  return { text };
}

const remedies: Record<AgentMiss["kind"], string> = {
  unknown: "the name is put right or declared",
  step: "the step has what its agent reads",
  "not-installed": "it is installed",
  "not-logged-in": "you are logged in",
  broken: "it works",
};

/** What helps with agents that can't be used: a name has to be put right, a program to be there. */
export function missNext(misses: readonly AgentMiss[], paste: Paste): NextStep[] {
  const once = misses.length === 1 ? remedies[misses[0]!.kind] : "one is installed and logged in";
  const isWrongName = misses.some(({ kind }) => kind === "unknown" || kind === "step");
  return isWrongName
    ? [
      { command: paste("validate"), text: `checks the plan again, once ${once}` },
      { command: paste(), text: "then start the loop again: registries/agents.json is read at its start" },
    ]
    : [{ command: paste("doctor"), text: `looks again, once ${once}` }];
}

/** `claude with opus`, or only `claude` where the model is its own choice. */
export function whoText(agent: string, model: string | null | undefined): string {
  return model === undefined || model === null ? agent : `${agent} with ${model}`;
}
