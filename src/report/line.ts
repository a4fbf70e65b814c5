import type { Event } from "../model/event.ts";
import { eventLines } from "./event-lines.ts";
import type { Paste } from "./paste.ts";
import { advance, noProgress } from "./progress.ts";
import type { Style } from "./style.ts";

export interface LineOptions {
  style: Style;
  paste: Paste;
  /** Width that tables keep to. */
  columns: number;
  /** Puts the time of day in front of every line. @default false */
  timestamps?: boolean;
  /** Shows what agents say and do, and the output of red validators. @default false */
  verbose?: boolean;
}

/** Plain lines, written once and never moved: for CI, pipes and dumb terminals. */
export function line(write: (text: string) => void, options: LineOptions): (event: Event) => void {
  let progress = noProgress;
  return (event) => {
    const words = { paste: options.paste, now: Date.parse(event.at) };
    const lines = eventLines(event, { style: options.style, words, columns: options.columns, progress })
      .filter(({ level }) => level !== "verbose" || options.verbose === true);
    progress = advance(progress, event);
    // The closing page is one text, and its commands are there to be copied.
    const timed = options.timestamps === true && event.kind !== "halted";
    const time = timed ? `${options.style.paint("dim", event.at.slice(11, 19))} ` : "";
    write(lines.map(({ text }) => `${`${time}${text}`.trimEnd()}\n`).join(""));
  };
}
