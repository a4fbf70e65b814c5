import type { Observation } from "../loop/ports.ts";
import type { Halt } from "../model/halt.ts";
import type { Step } from "../model/plan.ts";
import { oneLine } from "../model/text.ts";
import { editPlan } from "../plan/edit.ts";
import { type Context, printHalt, printUsage } from "./context.ts";
import { findStep, look } from "./look.ts";
import { person, printDone, recordDecision } from "./record.ts";
import type { Workplace } from "./wire.ts";

/** How often a branch that moves meanwhile is looked at again. */
const maxLooks = 5;

/**
 * Lets a step be worked on again, with all of its attempts: one commit that sets its `passes` to false, and the record
 * of who did it, moved together.
 */
export async function reopen(
  context: Context,
  id: string,
  flags: { note?: string; push?: string | boolean },
): Promise<number> {
  const looked = await look(context, { readOnly: false, push: flags.push });
  if (!looked.ok) return looked.code;
  const { workplace } = looked;
  const known = findStep(context, looked.observation, id);
  if (known === null) return 2;
  const used = looked.observation.ledger.steps[id];
  if (!known.passes && used === undefined) {
    return printUsage(context, `${id} is open already: nobody has worked on it`, null);
  }
  if (looked.observation.plan.planId === undefined) {
    const hint = known.passes ? `set its "passes" to false in ${workplace.place.planPath}` : null;
    return printUsage(context, "No run of this plan has begun: nothing is recorded that could be reopened", hint);
  }
  const by = await person(workplace);
  const why = flags.note ?? "";
  const halt = known.passes ? await commitReopen(workplace, id, by, why) : null;
  if (halt !== null) return printHalt(context, halt);
  if (known.passes) {
    const refused = await workplace.repository.push();
    if (refused !== null) return printHalt(context, refused);
  } else {
    const code = await recordDecision(context, workplace, { kind: "reopened", step: id, by, why });
    if (code !== 0) return code;
  }
  printDone(context, `${id} is open again, with all of its attempts`, "works on it");
  return 0;
}

async function commitReopen({ repository }: Workplace, id: string, by: string, why: string): Promise<Halt | null> {
  for (let looks = 0; looks < maxLooks; looks += 1) {
    // Commits the person's own edits first, so that they are not mixed with this one.
    const observed = await repository.observe();
    if (!observed.ok) return observed.halt;
    const step = observed.value.plan.steps.find((candidate) => candidate.id === id);
    if (step === undefined || !step.passes) return null;
    const landing = await repository.land(landRequest(observed.value, step, by, why));
    if (landing.kind === "landed") return null;
    if (landing.kind === "failed") return landing.halt;
    if (landing.kind === "parked") return { reason: "parked", step: id, ...landing };
  }
  throw new Error("Internal error: the branch moved at every attempt to commit");
}

function landRequest(observation: Observation, step: Step, by: string, why: string) {
  const reason = why === "" ? "" : `${why.trim()}\n\n`;
  return {
    work: null,
    base: observation.tip,
    step,
    planText: editPlan(observation.planText, { steps: { [step.id]: { passes: false } } }),
    progressText: observation.progressText,
    message: `chore(plan): reopen ${step.id} - ${oneLine(step.title)}\n\n${reason}Capstan-Plan: ${
      observation.plan.planId ?? ""
    }\nCapstan-Step: ${step.id}\n`,
    record: { kind: "reopened", step: step.id, by, why } as const,
  };
}
