/**
 * A line without what differs from one time to the next: numbers, times, ids, hashes and the folders of paths.
 * Two lines that are equal after it say the same.
 */
export function masked(line: string): string {
  return line
    .replaceAll(/(?:\/[\w.@+-]+){2,}\/?/g, (path) => `/…/${path.split("/").findLast((part) => part !== "") ?? ""}`)
    .replaceAll(/\b(?:0x)?(?=[\da-f-]*\d)[\da-f]{7,}(?:-[\da-f]{4,})*\b/gi, "#")
    .replaceAll(/\d+(?:[.,:]\d+)*/g, "0")
    .replaceAll(/\b0\s?(?:ms|µs|ns|s|sec|seconds?|m|min|minutes?)\b/g, "0s")
    .replaceAll(/\s+/g, " ")
    .trim();
}
