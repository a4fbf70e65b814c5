import { styleText } from "node:util";

/** How a piece of text is meant; colors follow from it. */
export type Tone = "ok" | "bad" | "warn" | "ask" | "accent" | "dim" | "strong" | "plain";

/** The marks in front of lines. */
export type Mark = "ok" | "bad" | "warn" | "ask" | "info" | "now" | "wait" | "skip";

/** How text is dressed for one output. Pure: the same input gives the same text. */
export interface Style {
  paint(tone: Tone, text: string): string;
  mark(mark: Mark): string;
  /** The same without color. */
  glyph(mark: Mark): string;
  /** Full and empty cells of a progress bar. */
  bar: { full: string; empty: string };
  /** Frames of the activity mark. */
  spinner: readonly string[];
  /** Between the facts of one line. */
  dot: string;
  /** Stands for what was cut off; one column wide, or three in ASCII. */
  ellipsis: string;
  rule: string;
}

const formats = {
  ok: "green",
  bad: "red",
  warn: "yellow",
  ask: "magenta",
  accent: "cyan",
  dim: "gray",
  strong: "bold",
} as const satisfies Record<Exclude<Tone, "plain">, Parameters<typeof styleText>[0]>;

const unicodeMarks: Record<Mark, string> = {
  ok: "✓",
  bad: "✗",
  warn: "!",
  ask: "?",
  info: "·",
  now: "▸",
  wait: "·",
  skip: "-",
};

const asciiMarks: Record<Mark, string> = {
  ok: "+",
  bad: "x",
  warn: "!",
  ask: "?",
  info: "-",
  now: ">",
  wait: ".",
  skip: "-",
};

const markTones: Record<Mark, Tone> = {
  ok: "ok",
  bad: "bad",
  warn: "warn",
  ask: "ask",
  info: "dim",
  now: "accent",
  wait: "dim",
  skip: "dim",
};

/** A style with or without color, in Unicode or ASCII. */
export function createStyle(options: { color: boolean; unicode: boolean }): Style {
  const paint = (tone: Tone, text: string) =>
    options.color && tone !== "plain" && text.trim() !== ""
      ? styleText(formats[tone], text, { validateStream: false })
      : text;
  const marks = options.unicode ? unicodeMarks : asciiMarks;
  return {
    paint,
    mark: (mark) => paint(markTones[mark], marks[mark]),
    glyph: (mark) => marks[mark],
    bar: options.unicode ? { full: "█", empty: "░" } : { full: "#", empty: "." },
    spinner: options.unicode ? ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] : ["-", "\\", "|", "/"],
    dot: options.unicode ? " · " : " - ",
    ellipsis: options.unicode ? "…" : "...",
    rule: options.unicode ? "─" : "-",
  };
}
