import type { Event } from "../model/event.ts";
import { haltMessage } from "./halt-text.ts";
import { messageLines } from "./message.ts";
import type { Paste } from "./paste.ts";
import type { Style } from "./style.ts";

/** Nothing but why the run ended and what to do next; nothing at all when every step passes. */
export function quiet(
  write: (text: string) => void,
  options: { style: Style; paste: Paste; columns: number },
): (event: Event) => void {
  return (event) => {
    if (event.kind !== "halted" || event.halt.reason === "complete") return;
    const message = haltMessage(event.halt, { paste: options.paste, now: Date.parse(event.at) });
    write(`${messageLines(message, options.style, options.columns).join("\n")}\n`);
  };
}
