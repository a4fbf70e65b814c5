import type { Halt } from "../model/halt.ts";
import type { RunLimits } from "./decide.ts";
import type { AgentChoice, Observation, Ports } from "./ports.ts";
import { isSettled } from "./ready.ts";
import { agentsFor } from "./turn.ts";

/** Why the agent can't be run under these limits: a limit on what nobody reports is none. */
export function unenforceable(agent: AgentChoice, limits: RunLimits): Halt | null {
  if (limits.usd !== null && !agent.reportsCost) {
    return { reason: "limit-unenforceable", limit: "money", agent: agent.id };
  }
  if (limits.tokens !== null && !agent.reportsTokens) {
    return { reason: "limit-unenforceable", limit: "tokens", agent: agent.id };
  }
  return null;
}

/**
 * Looks at the agents of all open steps before anything is started. An agent that is not ready is no reason to refuse
 * here: its step may never come up.
 */
export async function checkLimits(
  ports: Ports,
  { plan }: Observation,
  limits: RunLimits,
  forced: string | null,
): Promise<Halt | null> {
  if (limits.usd === null && limits.tokens === null) return null;
  const open = plan.steps.filter((step) => step.type === "agent" && !isSettled(plan, step));
  const steps = new Map(open.flatMap((step) => agentsFor(step, forced).map((name) => [name, step])));
  for (const [name, step] of steps) {
    const choice = await ports.agents.choose(name, step);
    const halt = choice.ok ? unenforceable(choice.agent, limits) : null;
    if (halt !== null) return halt;
  }
  return null;
}
