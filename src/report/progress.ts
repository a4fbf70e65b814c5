import { type AgentEvent, tokensOf } from "../model/agent-event.ts";
import type { Event, EventBody } from "../model/event.ts";
import { addStep, noPace, type Pace, type StepCost } from "../model/forecast.ts";
import type { Verdict } from "../model/verdict.ts";

/** A validator as it runs. */
export interface RunningValidator {
  id: string;
  on: "result" | "base" | "evidence";
  startedAt: number;
  verdict: Verdict | null;
}

/** The iteration under way. Times are epoch milliseconds; `null` means not known (yet). */
export interface CurrentIteration {
  step: string;
  title: string;
  attempt: number;
  counted: number;
  maxAttempts: number;
  agent: string;
  startedAt: number;
  phase: "agent" | "validators";
  activity: string;
  activityAt: number;
  tokens: number | null;
  costUsd: number | null;
  /** The cost was worked out from tokens and list prices. */
  costAbout: boolean;
  /** The agent has ended and did not say what it cost. */
  costUnknown: boolean;
  validators: RunningValidator[];
}

/** What a view of a run in progress needs, folded from its events. Bounded: it does not grow with the run. */
export interface Progress {
  startedAt: number;
  project: string;
  branch: string;
  steps: number;
  passed: number;
  iterations: number;
  costUsd: number;
  /** The part of `costUsd` that is an estimate. */
  costAbout: number;
  costUnknown: number;
  /** What a forecast rests on. */
  pace: Pace;
  left: number;
  current: CurrentIteration | null;
  waiting: { agent: string; until: number; why: string } | null;
}

export const noProgress: Progress = {
  startedAt: 0,
  project: "",
  branch: "",
  steps: 0,
  passed: 0,
  iterations: 0,
  costUsd: 0,
  costAbout: 0,
  costUnknown: 0,
  pace: noPace,
  left: 0,
  current: null,
  waiting: null,
};

type Folds = { [K in EventBody["kind"]]: (progress: Progress, event: Extract<Event, { kind: K }>) => Progress };

const same = (progress: Progress) => progress;

type Cost = { costUsd: number | null; costAbout?: true };

const ended = (progress: Progress, { costUsd, costAbout }: Cost): Progress => ({
  ...progress,
  current: null,
  costUsd: progress.costUsd + (costUsd ?? 0),
  costAbout: progress.costAbout + (costAbout === true ? costUsd ?? 0 : 0),
  costUnknown: progress.costUnknown + (costUsd === null ? 1 : 0),
});

const paceAfter = ({ pace, left }: Progress, { took }: { took?: StepCost }): Pick<Progress, "pace" | "left"> =>
  took === undefined ? { pace, left } : { pace: addStep(pace, took), left: Math.max(0, left - 1) };

const folds: Folds = {
  "run-started": (_progress, event) => ({
    ...noProgress,
    startedAt: Date.parse(event.at),
    project: event.project,
    branch: event.branch,
    steps: event.steps,
    passed: event.passed,
    pace: event.pace,
    left: event.left,
  }),
  notice: same,
  "iteration-started": (progress, event) => ({
    ...progress,
    waiting: null,
    iterations: progress.iterations + 1,
    current: {
      step: event.step,
      title: event.title,
      attempt: event.attempt,
      counted: event.counted,
      maxAttempts: event.maxAttempts,
      agent: event.agent,
      startedAt: Date.parse(event.at),
      phase: "agent",
      activity: "starting",
      activityAt: Date.parse(event.at),
      tokens: null,
      // Where no agent runs, nothing is spent.
      costUsd: event.agent === "none" ? 0 : null,
      costAbout: false,
      costUnknown: false,
      validators: [],
    },
  }),
  // What ran before the work is done.
  brief: (progress, event) => onCurrent(progress, event, (current) => ({ ...current, validators: [] })),
  agent: (progress, event) =>
    onCurrent(progress, event, (current) => onAgent(current, event.event, Date.parse(event.at))),
  "agent-ended": (progress, event) =>
    onCurrent(progress, event, (current) => ({
      ...current,
      phase: "validators",
      tokens: event.report.usage === null ? current.tokens : tokensOf(event.report.usage),
      costUsd: event.report.costUsd,
      costAbout: event.report.costAbout === true,
      costUnknown: event.report.costUsd === null,
    })),
  "validator-started": (progress, event) =>
    onCurrent(progress, event, (current) => ({
      ...current,
      validators: [
        ...current.validators.filter((validator) => validator.id !== event.validator),
        { id: event.validator, on: event.on, startedAt: Date.parse(event.at), verdict: null },
      ],
    })),
  "validator-finished": (progress, event) =>
    onCurrent(progress, event, (current) => {
      const { verdict } = event;
      const known = current.validators.some((validator) => validator.id === verdict.validator);
      const started: RunningValidator = {
        id: verdict.validator,
        on: "result",
        startedAt: Date.parse(event.at),
        verdict,
      };
      return {
        ...current,
        validators: known
          ? current.validators.map((validator) =>
            validator.id === verdict.validator ? { ...validator, verdict } : validator
          )
          : [...current.validators, started],
      };
    }),
  landed: (progress, event) =>
    ended({ ...progress, passed: progress.passed + 1, ...paceAfter(progress, event) }, event),
  "attempt-ended": ended,
  waiting: (progress, event) => ({
    ...progress,
    waiting: { agent: event.agent, until: event.until, why: event.why },
  }),
  "gate-opened": same,
  halted: (progress) => ({ ...progress, current: null, waiting: null }),
};

/** The view after one more event. Pure. */
export function advance(progress: Progress, event: Event): Progress {
  return (folds[event.kind] as (progress: Progress, event: Event) => Progress)(progress, event);
}

function onCurrent(
  progress: Progress,
  event: { step: string },
  change: (current: CurrentIteration) => CurrentIteration,
): Progress {
  if (progress.current === null || progress.current.step !== event.step) return progress;
  return { ...progress, current: change(progress.current) };
}

function onAgent(current: CurrentIteration, event: AgentEvent, at: number): CurrentIteration {
  if (event.kind === "usage") return { ...current, tokens: tokensOf(event.usage), activityAt: at };
  if (event.kind === "cost") return { ...current, costUsd: event.usd, activityAt: at };
  const activity = activityOf(event);
  return activity === null ? { ...current, activityAt: at } : { ...current, activity, activityAt: at };
}

type Activities = { [K in AgentEvent["kind"]]: (event: Extract<AgentEvent, { kind: K }>) => string | null };

const nothing = () => null;

const activities: Activities = {
  start: (event) => event.model === undefined ? "started" : `started with ${event.model}`,
  text: (event) => event.text.trim() === "" ? null : event.text,
  "tool-start": (event) => `${event.name} ${event.detail}`,
  retry: (event) => `trying again: ${event.message}`,
  error: (event) => event.fault.message,
  end: () => "finished",
  "tool-end": nothing,
  usage: nothing,
  cost: nothing,
  unknown: nothing,
};

/** What an agent is doing, in its own words; may hold any characters. */
export function activityOf(event: AgentEvent): string | null {
  return (activities[event.kind] as (event: AgentEvent) => string | null)(event);
}
