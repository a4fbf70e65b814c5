import type { Parameters } from "fast-check";

/**
 * How often a property is tried: `count` times in the default suite, `FUZZ_RUNS` times when that is set. A failure prints
 * its seed; `FUZZ_SEED` plays it again. A case may stand for many (`each`).
 */
export function cases(count: number, each = 1): Parameters<unknown> {
  const { FUZZ_RUNS: runs, FUZZ_SEED: seed } = process.env;
  return {
    numRuns: runs === undefined ? count : Math.ceil(Number(runs) / each),
    ...seed === undefined ? {} : { seed: Number(seed) },
  };
}
