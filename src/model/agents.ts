import { z } from "./zod.ts";

/** The output formats that have a parser (src/agents/formats). */
export const outputFormats = [
  "text",
  "claude-stream-json",
  "codex-jsonl",
  "opencode-jsonl",
  "gemini-stream-json",
  "copilot-jsonl",
  "pi-jsonl",
  "capstan-jsonl",
] as const;

export type OutputFormat = (typeof outputFormats)[number];

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of an environment variable" });

/** The name of an environment variable, a prefix followed by `*`, or `*`. */
const variablePattern = z.string().regex(/^([A-Za-z_][A-Za-z0-9_]*\*?|\*)$/, {
  error: "must be the name of an environment variable, a prefix followed by `*`, or `*` for everything",
});

/** A path below a home directory that can't leave it. */
const homePath = z.string().min(1).refine(
  (path) => !path.startsWith("/") && !path.startsWith("~") && !path.split("/").includes(".."),
  { error: "must stay below the home directory (no leading `/` or `~`, no `..`)" },
);

/** One argument, or arguments that appear only when a value is known (`model`, `budgetUsd`, `env.NAME` …). */
const argument = z.union([
  z.string(),
  z.strictObject({ when: z.string().min(1), args: z.array(z.string()).min(1) }),
]);

/** One way in which an agent may be logged in. Exactly one of `env`, `file` and `command` is the test. */
const wayIn = z.strictObject({
  /** This variable is set and not empty. */
  env: variable.optional(),
  /** This file exists below the person's home (or where its folder was moved to by a variable in `home.dirs`). */
  file: homePath.optional(),
  /** The file must hold this text, too. */
  contains: z.string().min(1).optional(),
  /** This command exits 0; `{stdout}` in `set` is what it printed. */
  command: z.array(z.string()).min(1).optional(),
  /** What the CLI calls this way; fills `{login}` in `home.files`. */
  login: z.string().optional(),
  /** Joins the agent's environment when this way is the one that holds. */
  set: z.record(variable, z.string()).optional(),
}).refine((way) => [way.env, way.file, way.command].filter((test) => test !== undefined).length === 1, {
  error: "needs exactly one of `env`, `file` and `command`",
});

/**
 * Which program is started.
 * `binary`: the first of these names on PATH; when that is an npm loader, the first existing path of `native` in a `node_modules` around
 * it is started instead (`{platform}` `{arch}` `{rust}` are replaced). `module`: a program of Capstan itself, on the same runtime.
 * `step`: the argv in the step's own `command`.
 */
const launch = z.union([
  z.strictObject({ binary: z.array(z.string().min(1)).min(1), native: z.array(z.string()).default([]) }),
  z.strictObject({ module: z.enum(["builtin", "tape"]) }),
  z.strictObject({ step: z.literal("command") }),
]);

/**
 * One entry of `registries/agents.json`: how one agent CLI is found, started, fed, read and stopped. Data, never code.
 *
 * Placeholders in `args`: `{model}` `{brief}` `{budgetUsd}` `{tape}` `{attempt}` `{home}` `{tmp}` `{cache}` `{lane}` `{login}` and
 * `{env.NAME}`, the person's variable; `{name|text}` falls back to the text. In `env` and `home.files` all but the brief; an `env` value
 * with an unknown placeholder is left out.
 */
export const agentSchema = z.strictObject({
  /** The agent that this entry starts from; resolved by `mergeAgent`. */
  extends: z.string().optional().refine((parent) => parent === undefined, { error: "names no built-in agent" }),
  title: z.string().min(1),
  launch,
  args: z.array(argument).default([]),
  /** How the brief is handed over. Standard input is closed in every case. @default stdin */
  brief: z.enum(["stdin", "argv", "none"]).default("stdin"),
  format: z.enum(outputFormats),
  /** Set for the agent, over everything else. */
  env: z.record(variable, z.string()).default({}),
  /** Passed on from the person's environment, besides what every agent gets (PATH, locale, proxies, certificates, toolchains). */
  passEnv: z.array(variablePattern).default([]),
  /** Joins `env` when the runner is root. */
  envAsRoot: z.record(variable, z.string()).default({}),
  home: z.strictObject({
    /** Variables that tell the CLI where a folder of its home is, and that folder. Set in a fresh home only. */
    dirs: z.record(variable, homePath).default({}),
    /** Written into a fresh home: text, or anything else as JSON. Wins over `copy`. */
    files: z.record(homePath, z.unknown()).default({}),
    /** Copied from the person's home when there: settings. Nothing flows back. */
    copy: z.array(homePath).default([]),
    /** Shared with the person's home when there: logins, whose refreshed tokens flow back. */
    share: z.array(homePath).default([]),
  }).prefault({}),
  /** `fresh`: a new home for every iteration. `user`: the person's own, with all that it remembers. */
  agentHome: z.enum(["fresh", "user"]).default("fresh"),
  stop: z.strictObject({
    signal: z.enum(["SIGTERM", "SIGINT", "SIGHUP"]).default("SIGTERM"),
    graceSeconds: z.number().positive().max(120).default(10),
  }).prefault({}),
  /** Any of these makes the agent ready once it is installed; an empty list means that it needs no login. */
  ready: z.array(wayIn).default([]),
  /** Prints the version. Absent: the version is the runner's own, or there is none. */
  version: z.array(z.string()).optional(),
  /** Prints the help in which `doctor` looks for the flags of `args`. */
  help: z.array(z.string()).optional(),
  /** Flags in `args` that the help is known to leave out. */
  undocumented: z.array(z.string()).default([]),
  /** Whether the agent itself says what it costs. */
  reportsCost: z.boolean().default(false),
  /** `documentation-only`: written from documentation, never run. */
  tested: z.union([z.literal(true), z.literal("documentation-only")]).default("documentation-only"),
  /** Models that stand in, in this order, for one that is overloaded or not available. @default {the agent's own choice only} */
  fallbackModels: z.array(z.string().min(1)).max(10).default([]),
  /** The place in the order in which `auto` looks; absent: `auto` never takes it. */
  auto: z.int().positive().optional(),
  /** How to get it, and how to log in: shown when it is missing or not ready. */
  install: z.string().default(""),
  login: z.string().default(""),
  /** A JSON file that the agent leaves behind, with token counts that its output lacks. */
  usageFile: z.strictObject({ path: z.string().min(1), format: z.enum(["copilot-usage"]) }).optional(),
});

export const agentsSchema = z.record(
  z.string().regex(/^[a-z0-9][a-z0-9_-]*$/i, { error: "must hold only letters, digits, `_` and `-`" }),
  agentSchema,
);

/** One agent as the registry declares it, with defaults applied. */
export type AgentEntry = z.output<typeof agentSchema>;

/** One way in which an agent may be logged in. */
export type WayIn = z.output<typeof wayIn>;

/** An agent with its name in the registry. */
export interface Agent extends AgentEntry {
  id: string;
}

type Values = Record<string, unknown>;

/**
 * An entry laid over the declared one of its name, or over the one that it `extends`: objects are merged key by key, everything else
 * replaces, and `null` removes a key. An entry with nothing below it comes back as it is.
 */
export function mergeAgent(id: string, entry: unknown, declared: Readonly<Values>): unknown {
  if (!isObject(entry)) return entry;
  const { extends: parent, ...own } = entry;
  const base = declared[typeof parent === "string" ? parent : id];
  if (!isObject(base)) return entry;
  // A launch is one of several kinds: half of one and half of another would be neither.
  return merge(own.launch === undefined ? base : { ...base, launch: undefined }, own);
}

function merge(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Values = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(base[key], value);
  }
  return merged;
}

function isObject(value: unknown): value is Values {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
