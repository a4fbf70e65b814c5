import type { Decision } from "../loop/decide.ts";
import type { Observation } from "../loop/ports.ts";
import { createBriefs } from "../brief/assemble.ts";
import { maxAttemptsOf } from "../loop/ready.ts";
import { haltMessage } from "../report/halt-text.ts";
import { type Context, printHalt } from "./context.ts";
import { findStep } from "./look.ts";
import { nextDecision } from "./next.ts";
import { openWorkplace } from "./wire.ts";
import type { LoopOptions } from "./options.ts";

/** Says what the loop would do next and prints the brief it would send. Spawns nothing, changes nothing. */
export async function dryRun(context: Context, options: LoopOptions): Promise<number> {
  const opened = await openWorkplace({
    dir: options.dir,
    readOnly: true,
    limits: options.limits,
    ...(options.plan === undefined ? {} : { plan: options.plan }),
    ...(options.branch === undefined ? {} : { branch: options.branch }),
  });
  if (!opened.ok) return printHalt(context, opened.halt);
  const { place, repository } = opened.value;
  const looked = await repository.look();
  if (!looked.ok) return printHalt(context, looked.halt);
  if (options.step !== undefined && findStep(context, looked.value, options.step) === null) return 2;
  const decision = nextDecision(looked.value, {
    now: context.io.now(),
    only: options.step,
    agent: options.agent,
    maxWaitMs: Infinity,
    limits: opened.value.limits(),
    agents: opened.value.registries().agents,
  });
  context.io.err.write(`${inWords(context, decision, looked.value)}\n`);
  if (decision.kind !== "iterate") return 0;
  const { step, attempt } = decision;
  const brief = await createBriefs({ planPath: place.planPath, progressPath: place.progressPath }).assemble({
    observation: looked.value,
    step,
    attempt,
    maxAttempts: maxAttemptsOf(step),
    lane: { dir: place.root },
    carry: decision.carry?.attempt ?? null,
    shrink: decision.shrink,
  });
  context.io.out.write(brief.text);
  return 0;
}

function inWords({ io, paste }: Context, decision: Decision, { branch }: Observation): string {
  switch (decision.kind) {
    case "iterate": {
      const start = decision.carry === null ? branch : `the work of attempt ${decision.carry.attempt}`;
      return `Would run ${decision.step.id} (${decision.step.title}), attempt ${decision.attempt}, with agent ${decision.agent}, from ${start}. The brief:`;
    }
    case "validate":
      return `Would run the validators of ${decision.step.id} on ${branch}, without an agent`;
    case "open-gate":
      return `Would open the approved gate ${decision.step.id}`;
    case "close-gate":
      return `Would halt at the gate ${decision.step.id} (exit code 3)`;
    case "wait":
      return `Would wait for ${decision.agent} until ${new Date(decision.until).toISOString()}: ${decision.why}`;
    case "halt":
      return `Would halt: ${haltMessage(decision.halt, { paste, now: io.now() }).title}`;
  }
}
