/** A duration in milliseconds as people write it: `format(42_000)` is "42 s". */
export function format(ms) {
  return `${Math.round(ms / 1000)} s`;
}
