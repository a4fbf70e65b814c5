import { restKey } from "../model/failure.ts";
import { exitCodeOf, type Halt } from "../model/halt.ts";
import type { LedgerState } from "../model/ledger.ts";
import type { Step } from "../model/plan.ts";
import { breakerNews, halfOpenBreaker } from "./breaker.ts";
import { decide, type DecideState, type Decision, type RunLimits, type RunUse } from "./decide.ts";
import { checkLimits, isMoneyLimited, modelsOf, unenforceable } from "./enforce.ts";
import { closeGate, type GateDeps, landProgress, openGate } from "./gate.ts";
import type { IterationRequest } from "./context.ts";
import { spentIn } from "../model/spent.ts";
import { iterate } from "./iterate.ts";
import { type Caps, capsOf, stepAllowance } from "./limits.ts";
import type { AgentChoice, Observation, Ports } from "./ports.ts";
import { agentsFor, type Unusable } from "./turn.ts";
import { recoverLeftover } from "./recover.ts";

/** What a person asked of this run. */
export interface DriveOptions {
  /** Computed anew from every observation: the plan's own limits may change while the run goes on. */
  limits(observation: Observation): RunLimits;
  only: string | null;
  agent: string | null;
}

/** What the driver needs beside the ports. */
export interface DriveDeps extends GateDeps {
  /** Whether any validator can verify the step. */
  verifiable(step: Step, observation: Observation): boolean;
  interrupted(): "SIGINT" | "SIGTERM" | "SIGHUP" | null;
}

/** How a run ended, with the last thing it saw (`null` when it saw nothing). */
export interface DriveResult {
  halt: Halt;
  observation: Observation | null;
  use: RunUse;
}

/** What one run knows beside the repository: what it used, and what agents' names came to. Nothing here decides alone. */
interface Run {
  deps: DriveDeps;
  options: DriveOptions;
  use: RunUse;
  chosen: Record<string, AgentChoice>;
  unusable: Record<string, Unusable>;
  /** The step of the iteration before, the news of which were not told yet. */
  worked: string | null;
}

/**
 * The only loop that waits: observe, decide, carry out, until a decision halts. Everything that decides is pure;
 * everything that acts is a port. Every pass reads plan and ledger anew, so a restart at any point continues here.
 */
export async function drive(deps: DriveDeps, options: DriveOptions): Promise<DriveResult> {
  const { ports } = deps;
  const startedAt = ports.clock.now();
  const nothing = { iterations: 0, costUsd: 0, costAbout: 0, costUnknown: 0, tokens: 0, waitedMs: 0 };
  const use: RunUse = { startedAt, now: startedAt, ...nothing };
  const run: Run = { deps, options, use, chosen: {}, unusable: {}, worked: null };
  let observation: Observation | null = null;
  let halt: Halt | null = await recoverLeftover(deps);
  while (halt === null) {
    const observed = await ports.repository.observe();
    if (!observed.ok) return { halt: observed.halt, observation, use };
    if (observation === null) {
      halt = await checkLimits(ports, observed.value, options.limits(observed.value), options.agent);
      observation = observed.value;
      if (halt !== null) break;
    }
    const before = observation.ledger;
    observation = observed.value;
    use.now = ports.clock.now();
    const decision = decide(stateOf(run, observation));
    tellBreakers(run, decision, before, observation);
    halt = await carryOut(run, decision, observation);
  }
  const seen = await afterHalt(deps, halt, observation);
  return { halt: await pushed(ports, halt), observation: seen, use };
}

/** Which breakers the last iteration opened, unless the run ends with it. */
function tellBreakers(run: Run, decision: Decision, before: LedgerState, { ledger }: Observation): void {
  const isLast = decision.kind === "halt" && decision.halt.reason === "breaker";
  const news = isLast || run.worked === null ? [] : breakerNews(before, ledger, run.worked);
  for (const notice of news) run.deps.ports.notice(notice);
  run.worked = null;
}

function stateOf({ deps, options, use, chosen, unusable }: Run, observation: Observation): DecideState {
  const { plan, ledger, failures } = observation;
  const unverifiable = plan.steps.filter((step) => !step.passes && !deps.verifiable(step, observation));
  return {
    plan,
    ledger,
    use: { ...use },
    limits: options.limits(observation),
    day: deps.ports.clock.dayOf(use.now),
    only: options.only,
    agent: options.agent,
    chosen: Object.fromEntries(Object.entries(chosen).map(([name, { id }]) => [name, id])),
    fallbackModels: Object.fromEntries(Object.values(chosen).map(({ id, fallbackModels }) => [id, fallbackModels])),
    unusable,
    failures,
    unverifiable: new Set(unverifiable.map(({ id }) => id)),
    interrupted: deps.interrupted(),
  };
}

/** Carries out one decision. Returns the halt that ends the run, or `null` to go on. */
async function carryOut(run: Run, decision: Decision, observation: Observation): Promise<Halt | null> {
  const { deps, use } = run;
  switch (decision.kind) {
    case "halt":
      return await withHandoff(deps, decision.halt, observation);
    case "close-gate":
      return await closeGate(deps, decision.step, observation);
    case "open-gate":
      return await openGate(deps, decision.step, observation);
    case "wait": {
      const { agent, until, why } = decision;
      deps.ports.emit({ kind: "waiting", agent, until, why });
      await deps.ports.clock.sleep(until - use.now, deps.signal);
      use.waitedMs += until - use.now;
      return null;
    }
    case "validate":
      return await work(run, { ...decision, model: null, shrink: 0 }, observation, {
        agent: null,
        parked: decision.parked,
      });
    case "iterate": {
      // Whether an agent must be waited for is known only once its name is resolved: then decide again.
      const isNew = run.chosen[decision.agent] === undefined;
      const chosen = await chooseAgent(run, decision, observation);
      if (chosen === null || "reason" in chosen) return chosen;
      return isNew ? null : await work(run, decision, observation, { agent: chosen, parked: null });
    }
  }
}

async function work(
  run: Run,
  { step, attempt, carry, model, shrink }: Pick<IterationRequest, "step" | "attempt" | "carry" | "model" | "shrink">,
  observation: Observation,
  who: { agent: AgentChoice | null; parked: (Decision & { kind: "validate" })["parked"] },
): Promise<Halt | null> {
  const { deps, use, unusable } = run;
  const caps = capsFor(run, step, observation);
  const half = halfOpenBreaker(observation.ledger, step, use.now);
  if (half !== null) deps.ports.notice({ kind: "breaker", state: "half-open", step: step.id, ...half });
  run.worked = step.id;
  use.iterations += 1;
  const { iterations } = use;
  const result = await iterate(deps, {
    iteration: iterations,
    observation,
    step,
    attempt,
    carry,
    model,
    shrink,
    caps,
    ...who,
  });
  use.costUsd += result.costUsd;
  use.costAbout += result.costAbout;
  use.costUnknown += result.costUnknown;
  use.tokens += result.tokens;
  const { after } = result;
  if (after?.action.kind === "give-up" && who.agent !== null) {
    const { class: name, message, action: { times, model: only } } = after;
    unusable[restKey(who.agent.id, only)] = { kind: "failed", class: name, message, times };
  }
  if (after?.action.kind !== "rest") use.waitedMs = 0;
  if (result.halt === null && result.keepsCost && isMoneyLimited(step, run.options.limits(observation))) {
    const named = model == null ? {} : { model };
    return { reason: "limit-unenforceable", limit: "money", agent: who.agent?.id ?? "", step: step.id, ...named };
  }
  return result.halt;
}

/** What the next agent may use before one of its limits, the step's, the run's or the day's is reached. */
function capsFor({ deps, options, use }: Run, step: Step, observation: Observation): Caps {
  const limits = options.limits(observation);
  const { ledger } = observation;
  const fresh = { iterations: 0, durationMs: 0, costUsd: 0, tokens: 0 };
  return capsOf([
    // An iteration has its time limit from the step.
    { scope: "iteration", used: fresh, allowance: { ...limits.iteration, timeMs: null } },
    { scope: "step", used: ledger.steps[step.id] ?? fresh, allowance: stepAllowance(step) },
    { scope: "run", used: { ...use, durationMs: use.now - use.startedAt }, allowance: limits },
    { scope: "day", used: spentIn(ledger.spent, deps.ports.clock.dayOf(use.now)), allowance: limits.day },
  ]);
}

async function chooseAgent(
  { deps, options, chosen, unusable }: Run,
  { agent, step }: Decision & { kind: "iterate" },
  observation: Observation,
): Promise<AgentChoice | Halt | null> {
  const result = await deps.ports.agents.choose(agent, step);
  if (!result.ok) {
    const { misses } = result;
    if (agentsFor(step, options.agent).length === 1) return { reason: "no-agent", misses };
    unusable[restKey(agent)] = { kind: "missing", misses };
    deps.ports.notice({ kind: "agent-missing", misses });
    return null;
  }
  if (result.among !== undefined && chosen[agent] === undefined) {
    const { id, version } = result.agent;
    deps.ports.notice({ kind: "agent-chosen", agent: id, version, among: result.among });
  }
  chosen[agent] = result.agent;
  const who = { agent: result.agent, models: modelsOf(step, options.agent, agent, result.agent) };
  return unenforceable(deps.ports, who, step, options.limits(observation)) ?? result.agent;
}

async function withHandoff(deps: DriveDeps, halt: Halt, observation: Observation): Promise<Halt> {
  if (halt.reason !== "question") return halt;
  const step = observation.plan.steps.find(({ id }) => id === halt.step);
  return step === undefined ? halt : { ...halt, handoff: await deps.handoff(step, observation, halt.question) };
}

/** Leaves progress.txt up to date for the person who is asked to look, and sees for the last time. */
async function afterHalt(deps: DriveDeps, halt: Halt, before: Observation | null): Promise<Observation | null> {
  const observed = await deps.ports.repository.observe();
  if (!observed.ok) return before;
  const isForPerson = [3, 4].includes(exitCodeOf(halt));
  const landed = isForPerson ? await landProgress(deps, observed.value) : null;
  if (landed?.kind !== "landed") return observed.value;
  const again = await deps.ports.repository.observe();
  return again.ok ? again.value : observed.value;
}

/** Halts after which a push would be refused again, or bring a repository that is not well to the remote. */
const unpushable: ReadonlySet<Halt["reason"]> = new Set([
  "diverged",
  "push-refused",
  "remote-unreachable",
  "lease-lost",
  "repository",
]);

/** What happened must reach the remote whatever ended the run; a refused push is the more urgent news. */
async function pushed(ports: Ports, halt: Halt): Promise<Halt> {
  if (unpushable.has(halt.reason)) return halt;
  return await ports.repository.push() ?? halt;
}
