import type { Halt } from "../model/halt.ts";
import type { Step } from "../model/plan.ts";
import type { RunLimits } from "./decide.ts";
import { stepAllowance } from "./limits.ts";
import type { AgentChoice, Observation, Ports } from "./ports.ts";
import { isSettled } from "./ready.ts";
import { agentsFor } from "./turn.ts";

/** An agent with the models that may come up on the step; `null` is its own, whatever that is. */
export interface Candidate {
  agent: AgentChoice;
  models: readonly (string | null)[];
}

/** The step's `model` is a name of its first agent; what stands in for it is the agent's own business. */
export function modelsOf(step: Step, forced: string | null, name: string, agent: AgentChoice): Candidate["models"] {
  return [agentsFor(step, forced)[0] === name ? step.model ?? null : null, ...agent.fallbackModels];
}

/** Whether anything limits what the step may cost. */
export function isMoneyLimited(step: Step, limits: RunLimits): boolean {
  return [stepAllowance(step), limits, limits.iteration, limits.day].some(({ usd }) => usd !== null);
}

/** Why the agent can't be run under these limits: a limit on what nobody reports is none. */
export function unenforceable(
  { agents }: Pick<Ports, "agents">,
  { agent, models }: Candidate,
  step: Step,
  limits: RunLimits,
): Halt | null {
  const scopes = [stepAllowance(step), limits, limits.iteration, limits.day];
  const { iteration } = limits;
  const unpriced = agent.reportsTokens ? models.find((model) => model === null || !agents.hasPrice(model)) : null;
  const facts = { agent: agent.id, step: step.id, ...unpriced == null ? {} : { model: unpriced } };
  if (!agent.reportsCost && unpriced !== undefined && isMoneyLimited(step, limits)) {
    return { reason: "limit-unenforceable", limit: "money", ...facts };
  }
  if (!agent.reportsTokens && scopes.some(({ tokens }) => tokens !== null)) {
    return { reason: "limit-unenforceable", limit: "tokens", ...facts };
  }
  // Between iterations nothing is left of one to limit.
  if (!agent.countsAtWork && (iteration.usd !== null || iteration.tokens !== null)) {
    return { reason: "limit-unenforceable", limit: iteration.usd === null ? "tokens" : "money", late: true, ...facts };
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
  const open = plan.steps.filter((step) => step.type === "agent" && !isSettled(plan, step));
  const limited = open.filter((step) =>
    [stepAllowance(step), limits, limits.iteration, limits.day].some(({ usd, tokens }) =>
      usd !== null || tokens !== null
    )
  );
  // What an agent reports depends on its model, too. The first step of each stands for the others.
  const wanted = limited.flatMap((step) => agentsFor(step, forced).map((name) => ({ name, step })));
  const kinds = new Map(wanted.toReversed().map((one) => [JSON.stringify([one.name, one.step.model]), one]));
  for (const { name, step } of [...kinds.values()].toReversed()) {
    const choice = await ports.agents.choose(name, step);
    if (!choice.ok) continue;
    const { agent } = choice;
    const halt = unenforceable(ports, { agent, models: modelsOf(step, forced, name, agent) }, step, limits);
    if (halt !== null) return halt;
  }
  return null;
}
