import type { AgentChosen } from "../loop/ports.ts";
import type { Agent } from "../model/agents.ts";
import type { AgentMiss } from "../model/halt.ts";
import type { Step } from "../model/plan.ts";
import { nearName } from "../plan/names.ts";
import { formats } from "./formats.ts";
import { programOf } from "./launch.ts";
import { type Person, versionOf } from "./probe.ts";
import { type Readiness, readinessOf } from "./readiness.ts";

/** An agent that can be started: everything that was found out about it, once per run. */
export interface Found {
  agent: Agent;
  argv: string[];
  version: string | null;
  way: Extract<Readiness, { ready: true }>["way"];
}

export type Lookup = { ok: true; found: Found } | { ok: false; miss: AgentMiss };

/** Looks one agent up: its program, its login, its version. */
export async function lookUp(agent: Agent, person: Person): Promise<Lookup> {
  const program = await programOf(agent, person.env);
  if (!program.ok) {
    const names = program.names.map((name) => `\`${name}\``).join(" or ");
    return miss(agent, "not-installed", `${agent.title} is not installed: ${names} is not on PATH`, agent.install);
  }
  const readiness = await readinessOf(agent, person.env, person.home);
  if (!readiness.ready) return miss(agent, "not-logged-in", `${agent.title} is not logged in`, agent.login);
  const version = await versionOf(agent, program.argv, person);
  if (!version.ok) {
    return miss(agent, "broken", `${program.argv[0] ?? agent.title} does not work: ${version.why}`, agent.install);
  }
  return { ok: true, found: { agent, argv: program.argv, version: version.version, way: readiness.way } };
}

/** What a step must say for the agents that read the step itself; `null` when nothing is missing. */
export function missingInStep(agent: Agent, step: Step): AgentMiss | null {
  if ("step" in agent.launch && step.command === undefined) {
    const why = `step ${step.id} has no \`command\` to run`;
    return { agent: agent.id, kind: "step", why, fix: `add "command": "npm run codemod" to the step` };
  }
  if ("module" in agent.launch && agent.launch.module === "tape" && step.tape === undefined) {
    return {
      agent: agent.id,
      kind: "step",
      why: `step ${step.id} has no \`tape\` to play`,
      fix: `add "tape": "tapes/${step.id}.json" to the step`,
    };
  }
  return null;
}

/** The first agent of the `auto` order that can be started; the others are the reasons why not. */
export async function lookUpAuto(
  agents: readonly Agent[],
  look: (agent: Agent) => Promise<Lookup>,
): Promise<{ ok: true; found: Found; among: string[] } | { ok: false; misses: AgentMiss[] }> {
  const ordered = agents.filter((agent) => agent.auto !== undefined).toSorted((a, b) => a.auto! - b.auto!);
  const misses: AgentMiss[] = [];
  for (const agent of ordered) {
    const result = await look(agent);
    if (result.ok) return { ...result, among: ordered.map(({ id }) => id) };
    misses.push(result.miss);
  }
  return { ok: false, misses };
}

/** An agent that no registry declares, with the nearest name. */
export function unknownAgent(name: string, agents: readonly Agent[]): AgentMiss {
  const ids = agents.map(({ id }) => id);
  const meant = nearName(name, ["auto", ...ids]);
  const fix = meant !== null
    ? `did you mean \`${meant}\`?`
    : `use one of ${
      ["auto", ...ids].join(", ")
    }; what registries/agents.json declares from now on counts at the next start`;
  return { agent: name, kind: "unknown", why: `there is no agent called \`${name}\``, fix };
}

export function chosen({ agent, version }: Found): AgentChosen & { ok: true } {
  return {
    ok: true,
    agent: {
      id: agent.id,
      version,
      reportsCost: agent.reportsCost,
      reportsTokens: reportsTokens(agent),
      // A command without a model uses nothing.
      countsAtWork: "step" in agent.launch || formats[agent.format].countsAtWork,
      fallbackModels: agent.fallbackModels,
    },
  };
}

function miss(agent: Agent, kind: AgentMiss["kind"], why: string, fix: string): Lookup {
  return { ok: false, miss: { agent: agent.id, kind, why, fix } };
}

/** Plain text says nothing about tokens; a command without a model uses none. */
function reportsTokens({ format, launch }: Agent): boolean {
  return format !== "text" || "step" in launch;
}
