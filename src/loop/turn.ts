import type { FailureClass } from "../model/failure.ts";
import { restKey } from "../model/failure.ts";
import type { AgentMiss, Halt } from "../model/halt.ts";
import type { Rest } from "../model/ledger.ts";
import type { Step } from "../model/plan.ts";

/** Why an agent (or one model of it) is not used again in this run. */
export type Unusable =
  | { kind: "missing"; misses: AgentMiss[] }
  | { kind: "failed"; class: FailureClass; message: string; times: number | null };

/** What is known about agents: what names came to, who rests, and who is of no use in this run. */
export interface Crew {
  /** The agent that the command line forces on every step (`--agent`). */
  agent: string | null;
  /** What `auto` and other names came to so far. */
  chosen: Readonly<Record<string, string>>;
  /** The models that stand in for one another, by agent. */
  fallbackModels: Readonly<Record<string, readonly string[]>>;
  /** By `restKey`. */
  unusable: Readonly<Record<string, Unusable>>;
  rests: Readonly<Record<string, Rest>>;
  now: number;
}

/** Whose turn it is. `agent` of `go` is a name as the plan has it, such as `auto`. */
export type Turn =
  | { kind: "go"; agent: string; model: string | null }
  | { kind: "wait"; agent: string; until: number; why: string }
  | { kind: "halt"; halt: Halt };

interface Candidate {
  name: string;
  agent: string;
  model: string | null;
}

/** Who may work on the step, best first: what the command line forces, except where the step is a command or a tape. */
export function agentsFor(step: Step, forced: string | null): readonly string[] {
  const own = step.agent ?? (step.command === undefined ? null : "command");
  if (own === "command" || own === "tape") return [own];
  return [forced ?? own ?? "auto"].flat();
}

/**
 * The first of the step's agents, and of its models, that neither rests nor is of no use. Whoever comes first in the list
 * is taken again as soon as its rest is over. When all rest, the one that is back first is waited for.
 */
export function nextTurn(step: Step, crew: Crew): Turn {
  const candidates = candidatesOf(step, crew);
  const usable = candidates.filter((candidate) => whyUnusable(candidate, crew) === null);
  const resting: { candidate: Candidate; rest: Rest }[] = [];
  for (const candidate of usable) {
    const rest = restOf(candidate, crew);
    if (rest === null) return { kind: "go", agent: candidate.name, model: candidate.model };
    resting.push({ candidate, rest });
  }
  const first = resting.toSorted((a, b) => a.rest.until - b.rest.until)[0];
  if (first === undefined) return { kind: "halt", halt: nobody(candidates, crew) };
  return { kind: "wait", agent: first.candidate.agent, until: first.rest.until, why: first.rest.why };
}

/** The step's `model` is a name of its first agent; the others have names of their own for theirs. */
function candidatesOf(step: Step, crew: Crew): Candidate[] {
  return agentsFor(step, crew.agent).flatMap((name, index) => {
    const agent = crew.chosen[name] ?? name;
    const models = [index === 0 ? step.model ?? null : null, ...crew.fallbackModels[agent] ?? []];
    return [...new Set(models)].map((model) => ({ name, agent, model }));
  });
}

function keysOf({ agent, model }: Candidate): string[] {
  return [restKey(agent), restKey(agent, model)];
}

function restOf(candidate: Candidate, { rests, now }: Crew): Rest | null {
  const rest = keysOf(candidate).flatMap((key) => rests[key] ?? []).toSorted((a, b) => b.until - a.until)[0];
  return rest === undefined || rest.until <= now ? null : rest;
}

function whyUnusable(candidate: Candidate, { unusable }: Crew): Unusable | null {
  return keysOf(candidate).flatMap((key) => unusable[key] ?? [])[0] ?? null;
}

/** What a person has to do something about: an agent that failed rather than others that are not there. */
function nobody(candidates: readonly Candidate[], crew: Crew): Halt {
  const misses: AgentMiss[] = [];
  for (const candidate of candidates) {
    const why = whyUnusable(candidate, crew);
    if (why?.kind === "failed") {
      const { class: name, message, times } = why;
      return { reason: "agent-unusable", agent: candidate.agent, class: name, message, times };
    }
    misses.push(...why?.misses ?? []);
  }
  return { reason: "no-agent", misses };
}
