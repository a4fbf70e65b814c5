import type { Observation } from "../loop/ports.ts";
import type { Halt } from "../model/halt.ts";
import type { Step } from "../model/plan.ts";
import { nearName } from "../plan/names.ts";
import { type Context, printHalt, printUsage } from "./context.ts";
import { takeLock } from "./lock.ts";
import { openWorkplace, type Workplace } from "./wire.ts";

export type Looked = { ok: true; workplace: Workplace; observation: Observation } | { ok: false; code: number };

/**
 * Opens the repository and looks at plan and ledger; what is in the way is printed. Changes nothing, except that with
 * `push` it takes over what the remote has first: a decision is often made in another clone than the one that runs.
 */
export async function look(
  context: Context,
  options: { readOnly: boolean; push?: string | boolean | undefined },
): Promise<Looked> {
  const { dir, plan, branch } = context;
  const opened = await openWorkplace({
    dir,
    checkout: false,
    ...options,
    ...(plan === undefined ? {} : { plan }),
    ...(branch === undefined ? {} : { branch }),
  });
  if (!opened.ok) return { ok: false, code: printHalt(context, opened.halt) };
  const workplace = opened.value;
  const halt = options.push ? await takeOver(workplace) : null;
  if (halt !== null) return { ok: false, code: printHalt(context, halt) };
  const looked = await workplace.repository.look();
  if (!looked.ok) return { ok: false, code: printHalt(context, looked.halt) };
  return { ok: true, workplace, observation: looked.value };
}

/** Fetches branch and ledger, unless a run is at work here: then that one does. */
async function takeOver({ place, repository }: Workplace): Promise<Halt | null> {
  const lock = await takeLock(place);
  if (!lock.ok) return lock.halt.reason === "locked" ? null : lock.halt;
  try {
    const started = await repository.start({ died: lock.died });
    return started.ok ? null : started.halt;
  } finally {
    lock.release();
  }
}

/** The step of this id; an unknown one is printed with what was probably meant. */
export function findStep(context: Context, { plan }: Observation, id: string): Step | null {
  const step = plan.steps.find((candidate) => candidate.id === id);
  if (step !== undefined) return step;
  const near = nearName(id, plan.steps.map((candidate) => candidate.id));
  const hint = near === null ? `${context.paste("status")} lists all steps` : `did you mean ${near}?`;
  printUsage(context, `The plan has no step "${id}"`, hint);
  return null;
}
