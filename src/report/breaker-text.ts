import type { Trial, Trip, TripKind } from "../model/breaker.ts";
import type { Halt } from "../model/halt.ts";
import { clean, duration, oneLine, shortLine } from "../model/text.ts";
import type { NextStep, Words } from "./message.ts";
import { outcomeLabels } from "./outcome-text.ts";
import type { Paste } from "./paste.ts";
import { count, pointInTime } from "./units.ts";

type Open = Extract<Halt, { reason: "breaker" }>;

/** What repeated, as a sentence that goes on after "it". `many` is how many attempts. */
const repeated: Record<TripKind, (many: number) => string> = {
  "same-failure": (many) => `failed in the same way ${many} times in a row`,
  empty: (many) => `changed nothing ${many} times in a row`,
  timeouts: (many) => `ran out of time ${many} times in a row, with nothing new to show`,
  oscillation: () => "goes back and forth between the same two failures",
  auth: (many) => `could not log in ${many} times in a row`,
  "no-progress": (many) => `stands where it stood ${many} attempts ago: the same files, the same verdicts`,
};

/** `failed in the same way 3 times in a row`. */
export function tripText({ kind, tried }: Trip, scope: "step" | "plan"): string {
  if (scope === "step") return repeated[kind](tried.length);
  return `${tried.map(({ step }) => oneLine(step)).join(", ")} failed in the same way, one after the other`;
}

/** That the cool-down is over. */
export function halfOpenText(trip: Trip): string {
  const again = trip.times > 1 ? `, for the ${ordinal(trip.times)} time` : "";
  return `The breaker is half-open${again}: the next attempt decides whether it closes`;
}

/** The diagnosis: what repeated, what was tried, what the output says; and the ways on. */
export function breakerMessage(
  halt: Open,
  { paste, now }: Words,
): { title: string; details: string[]; next: NextStep[] } {
  const { step, scope, trip, until, left } = halt;
  const isStep = scope === "step";
  const more = `One more attempt is allowed after ${pointInTime(until, now)} (in ${
    duration(Math.max(0, until - now))
  })`;
  return {
    title: isStep
      ? `The circuit breaker of ${step} is open: it ${tripText(trip, scope)}`
      : `The circuit breaker of the plan is open: ${tripText(trip, scope)}`,
    details: [
      ...trip.tried.map((trial) => `Tried: ${trialText(trial, scope)}`),
      ...evidenceLines(trip),
      isStep ? `${more}; ${left === 1 ? "1 attempt is" : `${count(left, "attempt")} are`} left` : more,
    ],
    next: [
      { command: paste("explain", step), text: "every attempt with its output" },
      ...nextSteps(halt, paste),
    ],
  };
}

function nextSteps({ step, scope, trip }: Open, paste: Paste): NextStep[] {
  if (trip.kind === "auth") {
    return [
      { command: paste("doctor"), text: "which agents are ready, and how to log in" },
      { command: paste("retry", step), text: "closes it, once you are logged in" },
    ];
  }
  if (scope === "plan") {
    return [{ command: paste("retry", step), text: "closes it, once what they have in common is put right" }];
  }
  return [
    {
      command: paste("retry", step, "--note", "what to do differently"),
      text: "closes it; the note goes into the next brief",
    },
    { text: "Or make the step smaller, or its criteria clearer, in the plan" },
  ];
}

function trialText({ step, attempt, agent, outcome, summary }: Trial, scope: "step" | "plan"): string {
  const which = scope === "plan" ? `${step} attempt ${attempt}` : `attempt ${attempt}`;
  const why = oneLine(summary) === "" ? "" : `: ${shortLine(summary, 160)}`;
  return oneLine(`${which} (${agent}) ${outcomeLabels[outcome].text}${why}`);
}

/** The failing output, a few lines of it. */
function evidenceLines({ evidence }: Trip): string[] {
  const lines = clean(evidence).split("\n").filter((line) => line.trim() !== "");
  return lines.slice(0, 6).map((line) => `  ${shortLine(line, 160)}`);
}

function ordinal(number: number): string {
  return { 2: "second", 3: "third" }[number] ?? `${number}th`;
}
