/** One part of a brief with the room that it may take. */
export interface Section {
  name: string;
  text: string;
  /** The most that it may take, in bytes; less when the whole does not fit. */
  cap: number;
  /** Where the rest can be read, for the line that says that something was cut: "see progress.txt". */
  rest: string;
  /** Who gives up room first when the whole does not fit: the highest number. */
  yields: number;
}

const bytesOf = (text: string): number => Buffer.byteLength(text);

/** Below this a section is not worth cutting any further. */
const least = 400;

/**
 * Cuts every section to its cap, and then, while all together exceed `most` bytes, the ones that yield first.
 * Empty sections disappear. What is cut says so in its last line.
 */
export function fitSections(sections: readonly Section[], most: number): { name: string; text: string }[] {
  const fitted = sections
    .filter(({ text }) => text.trim() !== "")
    .map((section) => ({ section, text: cutTo(section.text, section.cap, section.rest) }));
  const total = () => fitted.reduce((sum, { text }) => sum + bytesOf(text) + 2, 0);
  for (const one of fitted.toSorted((a, b) => b.section.yields - a.section.yields)) {
    const excess = total() - most;
    if (excess <= 0) break;
    one.text = cutTo(one.section.text, Math.max(least, bytesOf(one.text) - excess), one.section.rest);
  }
  return fitted.map(({ section, text }) => ({ name: section.name, text: text.trimEnd() }));
}

/** The beginning of a text, whole lines where possible, with a line that says how much was left out. */
export function cutTo(text: string, most: number, rest: string): string {
  const size = bytesOf(text);
  if (size <= most) return text;
  const note = (left: number) => `\n[… ${left} more bytes left out${rest === "" ? "" : `; ${rest}`}]`;
  const room = Math.max(0, most - bytesOf(note(size)));
  // A cut inside a character leaves a replacement character, which is dropped.
  const head = Buffer.from(text).subarray(0, room).toString("utf8").replace(/\uFFFD+$/, "");
  const line = head.lastIndexOf("\n");
  const kept = line > room / 2 ? head.slice(0, line) : head;
  return `${kept}${note(size - bytesOf(kept))}`;
}
