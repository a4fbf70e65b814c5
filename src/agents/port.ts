import type { AgentChosen, AgentPort, AgentRequest, Clock } from "../loop/ports.ts";
import type { Agent } from "../model/agents.ts";
import type { Failures } from "../model/failure.ts";
import type { AgentReport } from "../model/outcome.ts";
import { priceIn, type PriceLists } from "../model/prices.ts";
import type { Step } from "../model/plan.ts";
import type { Sandbox } from "../system/sandbox.ts";
import { chosen, type Found, type Lookup, lookUp, lookUpAuto, missingInStep, unknownAgent } from "./choose.ts";
import { classifier } from "./faults.ts";
import type { Person } from "./probe.ts";
import { homeOf, runAgent } from "./run.ts";

export interface AgentDeps {
  /** From the registries, built-in and own. */
  agents: readonly Agent[];
  /** How errors of agents are classified. */
  failures: Failures;
  /** The person's environment, cleaned (`cleanEnv`). */
  env: Record<string, string>;
  clock: Clock;
  /** What stands in for agents that report tokens and no cost. @default {none} */
  prices?: PriceLists;
  /** Absent or `null`: agents run with the person's rights. */
  sandbox?: Sandbox | null;
}

/** The agents of one run. Each is looked up at most once; `auto` is decided once. */
export function createAgents(deps: AgentDeps): AgentPort {
  const { agents, env, clock, prices = {}, sandbox = null } = deps;
  const classify = classifier(deps.failures);
  const person: Person = { env, home: homeOf(env) };
  const lookups = new Map<string, Promise<Lookup>>();
  let auto: ReturnType<typeof lookUpAuto> | null = null;

  function look(agent: Agent): Promise<Lookup> {
    const known = lookups.get(agent.id) ?? lookUp(agent, person);
    lookups.set(agent.id, known);
    return known;
  }

  async function choose(name: string, step: Step): Promise<AgentChosen> {
    if (name === "auto") {
      auto ??= lookUpAuto(agents, look);
      const result = await auto;
      return result.ok ? { ...chosen(result.found), among: result.among } : result;
    }
    const agent = agents.find(({ id }) => id === name);
    if (agent === undefined) return { ok: false, misses: [unknownAgent(name, agents)] };
    const missing = missingInStep(agent, step);
    if (missing !== null) return { ok: false, misses: [missing] };
    const result = await look(agent);
    return result.ok ? chosen(result.found) : { ok: false, misses: [result.miss] };
  }

  async function run(request: AgentRequest): Promise<AgentReport> {
    return await runAgent({ found: await foundFor(request), request, person, clock, sandbox, classify, prices });
  }

  async function foundFor({ agent: { id } }: AgentRequest): Promise<Found> {
    const result = await lookups.get(id);
    if (result?.ok !== true) throw new Error(`Internal error: the agent ${id} was started before it was chosen`);
    return result.found;
  }

  return { choose, run, hasPrice: (model) => priceIn(prices, model) !== null };
}
