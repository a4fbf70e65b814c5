import { type Context, printUsage } from "./context.ts";
import { findStep, look } from "./look.ts";
import { person, printDone, recordDecision } from "./record.ts";

/** Records a person's answer to an agent's question; the next brief carries both. */
export async function answer(
  context: Context,
  id: string,
  text: string,
  flags: { push?: string | boolean },
): Promise<number> {
  if (text.trim() === "") return printUsage(context, "The answer is empty", null);
  const looked = await look(context, { readOnly: false, push: flags.push });
  if (!looked.ok) return looked.code;
  const { workplace, observation } = looked;
  const step = findStep(context, observation, id);
  if (step === null) return 2;
  const question = observation.ledger.steps[id]?.question ?? null;
  if (question === null) {
    return printUsage(context, `${id} has asked nothing`, `${context.paste("status")} shows what waits for you`);
  }
  const by = await person(workplace);
  const record = { kind: "answered", step: id, question: question.text, answer: text, by } as const;
  const code = await recordDecision(context, workplace, record);
  if (code === 0) printDone(context, `${id} answered by ${by}`, "gives the answer to the next agent");
  return code;
}
