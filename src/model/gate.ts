import type { GateRejection, Halt } from "./halt.ts";
import type { LedgerState, StepState } from "./ledger.ts";
import { earlierThan, isList } from "./order.ts";
import type { Plan, Step } from "./plan.ts";

/** Where a gate stands. Nothing but a recorded decision opens it; a rejection keeps it closed and says why. */
export type GateState =
  | { kind: "open" }
  | { kind: "closed" }
  | { kind: "rejected"; by: string; at: string; note: string };

/** Evaluates a gate step from what the plan and the ledger say. No time is involved: closed means closed. */
export function gateState(step: Pick<Step, "passes">, state: StepState | undefined): GateState {
  if (step.passes || state?.gate?.state === "approved") return { kind: "open" };
  if (state?.gate?.state !== "rejected") return { kind: "closed" };
  const { by, at, note } = state.gate;
  return { kind: "rejected", by, at, note };
}

/** The last heading of a handoff: what it says stands beside the page where it is shown on a screen. */
export const howToGoOnHeading = "How to go on";

/**
 * The steps of which a person at the gate may want one redone: those that passed since the gate before it or, in a plan
 * with `needs`, those that it needs itself.
 */
export function redoable(plan: Plan, gate: Step): Step[] {
  const list = isList(plan);
  const before = list ? earlierThan(plan, gate.id) : plan.steps.filter(({ id }) => gate.needs.includes(id));
  const since = list ? before.slice(before.findLastIndex(({ type }) => type === "gate") + 1) : before;
  return since.filter(({ type, passes }) => type !== "gate" && passes);
}

/** The rejection of a gate, unless a step that it looks at passed again since: then it awaits a new decision. */
export function standingRejection(plan: Plan, ledger: LedgerState, gate: Step): GateRejection | null {
  const state = gateState(gate, ledger.steps[gate.id]);
  if (state.kind !== "rejected") return null;
  const redo = redoable(plan, gate).map(({ id }) => id);
  const isRedone = redo.some((id) => (ledger.steps[id]?.passed?.at ?? "") > state.at);
  return isRedone ? null : { by: state.by, note: state.note, redo };
}

/** The halt at a gate that is reached and not open. */
export function gateHalt(plan: Plan, ledger: LedgerState, gate: Step, handoff: string): Halt {
  const rejected = standingRejection(plan, ledger, gate);
  return { reason: "gate", step: gate.id, handoff, ...rejected === null ? {} : { rejected } };
}

/** A person's "no" at a gate, as it concerns a step that the gate waits for. */
export interface Rejection {
  gate: string;
  by: string;
  note: string;
}

/**
 * The rejections that the work on a step has to answer: those of gates that build on it, directly or through other
 * steps. In a plan without any `needs` the list is the order, so a gate builds on everything before it.
 */
export function rejectionsOf(plan: Plan, ledger: LedgerState, stepId: string): Rejection[] {
  const rejected = plan.steps.flatMap((step) => {
    if (step.type !== "gate" || step.id === stepId) return [];
    const state = gateState(step, ledger.steps[step.id]);
    return state.kind === "rejected" ? [{ gate: step.id, by: state.by, note: state.note }] : [];
  });
  if (rejected.length === 0) return [];
  if (isList(plan)) return rejected.filter(({ gate }) => earlierThan(plan, gate).some(({ id }) => id === stepId));
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  return rejected.filter(({ gate }) => reaches(byId, gate, stepId));
}

function reaches(byId: ReadonlyMap<string, Step>, from: string, to: string): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === to) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...byId.get(id)?.needs ?? []);
  }
  return false;
}
