import Anthropic from "@anthropic-ai/sdk";
import { realpath } from "node:fs/promises";
import process from "node:process";
import { text } from "node:stream/consumers";
import type { AgentEvent, AgentFault } from "../../model/agent-event.ts";
import { converse } from "./converse.ts";
import type { Price } from "../../model/prices.ts";

/** How long the response headers of one request may take. */
const headersTimeoutMs = 120_000;
const exitCodeOfSignal = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type EndingSignal = keyof typeof exitCodeOfSignal;

export interface ProgramOptions {
  model: string;
  /** Absent or empty: the program ends with an `auth` error before any request. */
  apiKey: string | undefined;
  /** @default the API's own address */
  baseURL: string | undefined;
  /** Overrides the price table. */
  price?: Price;
  maxTurns: number;
  maxRetries: number;
}

/**
 * The built-in agent as a process: the brief on standard input, the current directory as its world, one JSON line per
 * `AgentEvent` on standard output. The last line is always `end`.
 *
 * Resolves to the exit code: 0 done, 1 ended by an error, 128 + n ended by a signal while at work (its commands
 * are killed then).
 */
export async function runAgent(options: ProgramOptions): Promise<number> {
  const { apiKey, model } = options;
  if (apiKey === undefined || apiKey === "") {
    return await fail({ class: "auth", message: "No API key: set `ANTHROPIC_API_KEY`" }, 1);
  }
  print({ kind: "start", model });
  // Nothing is under way yet: a signal may simply kill the process (a waiting read can't be ended on every runtime).
  const brief = await text(process.stdin);
  if (brief.trim() === "") {
    return await fail({ class: "unknown", message: "Nothing to do: no brief on standard input" }, 1);
  }
  const ending = endOnSignal();
  try {
    const ended = await converse({
      client: new Anthropic({
        apiKey,
        baseURL: options.baseURL,
        maxRetries: 0,
        timeout: headersTimeoutMs,
        logLevel: "off",
      }),
      model,
      ...(options.price === undefined ? {} : { price: options.price }),
      brief,
      maxTurns: options.maxTurns,
      maxRetries: options.maxRetries,
      context: { root: await realpath(process.cwd()), env: commandEnv(), signal: ending.signal },
      emit: print,
    });
    if (ended.kind === "fault") print({ kind: "error", fault: ended.fault });
    print({ kind: "end", ok: ended.kind === "done", finalText: ended.finalText });
    await flushed();
    return ending.code() ?? (ended.kind === "done" ? 0 : 1);
  } finally {
    ending.release();
  }
}

/** Reports a failure that prevents any work, and resolves to `code`. */
export async function fail(fault: AgentFault, code: number): Promise<number> {
  print({ kind: "error", fault });
  print({ kind: "end", ok: false, finalText: "" });
  await flushed();
  return code;
}

function print(event: AgentEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** A pipe takes what is written at its own pace. */
function flushed(): Promise<void> {
  return new Promise((resolve) => process.stdout.write("", () => resolve()));
}

/** The model's key is for the model: a command has no use for it. */
function commandEnv(): Record<string, string> {
  const { ANTHROPIC_API_KEY: _key, ANTHROPIC_AUTH_TOKEN: _token, ...env } = process.env;
  return env as Record<string, string>;
}

/** Ends the work on a signal, and when nobody reads the output any more. */
function endOnSignal() {
  const controller = new AbortController();
  let code: number | null = null;
  const onSignal = (signal: EndingSignal) => {
    code ??= exitCodeOfSignal[signal];
    controller.abort({ kind: "interrupted", signal });
  };
  const onBrokenPipe = () => onSignal("SIGHUP");
  const signals = Object.keys(exitCodeOfSignal) as EndingSignal[];
  for (const signal of signals) process.on(signal, onSignal);
  process.stdout.on("error", onBrokenPipe);
  return {
    signal: controller.signal,
    code: () => code,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
