import { createPatch } from "diff";

/** The most of one file's diff that is kept, in characters. */
const most = 4000;

/**
 * A unified diff of one file for people; `null` is a file that is not there. A text turned inside out has no useful
 * diff: it is given up after a moment and only named.
 */
export function patchOf(path: string, before: string | null, after: string | null): string {
  if (before === after) return "";
  const patch = createPatch(path, before ?? "", after ?? "", "", "", { context: 3, maxEditLength: 2000 });
  // The first two lines repeat the name.
  const text = patch?.split("\n").slice(2).join("\n") ?? `--- ${path}\n+++ ${path}\n(too different to show)\n`;
  return text.length > most ? `${text.slice(0, most)}\n(cut off here)\n` : text;
}
