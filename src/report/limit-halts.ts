import type { Halt } from "../model/halt.ts";
import { amountText, scopeTexts } from "../model/limit-text.ts";
import type { LimitedThing, LimitKey } from "../model/limits.ts";
import type { HaltText } from "./halt-text.ts";
import type { Words } from "./message.ts";
import { count, pointInTime } from "./units.ts";

type Of<R extends Halt["reason"]> = Extract<Halt, { reason: R }>;

/** Exit code 5: which limit, how much of it was used, when a day's starts over, and how to go on. */
export function limitText(halt: Of<"limit">, { paste, now }: Words): HaltText {
  const { scope, limit, allowed, freesAt } = halt;
  const goesOn = { command: paste(), text: "goes on where it stopped, with the same limit" };
  const freed = freesAt === undefined ? goesOn : {
    command: paste(),
    text: `goes on where it stopped, from ${pointInTime(freesAt, now)} on`,
  };
  return {
    mark: "warn",
    title: `The limit of ${amountText(limit, allowed)} ${scopeTexts[scope]} is reached (${
      usedText(halt)
    }), with work left`,
    details: unknownLines(halt),
    next: [
      freed,
      {
        command: paste("--limit", `${scope}.${keys[limit]}=${more(limit, allowed)}`),
        text: "goes on with twice the limit",
      },
      { command: paste("status"), text: "which limits hold, and where they are written" },
    ],
  };
}

/** A step whose own budget is used up: others may go on, this one needs a person. */
export function outOfBudgetText(halt: Of<"out-of-budget">, { paste }: Words): HaltText {
  const { step, limit, allowed } = halt;
  return {
    title: `${step} has used up its budget of ${amountText(limit, allowed)} (${usedText(halt)})`,
    details: unknownLines(halt),
    next: [
      { command: paste("explain", step), text: "what was tried and what it cost" },
      {
        command: paste("--limit", `step.${keys[limit]}=${more(limit, allowed)}`),
        text: "goes on with twice the budget",
      },
      { text: `Or raise "${stepKeys[limit]}" of the step in the plan, or make the step smaller` },
    ],
  };
}

/** A limit on what nobody would report is none: the run is refused. */
export function unenforceableText(halt: Of<"limit-unenforceable">, { paste }: Words): HaltText {
  const { limit, agent, model, step, late } = halt;
  if (late === true) {
    return {
      title: `A limit in ${
        things[limit]
      } an iteration cannot be enforced on ${step} with ${agent}: it reports what it used at its end only`,
      next: [
        { text: `Limit the "run", the "day" or the "step" in its place: they hold between its iterations` },
        { command: paste("--max-time", "2h"), text: "or time, after removing the other limit" },
      ],
    };
  }
  const noPrice = model === undefined
    ? "and the step names no model whose price is known"
    : `and registries/prices.json has no price of its model ${model}`;
  return {
    title: limit === "money"
      ? `A limit in dollars cannot be enforced on ${step} with ${agent}: it does not report what it costs, ${noPrice}`
      : `A limit in tokens cannot be enforced on ${step} with ${agent}: it does not report how many it uses`,
    next: [
      ...limit === "money"
        ? [{ text: `Name the "model" on the step, one that registries/prices.json knows or that you add there` }]
        : [],
      { command: paste("--max-time", "2h"), text: "limit time in its place, after removing the other limit" },
      { text: "Or choose another agent with --agent NAME" },
    ],
  };
}

const things = { money: "dollars", tokens: "tokens" } as const;

const keys: Record<LimitedThing, LimitKey> = {
  iterations: "iterations",
  time: "minutes",
  money: "usd",
  tokens: "tokens",
};

const stepKeys: Record<LimitedThing, string> = {
  iterations: "maxAttempts",
  time: "budgetMinutes",
  money: "budgetUsd",
  tokens: "budgetTokens",
};

/** Twice as much, as it is written on the command line. */
function more(limit: LimitedThing, allowed: number): number {
  if (limit === "time") return Math.max(1, Math.ceil(allowed / 60_000) * 2);
  return limit === "money" ? Math.max(0.01, Number((allowed * 2).toFixed(2))) : allowed * 2;
}

function usedText({ limit, used, about }: { limit: LimitedThing; used: number; about?: true }): string {
  return `${about === true ? "about " : ""}${amountText(limit, used)} used`;
}

/** What was never reported counts for nothing, and that is said. */
function unknownLines({ unknown = 0 }: { unknown?: number }): string[] {
  return unknown === 0
    ? []
    : [`${count(unknown, "attempt")} of unknown cost ${unknown === 1 ? "is" : "are"} not in it`];
}
