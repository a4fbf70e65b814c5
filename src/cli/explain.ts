import { halfOpenBreaker, openBreaker } from "../loop/breaker.ts";
import { isSettled, maxAttemptsOf } from "../loop/ready.ts";
import { viewOf } from "../loop/view.ts";
import type { Observation } from "../loop/ports.ts";
import type { StepStatus } from "../model/event.ts";
import { gateHalt, standingRejection } from "../model/gate.ts";
import type { AttemptRecord, LedgerRecord, StepState } from "../model/ledger.ts";
import { earlierThan, isList } from "../model/order.ts";
import type { Step } from "../model/plan.ts";
import { clean, duration, oneLine, quantity } from "../model/text.ts";
import { halfOpenText } from "../report/breaker-text.ts";
import { rejectedBy } from "../report/gate-text.ts";
import { haltMessage } from "../report/halt-text.ts";
import { messageLines } from "../report/message.ts";
import {
  attributionTexts,
  evidenceReasons,
  evidenceTexts,
  statusLabels,
  verdictLabels,
} from "../report/outcome-text.ts";
import { whoText } from "../report/agent-text.ts";
import type { Style } from "../report/style.ts";
import { count, totalCost } from "../report/units.ts";
import type { Context } from "./context.ts";
import { localTime } from "./log.ts";
import { findStep, look } from "./look.ts";
import { lastChosen, nextDecision, unverifiableSteps } from "./next.ts";
import { attemptText, recordLine } from "./record-text.ts";
import { whyNotDecidable } from "./reach.ts";

/** Why a step passed, failed or waits: every attempt with its verdicts, its evidence, commits and cost. */
export async function explain(context: Context, id: string, flags: { json?: boolean }): Promise<number> {
  const looked = await look(context, { readOnly: true });
  if (!looked.ok) return looked.code;
  const { workplace, observation } = looked;
  const step = findStep(context, observation, id);
  if (step === null) return 2;
  const history = await workplace.repository.history();
  const records = history.filter((record) => "step" in record && record.step === id);
  const state = observation.ledger.steps[id] ?? null;
  const { out } = context.io;
  if (flags.json === true) {
    const status = statusIn(observation, context.io.now())(step);
    out.write(`${JSON.stringify({ v: 1, step, status, state, records })}\n`);
    return 0;
  }
  const lines = [
    `${out.style.paint("strong", oneLine(step.id))} ${oneLine(step.title)}`,
    "",
    ...standing(context, observation, step, state),
    ...(records.length === 0 ? [] : ["", out.style.paint("strong", "History")]),
    ...records.flatMap((record) => historyLines(record, out.style)),
  ];
  out.write(`${lines.join("\n")}\n`);
  return 0;
}

/** Where steps stand, as `status` shows it. */
function statusIn(observation: Observation, now: number): (step: Step) => StepStatus {
  return viewOf(observation.plan, observation.ledger, unverifiableSteps(observation), {
    now,
    chosen: lastChosen(observation),
  });
}

/** Where it stands, why, and what it took. */
function standing(context: Context, observation: Observation, step: Step, state: StepState | null): string[] {
  const { io, paste } = context;
  const { style } = io.out;
  const status = statusIn(observation, io.now())(step);
  const label = statusLabels[status];
  const evidence = status === "passed" ? state?.passed?.evidence ?? "by-hand" : null;
  const took = state === null || state.iterations === 0 ? [] : [
    [
      count(state.iterations, "iteration"),
      `${state.attempts} of ${count(maxAttemptsOf(step), "attempt")} used`,
      duration(state.durationMs),
      totalCost(state.costUsd, state.costUnknown, state.costAbout),
      ...(state.tokens > 0 ? [`${quantity(state.tokens)} tokens`] : []),
    ].join(style.dot),
  ];
  const rejected = status === "gate" ? standingRejection(observation.plan, observation.ledger, step) : null;
  const head = rejected !== null
    ? rejectedBy(rejected)
    : evidence === null
    ? label.text
    : `${label.text}: ${evidenceTexts[evidence]} (${evidenceReasons[evidence]})`;
  return [
    `  ${style.mark(label.mark)} ${head}`,
    ...[...whyBlocked(context, observation, step, status), ...whyWaiting(observation, step, io.now())].map((line) =>
      `    ${line}`
    ),
    ...took.map((line) => `    ${style.paint("dim", line)}`),
    ...(status === "question" && state?.question
      ? [
        "",
        ...messageLines(
          haltMessage({ reason: "question", step: step.id, handoff: "", question: state.question.text }, {
            paste,
            now: io.now(),
          }),
          style,
          io.out.columns(),
        ),
      ]
      : []),
    ...breakerLines(context, observation, step, status),
    ...(status === "gate" && whyNotDecidable(observation.plan, observation.ledger, step) === null
      ? [
        "",
        ...messageLines(
          haltMessage(gateHalt(observation.plan, observation.ledger, step, step.gate?.question ?? ""), {
            paste,
            now: io.now(),
          }),
          style,
          io.out.columns(),
        ),
      ]
      : []),
  ];
}

/** The breaker that is open for this step, in the words in which a run halts; or that one attempt is allowed. */
function breakerLines({ io, paste }: Context, observation: Observation, step: Step, status: StepStatus): string[] {
  const { ledger } = observation;
  const now = io.now();
  const halt = status === "breaker"
    ? openBreaker(ledger, step, { agent: null, chosen: lastChosen(observation), now })
    : null;
  if (halt !== null) {
    return ["", ...messageLines(haltMessage(halt, { paste, now }), io.out.style, io.out.columns())];
  }
  const half = status === "ready" && step.type !== "gate" ? halfOpenBreaker(ledger, step, now) : null;
  return half === null ? [] : [`    ${halfOpenText(half.trip)}`];
}

/** What stands in the way of this step itself, in the words in which a run would halt at it. */
function whyBlocked({ io, paste }: Context, observation: Observation, step: Step, status: StepStatus): string[] {
  if (status !== "blocked") return [];
  const now = io.now();
  const decision = nextDecision(observation, { now, only: step.id, maxWaitMs: Infinity });
  return decision.kind === "halt" ? [haltMessage(decision.halt, { paste, now }).title] : [];
}

function whyWaiting(observation: Observation, step: Step, now: number): string[] {
  const { plan } = observation;
  if (step.passes) return [];
  const statusOf = statusIn(observation, now);
  const labelOf = (other: Step) => statusLabels[statusOf(other)].text;
  const before = isList(plan) ? earlierThan(plan, step.id).find((other) => !isSettled(plan, other)) : undefined;
  const waiting = [
    ...(before === undefined ? [] : [`comes after ${before.id}, which is ${labelOf(before)}`]),
    ...plan.steps
      .filter((other) => step.needs.includes(other.id) && !isSettled(plan, other))
      .map((need) => `needs ${need.id}, which is ${labelOf(need)}`),
  ];
  const { when } = step;
  if (when === undefined) return waiting;
  const decided = plan.decisions[when.field];
  return [
    ...waiting,
    `only when ${when.field} is ${JSON.stringify(when.equals)}; it is ${
      decided === undefined ? "not decided" : JSON.stringify(decided)
    }`,
  ];
}

function historyLines(record: LedgerRecord, style: Style): string[] {
  const time = style.paint("dim", localTime(record.at));
  if (record.kind !== "attempt") return [`  ${time} ${recordLine(record, style)}`];
  return [
    `  ${time} ${style.mark(record.outcome === "passed" ? "ok" : "bad")} ${attemptText(record)}`,
    ...verdictsOf(record, style),
    ...failureLines(record, style),
    ...(record.outcome === "passed" ? [] : feedbackOf(record, style)),
  ];
}

function verdictsOf(record: AttemptRecord, style: Style): string[] {
  return record.verdicts.map(({ validator, status, attribution, blocks }) => {
    const { mark, text } = verdictLabels[status];
    const notes = [
      attribution === null ? "" : attributionTexts[attribution],
      status !== "pass" && !blocks ? "did not stop the step" : "",
    ].filter((note) => note !== "");
    return `      ${style.mark(mark)} ${[`${oneLine(validator)} ${text}`, ...notes].join(style.dot)}`;
  });
}

/** What its policy made of a failure, where that was more than another attempt. */
function failureLines({ agent, failure }: AttemptRecord, style: Style): string[] {
  if (failure === undefined) return [];
  const { rest, costsAttempt, blocks } = failure;
  const facts = [
    ...(rest === undefined ? [] : [`${whoText(agent, rest.model)} rested until ${localTime(rest.until)}`]),
    ...(blocks === true ? ["the step waits for a person"] : []),
    ...(costsAttempt ? [] : ["cost no attempt"]),
  ];
  return facts.length === 0 ? [] : [`        ${style.paint("dim", facts.map(oneLine).join(style.dot))}`];
}

/** The end of what the next brief carried: the newest facts stand there. */
function feedbackOf(record: AttemptRecord, style: Style): string[] {
  const lines = clean(record.feedback).split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, 12).map((line) => `        ${style.paint("dim", line)}`);
}
