import { stripVTControlCharacters } from "node:util";

/** Made when the first text that is not plain ASCII comes: it costs milliseconds that `--help` does not have. */
let segmenter: Intl.Segmenter | null = null;

function* graphemes(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter();
  for (const { segment } of segmenter.segment(text)) yield segment;
}

/** East Asian wide and fullwidth blocks (Unicode TR 11), coarse where blocks adjoin. */
const wide =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const printable = /^[\x20-\x7e]*$/;

/** How many terminal columns a text takes; escape sequences take none. */
export function textWidth(text: string): number {
  const bare = stripVTControlCharacters(text);
  if (printable.test(bare)) return bare.length;
  let width = 0;
  for (const grapheme of graphemes(bare)) width += graphemeWidth(grapheme);
  return width;
}

/** Cuts a text without escape sequences to at most `columns` columns; what was cut is shown by `ellipsis`. */
export function truncate(text: string, columns: number, ellipsis: string): string {
  if (textWidth(text) <= columns) return text;
  const room = columns - textWidth(ellipsis);
  if (room <= 0) return "";
  let kept = "";
  let width = 0;
  for (const grapheme of graphemes(text)) {
    width += graphemeWidth(grapheme);
    if (width > room) break;
    kept += grapheme;
  }
  return kept.trimEnd() + ellipsis;
}

/** Breaks a text without escape sequences between words; a word longer than `columns` stays whole, so that it can be copied. */
export function wrap(text: string, columns: number): string[] {
  if (textWidth(text) <= columns) return [text];
  // What belongs to an item of a list stays below its text.
  const indent = " ".repeat(/^ *(?:- )?/.exec(text)![0].length);
  const lines: string[] = [];
  const start = /^ */.exec(text)![0];
  let line = "";
  for (const word of text.trimStart().split(" ")) {
    const longer = line === "" ? start + word : `${line} ${word}`;
    if (line !== "" && textWidth(longer) > columns) {
      lines.push(line);
      line = indent + word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

/** Facts side by side, as many on a line as fit. */
export function joinFacts(facts: readonly string[], separator: string, columns: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const last = lines.at(-1);
    if (last === undefined || textWidth(last + separator + fact) > columns) lines.push(fact);
    else lines[lines.length - 1] = last + separator + fact;
  }
  return lines;
}

/** Fills a text up to `columns` columns. */
export function pad(text: string, columns: number, side: "left" | "right" = "right"): string {
  const fill = " ".repeat(Math.max(0, columns - textWidth(text)));
  return side === "right" ? text + fill : fill + text;
}

function graphemeWidth(grapheme: string): number {
  if (/^[\p{Mark}\p{Cf}]/u.test(grapheme)) return 0;
  return wide.test(grapheme) || /\ufe0f/.test(grapheme) || /^\p{Emoji_Presentation}/u.test(grapheme) ? 2 : 1;
}
