import type { OutputParser } from "../../model/agent-event.ts";
import { textEvent } from "./json.ts";

/** Plain text: every line is a text event. There is no closing statement; the exit code has to do. */
export function textParser(): OutputParser {
  return {
    line: (text) => textEvent(text),
    close: () => [],
  };
}
