import { createLogUpdate } from "log-update";
import type { Event } from "../model/event.ts";
import { eventLines } from "./event-lines.ts";
import { frame } from "./live-frame.ts";
import type { Paste } from "./paste.ts";
import { advance, noProgress } from "./progress.ts";
import type { Style } from "./style.ts";
import { textWidth } from "./width.ts";

export interface LiveOptions {
  style: Style;
  paste: Paste;
  /** The terminal's size now; asked again for every frame, so that a resize is followed. */
  size(): { columns: number; rows: number };
  now(): number;
  /** Calls back about every `ms` until the returned function is called. Must not keep the process alive. */
  every(ms: number, callback: () => void): () => void;
  verbose?: boolean;
}

const frameMs = 120;

/**
 * The view for a terminal: what happens now is rewritten in place at the bottom, what is over scrolls above it.
 * It ends with the `halted` event; nothing is drawn after that.
 */
export function live(write: (text: string) => void, options: LiveOptions): (event: Event) => void {
  const { style } = options;
  const columns = () => Math.max(20, options.size().columns);
  // log-update wants a stream; this one always tells the size of now.
  const stream = {
    isTTY: true,
    get columns() {
      return columns();
    },
    get rows() {
      return Math.max(4, options.size().rows);
    },
    write,
  };
  // The cursor stays visible: a runner killed with `kill -9` must not leave a terminal without one.
  const screen = createLogUpdate(stream as unknown as NodeJS.WritableStream, { showCursor: true });
  let progress = noProgress;
  let drawn: { lines: string[]; columns: number } = { lines: [], columns: columns() };
  let tick = 0;
  let stop: (() => void) | null = null;

  const forgetReflow = () => {
    if (columns() >= drawn.columns) return;
    // A terminal that became narrower has wrapped the old frame into more rows than log-update knows of.
    const rows = drawn.lines.reduce((sum, text) => sum + Math.max(1, Math.ceil(textWidth(text) / columns())), 0);
    screen.clear();
    write("\u001b[1A\u001b[2K".repeat(rows - drawn.lines.length));
  };
  const draw = () => {
    forgetReflow();
    // One column is left free: writing into the last one makes some terminals wrap.
    const lines = frame(progress, { style, columns: columns() - 1, now: options.now(), tick });
    drawn = { lines, columns: columns() };
    if (lines.length > 0) screen(lines.join("\n"));
  };
  const scroll = (lines: readonly string[]) => {
    forgetReflow();
    drawn = { lines: [], columns: columns() };
    screen.clear();
    // Not `screen.persist`: it breaks long lines, and a pasted command would break with them.
    write(lines.map((text) => `${text.trimEnd()}\n`).join(""));
  };

  return (event) => {
    const words = { paste: options.paste, now: Date.parse(event.at) };
    const lines = eventLines(event, { style, words, columns: columns() - 1, progress })
      .filter(({ level }) => level === "essential" || options.verbose === true)
      .map(({ text }) => text);
    progress = advance(progress, event);
    if (event.kind === "halted") {
      stop?.();
      stop = null;
      scroll(lines);
      return;
    }
    if (lines.length > 0) scroll(lines);
    if (event.kind === "run-started") {
      stop ??= options.every(frameMs, () => {
        tick += 1;
        draw();
      });
    }
    // Agents can send hundreds of events in a second: the timer draws those.
    if (event.kind !== "agent" || lines.length > 0) draw();
  };
}
