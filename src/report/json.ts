import type { Event } from "../model/event.ts";

/** The event stream as NDJSON: one event per line, exactly as the journal keeps it; `v` is the version of the format. */
export function json(write: (text: string) => void): (event: Event) => void {
  return (event) => write(`${JSON.stringify(event)}\n`);
}
