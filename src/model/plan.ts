import { planLimits } from "./limit-schema.ts";
import { z } from "./zod.ts";
import { sandboxSchema } from "./sandbox.ts";
import { evidenceLevels } from "./verdict.ts";

/** A repository-relative glob that can't leave the repository. */
export const repoGlob = z.string().min(1).refine(
  (glob) =>
    !glob.startsWith("/") && !glob.startsWith("~") && !/^[A-Za-z]:/.test(glob) && !glob.split(/[\\/]/).includes(".."),
  { error: "must stay inside the repository (no leading `/` or `~`, no `..`)" },
);

const positive = z.number().positive();

const regExp = z.string().min(1).refine(isRegExp, { error: "is not a valid regular expression" });
/** Agents that stand in for one another, best first. Each is what it is: what `auto` came to could be one of the others. */
const agentList = z.array(
  z.string().refine((name) => !["auto", "command", "tape"].includes(name), { error: "stands alone, not in a list" }),
).min(1).max(10);

/** The keys that a step and the plan's `defaults` share. */
export const stepOptions = z.object({
  role: z.string().optional().describe("What the agent is for on this step, such as `developer` or `qa`"),
  agent: z.union([z.string(), agentList]).optional().describe(
    "An agent of registries/agents.json, `auto` for the first one that is ready, or a list: the next one works while the first rests",
  ),
  model: z.string().optional().describe("The model, as the agent calls it"),
  tier: z.enum(["primary", "review", "heavy", "utility"]).optional().describe("Which strength of model the role gets"),
  validators: z.array(z.string()).optional().describe(
    "Validators of registries/validators.json that must pass for this step, whatever it changes",
  ),
  produces: z.array(repoGlob).optional().describe("Globs of files that must exist afterwards"),
  paths: z.array(repoGlob).optional().describe("Globs of the files that the change may touch"),
  maxAttempts: z.int().positive().optional().describe("How many attempts may fail before the loop halts"),
  timeoutMinutes: positive.optional().describe("The longest that the agent may work on one attempt"),
  idleMinutes: positive.optional().describe("The longest that the agent may stay silent outside of a tool call"),
  budgetUsd: positive.optional().describe("The most that the attempts of one step may cost"),
  budgetTokens: z.int().positive().optional().describe("The most tokens that the attempts of one step may use"),
  budgetMinutes: positive.optional().describe("The longest that the attempts of one step may take in sum"),
  carry: z.enum(["work", "none"]).optional().describe("Whether the next attempt starts from the work of a failed one"),
  allows: z.array(z.enum(["tests", "lint", "ci", "coverage", "secrets"])).optional().describe(
    "What the change may loosen: tests (delete, skip, empty), the configuration of lint or CI, thresholds of coverage. `secrets`: it may hold what looks like one",
  ),
  redFirst: z.union([z.boolean(), z.strictObject({ matches: regExp })]).optional().describe(
    "Whether the step's own validators run before the work and must be red to prove it; `matches`: what the failing output must look like (a regular expression)",
  ),
  trust: z.enum(["validators", "agent"]).optional().describe(
    "`agent`: pass on the word of the agent when nothing can verify the step",
  ),
});

export const gateSchema = z.looseObject({
  kind: z.enum(["approval", "validation"]).default("approval"),
  question: z.string().optional(),
});

export const stepSchema = stepOptions.extend({
  id: z.string().min(1).max(100).regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
    error: "must start with a letter or digit and hold only letters, digits, `.`, `_` and `-`",
  }).refine((id) => !id.includes("..") && !/\.(?:lock)?$/i.test(id), {
    error: "must not hold `..` or end with `.` or `.lock`: it becomes part of the name of a git ref",
  }),
  title: z.string().min(1),
  description: z.string().default("").describe("What is wanted and why"),
  acceptanceCriteria: z.array(z.string()).default([]).describe("What must be true afterwards, one short sentence each"),
  priority: z.number().optional().describe("Lower comes first; steps of the same priority come in file order"),
  passes: z.boolean().default(false).describe(
    "Whether the step is done. The runner writes it after the validators ran green",
  ),
  notes: z.string().default("").describe("Free text for people and agents"),
  type: z.enum(["agent", "gate", "validation"]).default("agent").describe(
    "`gate`: the loop halts here until a person approves",
  ),
  needs: z.array(z.string()).default([]).describe("Ids of steps that must pass first"),
  when: z.object({ field: z.string(), equals: z.union([z.string(), z.number(), z.boolean()]) }).optional(),
  workflow: z.string().optional(),
  retires: z.array(z.string()).optional().describe(
    "Validators that earlier steps passed on and that this one may break for good; `US-001:criterion-1` names a criterion",
  ),
  onFail: z.object({ reopen: z.array(z.string()), max: z.int().positive() }).optional(),
  gate: gateSchema.optional(),
  /** The argv of a step whose agent is `command`; a string runs through `sh -c`. */
  command: z.union([z.string().min(1), z.array(z.string()).min(1)]).optional(),
  /** The tape (a JSON file) of a step whose agent is `tape`. */
  tape: repoGlob.optional(),
  /** Shell commands that must succeed for this step (RalfPretzel's `completionCriteria`). */
  completionCriteria: z.array(z.string()).optional(),
});

export const planLease = z.object({
  minutes: positive.default(5).describe("Without a sign of life for so long, another machine takes over"),
  required: z.boolean().default(false).describe("Start nothing where the remote takes no lease"),
});

export const planSchema = z.object({
  project: z.string().optional(),
  branchName: z.string().optional().describe("The branch that the steps land on; the current one when absent"),
  description: z.string().default(""),
  planId: z.string().regex(/^[a-z0-9-]{6,64}$/).optional(),
  steps: z.array(stepSchema).min(1),
  defaults: stepOptions.default({}),
  limits: planLimits.default({}).describe("What a run, a day, a step and an iteration may use"),
  workflow: z.string().optional(),
  decisions: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  cwd: repoGlob.optional(),
  requireEvidence: z.enum(evidenceLevels).optional(),
  /** `{id}` and `{title}` are replaced. */
  commitMessage: z.string().default("feat: {id} - {title}"),
  /** A shell command that prepares a lane, `false` for none; `"auto"` detects it from lock files. */
  setup: z.union([z.string(), z.literal(false)]).default("auto"),
  /** Untracked files that a lane needs. */
  copy: z.array(repoGlob).default([]),
  /** Ignored files that survive from one iteration to the next. */
  cache: z.array(repoGlob).default([]),
  tampering: z.enum(["fail", "warn"]).default("fail").describe(
    "What an attempt is worth that changed what is not the agent's own: `fail` voids it, `warn` only tells; both undo it",
  ),
  lease: planLease.default({ minutes: 5, required: false }).describe(
    "How a run with `--push` keeps other machines from working on the same plan",
  ),
  sandbox: sandboxSchema.default("auto").describe("How agents, validators and setup commands are fenced in"),
});

/** One step of the plan, with defaults applied. Positions in the file are kept apart (src/plan). */
export type Step = z.output<typeof stepSchema>;

/** The whole plan (`prd.json`), with defaults applied to every step. Order of `steps` is file order. */
export type Plan = z.output<typeof planSchema>;

/** One thing wrong with one place of one file. `path` is a JSON path such as `userStories[2].needs[0]`; `line` starts at 1. */
export interface Problem {
  file: string;
  path: string;
  line: number | null;
  message: string;
  hint?: string;
}

function isRegExp(source: string): boolean {
  try {
    return new RegExp(source, "m").source !== "";
  } catch {
    return false;
  }
}
