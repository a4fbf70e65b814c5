import { clean } from "../model/text.ts";
import type { Paste } from "./paste.ts";
import type { Mark, Style } from "./style.ts";
import { pad, textWidth, wrap } from "./width.ts";

/** What to do next: a command to paste where there is one, and what it is for. */
export interface NextStep {
  command?: string;
  text: string;
}

/** One thing to tell a person: what happened and where, the facts, what to do next. Plain text, not yet styled. */
export interface Message {
  mark: Mark;
  title: string;
  details: string[];
  next: NextStep[];
}

/** What texts are made with. */
export interface Words {
  paste: Paste;
  /** Epoch milliseconds: times of today are shown without their date. */
  now: number;
}

/** The lines of a message: title, indented details, and the next steps as a table of commands. */
export function messageLines(message: Message, style: Style, columns: number): string[] {
  const indented = (text: string) =>
    clean(text).split("\n").flatMap((line) => wrap(line, columns - 2)).map((line) => line === "" ? "" : `  ${line}`);
  const [title = "", ...more] = wrap(clean(message.title), columns - 2);
  const lines = [
    `${style.mark(message.mark)} ${style.paint("strong", title)}`,
    ...more.map((line) => `  ${style.paint("strong", line)}`),
    ...message.details.flatMap(indented),
  ];
  return message.next.length === 0
    ? lines
    : [...lines, "", style.paint("strong", "Next"), ...nextLines(message.next, style, columns)];
}

/** Commands are never wrapped: they are there to be pasted. Where one leaves no room, its meaning stands above it. */
function nextLines(next: readonly NextStep[], style: Style, columns: number): string[] {
  const widths = next.map(({ command }) => command === undefined ? 0 : textWidth(command));
  const column = Math.max(...widths);
  const beside = next.every(({ command, text }) => command === undefined || column + textWidth(text) + 4 <= columns);
  return next.flatMap(({ command, text }) => {
    if (command === undefined) return wrap(clean(text), columns - 2).map((line) => `  ${line}`);
    const shown = style.paint("accent", beside ? pad(clean(command), column) : clean(command));
    const meaning = style.paint("dim", clean(text));
    return beside ? [`  ${shown}  ${meaning}`] : [`  ${meaning}`, `    ${shown}`];
  });
}
