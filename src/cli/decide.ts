import { redoable } from "../model/gate.ts";
import { reopenSteps } from "../report/gate-text.ts";
import { type Context, printUsage } from "./context.ts";
import { findStep, look } from "./look.ts";
import { whyNotDecidable } from "./reach.ts";
import { person, printDone, recordDecision } from "./record.ts";

export interface DecideFlags {
  note?: string;
  push?: string | boolean;
}

/** Records a person's decision about a gate. */
export async function decide(
  context: Context,
  decision: "approved" | "rejected",
  gate: string,
  flags: DecideFlags,
): Promise<number> {
  const looked = await look(context, { readOnly: false, push: flags.push });
  if (!looked.ok) return looked.code;
  const { workplace, observation } = looked;
  const step = findStep(context, observation, gate);
  if (step === null) return 2;
  const reason = whyNotDecidable(observation.plan, observation.ledger, step);
  if (reason !== null) return printUsage(context, reason, `${context.paste("status")} shows where every step stands`);
  const known = observation.ledger.steps[gate]?.gate ?? null;
  if (known?.state === decision) {
    printDone(
      context,
      `${gate} is ${decision} already, by ${known.by}`,
      decision === "approved" ? "opens it" : "stops there",
    );
    return 0;
  }
  const note = flags.note ?? "";
  const by = await person(workplace);
  const code = await recordDecision(context, workplace, { kind: "gate-decided", step: gate, decision, by, note });
  if (code !== 0) return code;
  const how = `${gate} ${decision} by ${by}${note === "" ? "" : `: ${note}`}`;
  printDone(
    context,
    how,
    decision === "approved" ? "goes on behind the gate" : "reads the note, once a step is open again",
  );
  if (decision === "rejected") {
    const redo = redoable(observation.plan, step).map(({ id }) => id);
    const lines = reopenSteps({ redo, note }, context.paste).map(({ command, text }) => `  ${command ?? text}`);
    if (lines.length > 0) context.io.out.write(`\nTo have a step worked on again:\n${lines.join("\n")}\n`);
  }
  return 0;
}
