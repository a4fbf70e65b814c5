import { z } from "./zod.ts";
import { type AgentFault, agentFaultClasses } from "./agent-event.ts";
import type { OutcomeKind } from "./outcome.ts";

/** What an attempt came to by itself, without an error of its agent. */
const workFailures = ["failed", "no-change", "timeout", "stalled", "tampered"] as const;

/** Every way in which an attempt can fail: one closed set. Its order is the order in which phrases are looked for. */
export const failureClasses = [...agentFaultClasses, ...workFailures] as const;

export type FailureClass = (typeof failureClasses)[number];

const seconds = z.number().positive().max(86_400);
const minutes = z.number().positive().max(7 * 1440);

/** Who rests. With another agent of the step's list, or another model of the agent, the loop goes on meanwhile. */
const who = z.enum(["agent", "model"]).default("agent").describe(
  "Whether the agent rests, or only the model that it used",
);

/** What happens after a failure of one class. */
export const policySchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("retry") }).describe("A fresh attempt at once; costs one"),
  z.strictObject({ kind: z.literal("shrink") }).describe("A fresh attempt with a smaller brief; costs one"),
  z.strictObject({
    kind: z.literal("wait"),
    who,
    restMinutes: minutes.default(5).describe("How long, when nobody said until when"),
  }).describe("Rest until the time that the provider named; costs no attempt"),
  z.strictObject({
    kind: z.literal("back-off"),
    who,
    firstSeconds: seconds.default(30).describe("The first rest; every further one is twice as long"),
    mostSeconds: seconds.default(900).describe("The longest rest"),
    times: z.int().positive().max(100).default(8).describe("How many in a row end the run"),
  }).refine(({ firstSeconds, mostSeconds }) => firstSeconds <= mostSeconds, {
    error: "must not be greater than `mostSeconds`",
    path: ["firstSeconds"],
  }).describe("Rest, longer each time; costs no attempt"),
  z.strictObject({ kind: z.literal("give-up"), who }).describe("A person is needed: not used again in this run"),
  z.strictObject({ kind: z.literal("block") }).describe("The step is blocked until a person reopens it"),
]);

export type Policy = z.output<typeof policySchema>;

/** Plain words, looked for without regard to case; `-`, `_` and blanks are the same, `*` is up to 80 characters of a line. */
const phrase = z.string().max(120).refine((text) => text.trim().length > 2, {
  error: "must have at least 3 characters",
}).refine((text) => text.split("*").length <= 3, {
  error: "must not hold more than two `*`",
}).refine((text) => !/^\*|\*$/.test(text), { error: "must not begin or end with `*`" });

/** One entry of `registries/failures.json`. */
export const failureSchema = z.strictObject({
  title: z.string().min(1).describe("What went wrong, in a few words for people"),
  aliases: z.array(z.string().min(1)).default([]).describe("What other systems call it"),
  statuses: z.array(z.int().min(400).max(599)).default([]).describe("HTTP statuses that mean it"),
  phrases: z.array(phrase).default([]).describe(
    "Words of error messages that mean it: `*` stands for up to 80 characters of the line",
  ),
  policy: policySchema,
});

/** The whole file: any of the classes. */
export const failuresSchema = z.strictObject(
  Object.fromEntries(failureClasses.map((name) => [name, failureSchema.optional()])) as Record<
    FailureClass,
    z.ZodOptional<typeof failureSchema>
  >,
);

/** One failure class as the registries declare it, with defaults applied. */
export type Failure = z.output<typeof failureSchema>;

/** All of them; complete. */
export type Failures = Readonly<Record<FailureClass, Failure>>;

/** What is done about a failure. `model` is there where only that model is meant; `until` is epoch milliseconds. */
export type FailureAction =
  | { kind: "retry" | "shrink" | "block" }
  | { kind: "rest"; until: number; model?: string | null }
  /** `times`: how many failures in a row were enough; `null` where one is. */
  | { kind: "give-up"; times: number | null; model?: string | null };

/** What the ledger keeps of a failed attempt, as the policy of that moment had it. */
export interface RecordedFailure {
  class: FailureClass;
  costsAttempt: boolean;
  /** The agent, or only the model where `model` is there (`null`: its own choice), is not asked before `until` (ISO 8601). */
  rest?: { model?: string | null | undefined; until: string } | undefined;
  /** The step waits for a person. */
  blocks?: true | undefined;
}

/** The name under which an agent, or one model of it, rests. Names of agents hold no `:`. */
export function restKey(agent: string, model?: string | null): string {
  return model === undefined ? agent : `${agent}:${model ?? ""}`;
}

/** The class of an attempt that ended in `outcome`; `null` when it is no failure. `fault` is what the agent reported. */
export function failureOf(outcome: OutcomeKind, fault: AgentFault | null): FailureClass | null {
  switch (outcome) {
    case "passed":
    case "asked":
    case "superseded":
    case "interrupted":
      return null;
    case "failed":
    case "no-change":
    case "timeout":
    case "stalled":
    case "tampered":
      return outcome;
    case "over-limit":
      return "budget-limit";
    case "limited":
    case "overflow":
    case "auth":
    case "refused":
    case "agent-error":
      return fault?.class ?? "unknown";
  }
}

/** Whether a failure under this policy uses up an attempt of the step: only where something was tried at the step itself. */
export function costsAttempt({ kind }: Policy): boolean {
  return kind === "retry" || kind === "shrink" || kind === "block";
}
