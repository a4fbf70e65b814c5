import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import type { OutputFormat } from "../../src/model/agents.ts";
import type { AgentEnd } from "../../src/model/outcome.ts";
import type { Exit } from "../../src/model/process.ts";
import { classifier } from "../../src/agents/faults.ts";
import { conclude } from "../../src/agents/conclude.ts";
import { formats } from "../../src/agents/formats.ts";
import { failures } from "../support/failures.ts";
import { addEvent, emptyTally, type Tally } from "../../src/agents/tally.ts";

export const classify = classifier(failures);
const folder = join(import.meta.dirname, "recordings");

/** The time that recordings are judged at. */
export const now = Date.parse("2026-11-20T16:00:00Z");

export const cliFormats = {
  claude: "claude-stream-json",
  codex: "codex-jsonl",
  gemini: "gemini-stream-json",
  copilot: "copilot-jsonl",
  "copilot-native": "copilot-jsonl",
  opencode: "opencode-jsonl",
  pi: "pi-jsonl",
  "pi-0.87": "pi-jsonl",
} as const satisfies Record<string, OutputFormat>;

export type Cli = keyof typeof cliFormats;

/** Every recorded case, with the exit code or the signal that ended it. */
export const recordedExits = JSON.parse(readFileSync(join(folder, "exits.json"), "utf8")) as Record<
  Cli,
  Record<string, number | string>
>;

export interface Replay {
  events: AgentEvent[];
  tally: Tally;
  end: AgentEnd;
}

/** Reads a recording the way a run is read. */
export function replay(cli: Cli, name: string): Replay {
  const exit = recordedExits[cli][name]!;
  return read(cliFormats[cli], {
    stdout: recorded(cli, `${name}.stdout`),
    stderr: recorded(cli, `${name}.stderr`),
    exit: typeof exit === "number" ? { kind: "code", code: exit } : { kind: "signal", signal: exit, sentBy: "other" },
  });
}

export function recorded(cli: Cli, file: string): string {
  const path = join(folder, cli, file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

export function read(
  format: OutputFormat,
  { stdout, stderr = "", exit = { kind: "code", code: 0 }, brief = "" }: {
    stdout: string;
    stderr?: string;
    exit?: Exit;
    brief?: string;
  },
): Replay {
  const parser = formats[format].parser(classify);
  const lines = stdout.split("\n").filter((line) => line !== "");
  const events = [...lines.flatMap((line) => parser.line(line)), ...parser.close()];
  const tally = emptyTally();
  for (const event of events) addEvent(tally, event);
  const end = conclude({
    tally,
    anomaly: null,
    exit,
    stderrTail: stderr,
    closes: formats[format].closes,
    brief,
    classify,
    now,
  });
  return { events, tally, end };
}
