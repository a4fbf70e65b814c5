/** What failing output says about how much is left to do: slow progress shows there, and nowhere else. */
export interface Measured {
  /** The sum of all counts of what failed. */
  failing: number | null;
  /** The sum of all percentages. */
  percent: number | null;
}

/** A number beside a word for what failed; not the column or line of a message. */
const failing = [
  /(?<![\d.:])(\d+) (?:\w+ )?(?:fail\w*|errors?|problems?|missing|left|remaining)\b/gi,
  /\b(?:fail\w*|errors?|problems?|missing|left|remaining)[:=]? ?(\d+)(?![\d.:])/gi,
];
const percents = /(\d+(?:\.\d+)?) ?%/g;

/** Reads the counts and percentages in failing output; `null` where there are none. */
export function measure(output: string): Measured {
  const counts = failing.flatMap((pattern) => [...output.matchAll(pattern)].map(([, number]) => Number(number)));
  const shares = [...output.matchAll(percents)].map(([, number]) => Number(number));
  return {
    failing: counts.length === 0 ? null : counts.reduce((sum, number) => sum + number, 0),
    percent: shares.length === 0 ? null : shares.reduce((sum, number) => sum + number, 0),
  };
}
