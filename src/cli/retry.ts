import { maxAttemptsOf } from "../loop/ready.ts";
import type { LedgerState } from "../model/ledger.ts";
import type { Step } from "../model/plan.ts";
import { count } from "../report/units.ts";
import { type Context, printUsage } from "./context.ts";
import { findStep, look } from "./look.ts";
import { person, printDone, recordDecision } from "./record.ts";

/**
 * Lets a step be tried again whose breaker is open, or agents be asked that rest: a record in the ledger, the note of
 * which goes into the next brief.
 */
export async function retry(
  context: Context,
  id: string,
  flags: { note?: string; push?: string | boolean },
): Promise<number> {
  const looked = await look(context, { readOnly: false, push: flags.push });
  if (!looked.ok) return looked.code;
  const { workplace, observation: { ledger } } = looked;
  const step = findStep(context, looked.observation, id);
  if (step === null) return 2;
  const refused = whyNot(context, ledger, step);
  if (refused !== null) return printUsage(context, refused.what, refused.hint);
  const by = await person(workplace);
  const code = await recordDecision(context, workplace, { kind: "retried", step: id, by, note: flags.note ?? "" });
  if (code !== 0) return code;
  const left = Math.max(0, maxAttemptsOf(step) - (ledger.steps[id]?.attempts ?? 0));
  if (ledger.breaker.trip !== null) printDone(context, "The circuit breaker of the plan is closed", "goes on");
  else printDone(context, `${id} may be tried again: ${count(left, "attempt")} left`, "works on it");
  return 0;
}

/** Why there is nothing to retry, and what to do in its place. Pure. */
function whyNot(
  { paste, io: { now } }: Context,
  ledger: LedgerState,
  step: Step,
): { what: string; hint: string } | null {
  const { id } = step;
  if (step.passes) return { what: `${id} passes`, hint: `${paste("reopen", id)} has it worked on again` };
  const all = ledger.breaker.trip?.tried.map((trial) => trial.step) ?? [];
  if (all.includes(id)) return null;
  const known = ledger.steps[id];
  if (known !== undefined && known.attempts >= maxAttemptsOf(step)) {
    return { what: `${id} is out of attempts`, hint: `${paste("reopen", id)} gives it new ones` };
  }
  if (known?.breaker.trip) return null;
  if (Object.values(ledger.waits).some(({ until }) => until > now())) return null;
  return all.length === 0
    ? { what: `The circuit breaker of ${id} is not open`, hint: `${paste("explain", id)} says where it stands` }
    : {
      what: `${id} is not among the steps that opened the circuit breaker of the plan`,
      hint: `these are: ${all.join(", ")}`,
    };
}
