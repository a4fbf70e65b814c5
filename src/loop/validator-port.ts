import type { EventBody } from "../model/event.ts";
import type { Plan, Step } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import type { RedFirst, Verification } from "../model/verdict.ts";
import type { Collected, Frozen, Oid } from "./ports.ts";

export interface VerifyRequest {
  base: Oid;
  work: Collected;
  step: Step;
  plan: Plan;
  validators: Validator[];
  journalDir: string;
  signal: AbortSignal;
  onEvent(body: EventBody): void;
}

/** What the step's own validators are asked before the work. */
export type RedFirstRequest = Omit<VerifyRequest, "work">;

/** Work that does not land and is kept for the next attempt. */
export type WithholdRequest = Pick<VerifyRequest, "base" | "work" | "validators"> & { step: Pick<Step, "allows"> };

export interface ValidatorPort {
  /** What of the repository these validators rest on, without what the step may change by name. Pure. */
  frozen(validators: readonly Validator[], plan: Plan, allowed: readonly string[]): Frozen;
  /**
   * Runs the step's own validators on the base. `null` when the step names none or wants no such run, or when they could
   * not be run. What was red is remembered for the verification of the work.
   */
  redFirst(request: RedFirstRequest): Promise<RedFirst | null>;
  verify(request: VerifyRequest): Promise<Verification>;
  /**
   * The work as it may be kept and pushed: files that hold what looks like a secret are as on the base. `lines` says
   * which ones, without the secrets.
   */
  withhold(request: WithholdRequest): Promise<{ work: Collected; lines: string[] }>;
}
