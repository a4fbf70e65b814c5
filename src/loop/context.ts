import type { AttemptRecord } from "../model/ledger.ts";
import type { Step } from "../model/plan.ts";
import type { Verification } from "../model/verdict.ts";
import type { Caps } from "./limits.ts";
import type { AgentChoice, Collected, Observation, Ports } from "./ports.ts";

/** What stays the same for every iteration of a run. */
export interface RunContext {
  ports: Ports;
  planId(): string;
  /** Aborts with a `StopReason` of kind `interrupted`. */
  signal: AbortSignal;
  /** The mark of the n-th iteration of this run, by which leftover processes are found. */
  markOf(iteration: number): string;
}

/** One iteration to run. `agent` is `null` where only validators run: on the branch as it is, or on parked work. */
export interface IterationRequest {
  iteration: number;
  observation: Observation;
  step: Step;
  attempt: number;
  agent: AgentChoice | null;
  /** The model to ask for, `null` for the agent's own choice. */
  model: string | null;
  /** How often the brief is halved. */
  shrink: number;
  carry: { attempt: number; work: string } | null;
  /** The attempt whose verified work is to land, when `carry` is that work. */
  parked: AttemptRecord | null;
  /** What an agent may still use. */
  caps: Caps;
}

/** What the agent did to the control files, told apart into what counts and what does not. */
export interface Control {
  notes: string | null;
  patterns: string[];
  entries: string[];
  tampering: string[];
  /** What of it is text, as unified diffs; "" when there was none. */
  diff: string;
  benign: string[];
}

/** Runs the validators on the given work, telling about each as it finishes. */
export function verifyWork(
  context: RunContext,
  request: Pick<IterationRequest, "observation" | "step">,
  work: Collected,
  journalDir: string,
): Promise<Verification> {
  const { observation, step } = request;
  return context.ports.validators.verify({
    base: observation.tip,
    work,
    step,
    plan: observation.plan,
    validators: observation.validators,
    journalDir,
    signal: context.signal,
    onEvent: (body) => context.ports.emit(body),
  });
}
