import { failureClasses } from "../model/failure.ts";
import { newBreaker, tripKinds } from "../model/breaker.ts";
import type { LedgerRecord, LedgerState } from "../model/ledger.ts";
import { outcomeKinds } from "../model/outcome.ts";
import { evidenceLevels } from "../model/verdict.ts";
import { secrets } from "../system/redact.ts";
import { z } from "../model/zod.ts";

const common = { v: z.literal(1), plan: z.string(), run: z.string(), at: z.string() };
const evidence = z.enum(evidenceLevels).nullable();
const count = z.number().nonnegative();

/** A class that a later version added must not make the record unreadable. */
const failureClass = z.enum(failureClasses).catch("unknown");

const measuredSchema = z.object({ failing: z.number().nullable(), percent: z.number().nullable() });

const attemptSchema = z.object({
  ...common,
  kind: z.literal("attempt"),
  step: z.string(),
  title: z.string(),
  stepHash: z.string(),
  attempt: z.int().positive(),
  outcome: z.enum(outcomeKinds),
  failure: z.object({
    class: failureClass,
    costsAttempt: z.boolean(),
    rest: z.object({ model: z.string().nullable().optional(), until: z.string() }).optional(),
    blocks: z.literal(true).optional(),
  }).optional(),
  evidence,
  commit: z.string().nullable(),
  base: z.string(),
  work: z.string().nullable(),
  tree: z.string().nullable().optional(),
  agent: z.string(),
  model: z.string().nullable(),
  costUsd: count.nullable(),
  costAbout: z.literal(true).exactOptional(),
  usage: z.object({ inputTokens: count, outputTokens: count, cacheReadTokens: count, cacheWriteTokens: count })
    .nullable(),
  durationMs: z.number(),
  verdicts: z.array(z.object({
    validator: z.string(),
    status: z.enum(["pass", "fail", "flaky", "error"]),
    attribution: z.enum(["clean", "regressed", "fixed", "broken-before"]).nullable(),
    blocks: z.boolean(),
  })),
  fingerprint: z.string(),
  measured: measuredSchema.optional(),
  summary: z.string(),
  feedback: z.string(),
  progress: z.string(),
  patterns: z.array(z.string()),
  notes: z.string().nullable(),
  question: z.string().nullable(),
});

const trialSchema = z.object({
  step: z.string(),
  stepHash: z.string(),
  attempt: z.int(),
  at: z.string(),
  agent: z.string(),
  outcome: z.enum(outcomeKinds),
  counts: z.enum(["same-failure", "empty", "timeouts", "auth"]),
  failure: z.string(),
  signature: z.string(),
  gauge: measuredSchema.extend({ tree: z.string().nullable() }),
  summary: z.string(),
});

const breakerSchema = z.object({
  trials: z.array(trialSchema),
  trip: z.object({
    kind: z.enum(tripKinds),
    at: z.string(),
    times: count,
    tried: z.array(trialSchema),
    evidence: z.string(),
  }).nullable(),
}).default(newBreaker);

const answerSchema = z.object({ question: z.string(), answer: z.string(), by: z.string(), at: z.string() });

const stepStateSchema = z.object({
  attempts: count,
  iterations: count,
  passed: z.object({ evidence: evidence.unwrap(), commit: z.string().nullable(), at: z.string() }).nullable(),
  recent: z.array(attemptSchema),
  carry: z.object({ attempt: z.int(), work: z.string() }).nullable(),
  gate: z.union([
    z.object({ state: z.enum(["approved", "rejected"]), by: z.string(), at: z.string(), note: z.string() }),
    z.object({ state: z.literal("closed") }),
  ]).nullable(),
  question: z.object({ text: z.string(), at: z.string() }).nullable(),
  blocked: z.object({ class: failureClass, why: z.string() }).nullable().default(null),
  answers: z.array(answerSchema),
  remarks: z.array(z.string()),
  breaker: breakerSchema,
  costUsd: count,
  costAbout: count.default(0),
  costUnknown: count,
  tokens: count,
  durationMs: z.number(),
});

const spentSchema = z.object({
  quarter: z.int(),
  iterations: count,
  durationMs: z.number(),
  costUsd: count,
  costAbout: count,
  costUnknown: count,
  tokens: count,
});

const stateSchema: z.ZodType<LedgerState> = z.object({
  records: count,
  steps: z.record(z.string(), stepStateSchema),
  waits: z.record(z.string(), z.object({ until: z.number(), why: z.string(), times: count.default(1) })),
  costUsd: count,
  costAbout: count.default(0),
  costUnknown: count,
  tokens: count,
  iterations: count,
  spent: z.array(spentSchema).default([]),
  unseen: z.array(z.string()),
  breaker: breakerSchema,
  pendingProgress: z.array(z.string()),
  pendingPatterns: z.array(z.string()),
});

const step = { ...common, step: z.string() };

const recordSchema: z.ZodType<LedgerRecord> = z.discriminatedUnion("kind", [
  attemptSchema,
  z.object({ ...step, kind: z.literal("gate-closed"), title: z.string(), handoff: z.string() }),
  z.object({
    ...step,
    kind: z.literal("gate-decided"),
    decision: z.enum(["approved", "rejected"]),
    by: z.string(),
    note: z.string(),
  }),
  z.object({ ...step, kind: z.literal("gate-opened"), commit: z.string() }),
  z.object({ ...step, kind: z.literal("answered"), question: z.string(), answer: z.string(), by: z.string() }),
  z.object({ ...step, kind: z.literal("reopened"), by: z.string(), why: z.string() }),
  z.object({ ...step, kind: z.literal("retried"), by: z.string(), note: z.string() }),
  z.object({ ...step, kind: z.literal("passed-by-hand"), by: z.string() }),
  z.object({ ...common, kind: z.literal("landed-edits"), commit: z.string() }),
  z.object({ ...common, kind: z.literal("unseen"), steps: z.array(z.string()) }),
  z.object({ ...common, kind: z.literal("progress-landed"), commit: z.string() }),
  z.object({ ...common, kind: z.literal("snapshot"), state: stateSchema }),
]);

/** The message of a record's commit: a line for people, then the record; without secrets. */
export function formatRecord(given: LedgerRecord): string {
  const record = secrets.value(given);
  return `${subjectOf(record).replaceAll(/\s+/g, " ").slice(0, 200)}\n\n${JSON.stringify(record)}\n`;
}

/** Reads a record back, or `null` for anything that is no record of this plan that this version understands. */
export function parseRecord(message: string, plan: string): LedgerRecord | null {
  const start = message.indexOf("\n\n");
  if (start === -1) return null;
  let json: unknown;
  try {
    json = JSON.parse(message.slice(start + 2));
  } catch {
    return null;
  }
  const parsed = recordSchema.safeParse(json);
  return parsed.success && parsed.data.plan === plan ? parsed.data : null;
}

function subjectOf(record: LedgerRecord): string {
  switch (record.kind) {
    case "attempt":
      return `attempt: ${record.step} #${record.attempt} ${record.outcome}`;
    case "gate-closed":
      return `gate: ${record.step} closed`;
    case "gate-decided":
      return `gate: ${record.step} ${record.decision} by ${record.by}`;
    case "gate-opened":
      return `gate: ${record.step} opened`;
    case "answered":
      return `answer: ${record.step} by ${record.by}`;
    case "reopened":
      return `reopen: ${record.step} by ${record.by}`;
    case "retried":
      return `retry: ${record.step} by ${record.by}`;
    case "passed-by-hand":
      return `pass: ${record.step} by hand (${record.by})`;
    case "landed-edits":
      return `edits: ${record.commit.slice(0, 12)}`;
    case "unseen":
      return `unseen: ${record.steps.join(" ") || "nothing"}`;
    case "progress-landed":
      return `progress: ${record.commit.slice(0, 12)}`;
    case "snapshot":
      return `snapshot: ${record.state.records} records`;
  }
}
