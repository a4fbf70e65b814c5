import { exec } from "../src/system/exec.ts";

/** One row of the table. */
export interface Row {
  what: string;
  measured: string;
  baseline: string;
  /** Measured by baseline; `null` where the target is absolute. */
  ratio: number | null;
  target: string;
  ok: boolean;
}

/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = sorted.length >> 1;
  if (sorted.length === 0) throw new Error("No value to take the median of");
  return sorted.length % 2 === 1 ? sorted[at]! : (sorted[at - 1]! + sorted[at]!) / 2;
}

/** Both sides of one repetition, measured right after each other. */
export interface Pair {
  measured: number[];
  baseline: number[];
}

/**
 * A row of repetitions: the ratio is the median of the ratios of the repetitions, so that what slows the machine for a
 * while slows both sides of one of them. Values in milliseconds.
 */
export function ratioRow(what: string, pairs: readonly Pair[], most: number): Row {
  const ratio = median(pairs.map(({ measured, baseline }) => median(measured) / median(baseline)));
  return {
    what,
    measured: ms(median(pairs.flatMap(({ measured }) => measured))),
    baseline: ms(median(pairs.flatMap(({ baseline }) => baseline))),
    ratio,
    target: `<= ${most}`,
    ok: ratio <= most,
  };
}

/** A row whose target is a number of some unit. */
export function absoluteRow(
  what: string,
  value: number,
  { most, unit, baseline = "-" }: { most: number; unit: string; baseline?: string },
): Row {
  return {
    what,
    measured: `${round(value)} ${unit}`,
    baseline,
    ratio: null,
    target: `<= ${most} ${unit}`,
    ok: value <= most,
  };
}

export function ms(value: number): string {
  return `${round(value)} ms`;
}

function round(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0);
}

/** Runs a command to its end and returns what it printed. Throws unless it ends with one of `codes`. */
export async function output(
  argv: readonly string[],
  options: { cwd: string; env: Record<string, string>; codes?: readonly number[] },
): Promise<string> {
  const { cwd, env, codes = [0] } = options;
  const { exit, stdout, stderr } = await exec(argv, { cwd, env });
  if (exit.kind === "code" && codes.includes(exit.code)) return stdout.toString("utf8");
  throw new Error(`${argv.join(" ")} ended with ${JSON.stringify(exit)}:\n${stderr}${stdout.toString("utf8")}`);
}

/** Milliseconds that a command takes, from before its start to its end. */
export async function timed(
  argv: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Promise<number> {
  const started = performance.now();
  await output(argv, options);
  return performance.now() - started;
}
