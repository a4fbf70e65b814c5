import { halfOpenBreaker } from "../loop/breaker.ts";
import type { Observation } from "../loop/ports.ts";
import type { StatusView } from "../model/event.ts";
import { gateHalt } from "../model/gate.ts";
import type { Halt } from "../model/halt.ts";
import { spentIn } from "../model/spent.ts";
import { oneLine } from "../model/text.ts";
import { haltMessage } from "../report/halt-text.ts";
import { limitLines } from "../report/limit-lines.ts";
import { messageLines } from "../report/message.ts";
import { summaryLines } from "../report/summary.ts";
import { systemClock } from "../system/clock.ts";
import type { Context } from "./context.ts";
import { look } from "./look.ts";
import { filesOf } from "./limit-files.ts";
import { nextDecision } from "./next.ts";
import { summarize } from "./summary.ts";
import type { Workplace } from "./wire.ts";

/** Shows where every step stands and what comes next. Changes nothing; exit code 0 whatever it shows. */
export async function status(context: Context, flags: { json?: boolean }): Promise<number> {
  const looked = await look(context, { readOnly: true });
  if (!looked.ok) return looked.code;
  const { observation, workplace } = looked;
  const { ledger } = observation;
  const limits = workplace.limits();
  const today = spentIn(ledger.spent, systemClock.dayOf(context.io.now()));
  const durationMs = Object.values(ledger.steps).reduce((sum, step) => sum + step.durationMs, 0);
  const summary = summarize(observation, { iterations: ledger.iterations, durationMs }, context.io.now());
  const { out } = context.io;
  const pending = pendingOf(observation, context.io.now(), workplace);
  if (flags.json === true) {
    const view: StatusView & { v: 1; halt: Halt | null } = {
      v: 1,
      summary,
      limits,
      today,
      ledger,
      next: pending.step,
      halt: pending.halt,
    };
    out.write(`${JSON.stringify(view)}\n`);
    return 0;
  }
  const columns = out.columns();
  const head = `${out.style.paint("strong", oneLine(summary.project))}${out.style.dot}branch ${
    oneLine(summary.branch)
  }`;
  const lines = [
    head,
    "",
    ...summaryLines(summary, out.style, columns),
    "",
    ...limitLines(limits, { today, files: filesOf(workplace.place) }, out.style, columns),
    "",
    ...pendingLines(context, pending, columns),
  ];
  out.write(`${lines.join("\n")}\n`);
  return 0;
}

interface Pending {
  /** The step that the next decision is about. */
  step: string | null;
  halt: Halt | null;
  /** What the next run does first, when nothing is in the way. */
  what: string;
}

/** What a run that started now would do first. */
function pendingOf(observation: Observation, now: number, workplace: Workplace): Pending {
  const { plan } = observation;
  const decision = nextDecision(observation, {
    now,
    maxWaitMs: 0,
    limits: workplace.limits(),
    agents: workplace.registries().agents,
  });
  const none = { step: null, halt: null, what: "" };
  switch (decision.kind) {
    case "halt":
      return { ...none, step: "step" in decision.halt ? decision.halt.step : null, halt: decision.halt };
    case "close-gate":
      // Nobody can decide before a run has written down what to decide about.
      if (plan.planId === undefined) {
        return { ...none, step: decision.step.id, what: `stops at the gate ${decision.step.id}` };
      }
      return { ...none, step: decision.step.id, halt: gateHalt(plan, observation.ledger, decision.step, "") };
    case "wait": {
      const { step, agent, until, why } = decision;
      return { ...none, halt: { reason: "agent-limited", step, agent, until, why, maxWaitMs: 0 } };
    }
    case "open-gate":
      return { ...none, step: decision.step.id, what: `opens the approved gate ${decision.step.id} and goes on` };
    case "validate":
      return { ...none, step: decision.step.id, what: `runs the validators of ${decision.step.id}` };
    case "iterate": {
      const { step, attempt, agent } = decision;
      const half = halfOpenBreaker(observation.ledger, step, now) === null ? "" : " (its breaker is half-open)";
      return { ...none, step: step.id, what: `works on ${step.id}, attempt ${attempt}, agent ${agent}${half}` };
    }
  }
}

function pendingLines({ io, paste }: Context, pending: Pending, columns: number): string[] {
  const { style } = io.out;
  if (pending.halt !== null) {
    return messageLines(haltMessage(pending.halt, { paste, now: io.now() }), style, columns);
  }
  return [style.paint("strong", "Next"), `  ${style.paint("accent", paste())}  ${style.paint("dim", pending.what)}`];
}
