import type { OutputParser } from "../model/agent-event.ts";
import type { OutputFormat } from "../model/agents.ts";
import type { Classify } from "./faults.ts";
import { capstanParser } from "./formats/capstan-jsonl.ts";
import { claudeParser } from "./formats/claude-stream-json.ts";
import { codexParser } from "./formats/codex-jsonl.ts";
import { copilotParser } from "./formats/copilot-jsonl.ts";
import { geminiParser } from "./formats/gemini-stream-json.ts";
import { opencodeParser } from "./formats/opencode-jsonl.ts";
import { piParser } from "./formats/pi-jsonl.ts";
import { textParser } from "./formats/text.ts";

export interface Format {
  parser: (classify: Classify) => OutputParser;
  /** Whether the agent says by itself how it ended. */
  closes: boolean;
  /** Whether a tool call is announced when it starts. One that is printed when it is over leaves silence while it runs. */
  announcesTools: boolean;
  /** Whether the agent says while it works what it has used. One that says it when it ends can't be stopped at it. */
  countsAtWork: boolean;
}

/** How each output format is read. */
export const formats: Record<OutputFormat, Format> = {
  text: { parser: textParser, closes: false, announcesTools: false, countsAtWork: false },
  "claude-stream-json": { parser: claudeParser, closes: true, announcesTools: true, countsAtWork: true },
  "codex-jsonl": { parser: codexParser, closes: true, announcesTools: true, countsAtWork: false },
  "opencode-jsonl": { parser: opencodeParser, closes: true, announcesTools: false, countsAtWork: true },
  "gemini-stream-json": { parser: geminiParser, closes: true, announcesTools: true, countsAtWork: false },
  "copilot-jsonl": { parser: copilotParser, closes: true, announcesTools: true, countsAtWork: false },
  "pi-jsonl": { parser: piParser, closes: true, announcesTools: true, countsAtWork: true },
  "capstan-jsonl": { parser: capstanParser, closes: true, announcesTools: true, countsAtWork: true },
};
