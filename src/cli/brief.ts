import { createBriefs } from "../brief/assemble.ts";
import { maxAttemptsOf } from "../loop/ready.ts";
import { carryFor, shrinkFor } from "../loop/decide.ts";
import { isSettled } from "../loop/ready.ts";
import { inOrder } from "../model/order.ts";
import { bytes } from "../report/units.ts";
import { type Context, printUsage } from "./context.ts";
import { findStep, look } from "./look.ts";

/** Prints exactly what the next agent would be sent; its size by section goes to standard error. */
export async function brief(context: Context, flags: { step?: string }): Promise<number> {
  const looked = await look(context, { readOnly: true });
  if (!looked.ok) return looked.code;
  const { workplace: { place }, observation } = looked;
  const { plan, ledger } = observation;
  const step = flags.step === undefined
    ? inOrder(plan).find((candidate) => candidate.type === "agent" && !isSettled(plan, candidate)) ?? null
    : findStep(context, observation, flags.step);
  if (step === null) {
    return flags.step === undefined ? printUsage(context, "No step is left for an agent", null) : 2;
  }
  if (step.type !== "agent") {
    return printUsage(context, `${step.id} is a ${step.type}: no agent is sent anything`, null);
  }
  const briefs = createBriefs({ planPath: place.planPath, progressPath: place.progressPath });
  const attempt = (ledger.steps[step.id]?.iterations ?? 0) + 1;
  const { text, bytes: size, sections } = await briefs.assemble({
    observation,
    step,
    attempt,
    maxAttempts: maxAttemptsOf(step),
    lane: { dir: place.root },
    carry: carryFor(step, ledger.steps[step.id])?.attempt ?? null,
    shrink: shrinkFor(ledger.steps[step.id], observation.failures),
  });
  context.io.out.write(text);
  const width = Math.max(...sections.map(({ name }) => name.length));
  const rows = sections.map(({ name, bytes: part }) => `  ${name.padEnd(width)}  ${bytes(part).padStart(8)}`);
  context.io.err.write([`Brief of ${step.id}, attempt ${attempt}: ${bytes(size)}`, ...rows, ""].join("\n"));
  return 0;
}
