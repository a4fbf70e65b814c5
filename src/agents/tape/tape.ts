import { z } from "zod";
import type { Problem } from "../../model/plan.ts";

/** A text written line by line, so that files inside a tape stay readable; every line gets a newline. */
const lines = z.strictObject({ lines: z.array(z.string()) });

const argument = z.json().transform((value) => {
  const parsed = lines.safeParse(value);
  return parsed.success ? parsed.data.lines.map((line) => `${line}\n`).join("") : value;
});

const errorSchema = z.strictObject({
  status: z.int().min(400).max(599),
  /** The `error.type` of the reply. */
  type: z.string().default("api_error"),
  message: z.string().min(1),
  retryAfterSeconds: z.int().nonnegative().optional(),
  /** How often the request fails before the turn is played; without it, always. */
  times: z.int().positive().optional(),
});

const turnSchema = z.strictObject({
  text: z.string().default(""),
  tools: z.array(z.strictObject({ name: z.string().min(1), input: z.record(z.string(), argument).default({}) }))
    .default([]),
  error: errorSchema.optional(),
}).refine((turn) => turn.text !== "" || turn.tools.length > 0 || turn.error !== undefined, {
  error: "needs `text`, `tools` or `error`",
});

const attemptSchema = z.strictObject({
  /** For readers of the tape. */
  about: z.string().optional(),
  turns: z.array(turnSchema).min(1),
}).refine(({ turns }) => turns.slice(0, -1).every((turn) => turn.tools.length > 0 || isFatal(turn.error)), {
  error: "every turn but the last needs `tools`: a reply without a tool call ends the attempt",
  path: ["turns"],
}).refine(({ turns }) => turns.at(-1)?.tools.length === 0, {
  error: "the last turn must call no tools: it is the final message",
  path: ["turns"],
});

/** A tape: what the scripted model says, one script per attempt. The last script serves all further attempts. */
export const tapeSchema = z.strictObject({
  about: z.string().optional(),
  attempts: z.array(attemptSchema).min(1),
});

export type Tape = z.output<typeof tapeSchema>;
export type Turn = z.output<typeof turnSchema>;
export type TapeError = z.output<typeof errorSchema>;

export type ReadTape = { ok: true; tape: Tape } | { ok: false; problems: Problem[] };

/** Reads a tape; every problem is named with its JSON path. */
export function readTape(text: string, file: string): ReadTape {
  const problem = (path: string, message: string): Problem => ({ file, path, line: null, message });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return { ok: false, problems: [problem("", `not valid JSON: ${(error as Error).message}`)] };
  }
  const parsed = tapeSchema.safeParse(json);
  if (parsed.success) return { ok: true, tape: parsed.data };
  return {
    ok: false,
    problems: parsed.error.issues.map(({ path, message }) => problem(z.core.toDotPath(path), message)),
  };
}

/** What the model says after `rounds` rounds of tool results in attempt `attempt` (from 1); `null` when the script has ended. */
export function turnAt(tape: Tape, attempt: number, rounds: number): Turn | null {
  const script = tape.attempts[Math.min(attempt, tape.attempts.length) - 1];
  return script?.turns[rounds] ?? null;
}

function isFatal(error: TapeError | undefined): boolean {
  return error !== undefined && error.times === undefined;
}
