/** How many insertions, deletions, replacements and swaps of neighbors turn `a` into `b`; anything above `most` is `most + 1`. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(beforeLast, j - 2) + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return Math.min(at(last, b.length), most + 1);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/**
 * The candidate that a person most likely meant by `name`: the same but for case and `_`, or at most two typing mistakes
 * away (one, when the word is shorter than five letters). `null` when nothing is near.
 */
export function nearName(name: string, candidates: Iterable<string>): string | null {
  const most = name.length < 5 ? 1 : 2;
  let best: string | null = null;
  let bestDistance = most + 1;
  for (const candidate of candidates) {
    if (fold(candidate) === fold(name)) return candidate;
    const distance = editDistance(name, candidate, most);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[_\s-]/g, "");
}
