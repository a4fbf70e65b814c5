import { z } from "./zod.ts";
import { repoGlob } from "./plan.ts";

/** One entry of `registries/validators.json`. Exactly one of `command` and `builtin` is present. */
export const validatorSchema = z.strictObject({
  title: z.string().optional(),
  /** Runs through `sh -c` in the verify lane; exit code 0 is `pass`. */
  command: z.string().min(1).optional(),
  builtin: z.enum(["produces", "conflict-markers", "json", "test-guard", "secrets"]).optional(),
  /** Runs when a changed path matches one of these, or always when absent. */
  paths: z.array(repoGlob).optional(),
  timeoutMinutes: z.number().positive().default(10),
  /** Files that only a person may change: taken from the base tree when the validator runs. */
  protects: z.array(repoGlob).default([]),
  /** What to do about a red one: goes into the next brief. */
  fix: z.string().optional(),
}).refine((entry) => (entry.command === undefined) !== (entry.builtin === undefined), {
  error: "needs exactly one of `command` and `builtin`",
});

export const validatorsSchema = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9:._-]*$/i, {
    error: "must start with a letter or digit and hold only letters, digits, `:`, `.`, `_` and `-`",
  }),
  validatorSchema,
);

export type ValidatorEntry = z.output<typeof validatorSchema>;

/** A validator ready to run; `origin` says where its definition came from, for people. */
export interface Validator extends ValidatorEntry {
  id: string;
  origin: "registry" | "built-in" | "detected" | "step";
}

/** The id of one of a step's `completionCriteria` as a validator; `index` counts from 0. */
export function criterionId(stepId: string, index: number): string {
  return `${stepId}:criterion-${index + 1}`;
}

/** The id under which what a step produced stays required once it passed. */
export function producesId(stepId: string): string {
  return `${stepId}:produces`;
}
