import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** What every agent of this family may be told. */
const limitOptions = {
  "max-turns": { type: "string", default: "100" },
  "max-retries": { type: "string", default: "4" },
} as const satisfies ParseArgsOptionsConfig;

export interface Limits {
  /** Requests to the model before the work is cut off. */
  maxTurns: number;
  /** How often one request is repeated after a transient failure. */
  maxRetries: number;
}

export type Options<Names extends string> =
  | { ok: true; values: Partial<Record<Names, string>>; limits: Limits }
  | { ok: false; message: string };

/** Reads the arguments: the limits, and the string options in `names`. A bad argument is a value that says what is wrong. */
export function readOptions<Names extends string>(args: string[], names: readonly Names[]): Options<Names> {
  try {
    const own = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
    const { values } = parseArgs({ args, options: { ...limitOptions, ...own }, strict: true });
    const limits = {
      maxTurns: wholeNumber("--max-turns", values["max-turns"], 1),
      maxRetries: wholeNumber("--max-retries", values["max-retries"], 0),
    };
    return { ok: true, values: values as Partial<Record<Names, string>>, limits };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

/** Throws a `RangeError` for people when `text` is not a whole number of at least `least`. */
function wholeNumber(option: string, text: string | undefined, least: number): number {
  if (text !== undefined && /^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
  throw new RangeError(`Expected \`${option}\` to be a whole number from ${least}, got "${text ?? ""}"`);
}
