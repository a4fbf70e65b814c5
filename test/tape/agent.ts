import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import type { AgentEvent } from "../../src/model/agent-event.ts";
import { messagesProtocol } from "../../src/agents/tape/messages.ts";
import { type ModelServer, startModelServer } from "../../src/agents/tape/server.ts";
import type { Turn } from "../../src/agents/tape/tape.ts";

export const root = resolve(import.meta.dirname, "../..");

const runtime = "Deno" in globalThis ? [process.execPath, "run", "-A", "--no-prompt"] : [process.execPath];

/** A temporary folder that `await using` removes. */
export interface Folder extends AsyncDisposable {
  dir: string;
  read(path: string): Promise<string>;
}

export async function folder(files: Record<string, string> = {}): Promise<Folder> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "capstan-tape-")));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
  return {
    dir,
    read: (path) => readFile(join(dir, path), "utf8"),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

export interface Finished {
  events: AgentEvent[];
  code: number | null;
  signal: string | null;
  stderr: string;
}

export interface Running {
  kill(signal: NodeJS.Signals): void;
  /** The first event that fits, also one that was printed already. Rejects when the agent ends without it. */
  event(fits: (event: AgentEvent) => boolean): Promise<AgentEvent>;
  done: Promise<Finished>;
}

export interface StartOptions {
  cwd: string;
  /** `null` leaves standard input open. @default "Do it." */
  brief?: string | null;
  args?: string[];
  env?: Record<string, string>;
}

/** Starts one of the two agents as a process of its own. */
export function startAgent(which: "builtin" | "tape", options: StartOptions): Running {
  const [command, ...before] = runtime;
  const main = join(root, "src/agents", which, "main.ts");
  const child = spawn(command!, [...before, main, ...options.args ?? []], {
    cwd: options.cwd,
    env: { PATH: process.env.PATH!, HOME: process.env.HOME!, ...options.env },
    stdio: "pipe",
  });
  // A failed test must leave nothing behind.
  onTestFinished(() => void child.kill("SIGKILL"));
  const events: AgentEvent[] = [];
  const watchers = new Set<() => void>();
  createInterface(child.stdout).on("line", (line) => {
    events.push(JSON.parse(line) as AgentEvent);
    for (const watcher of watchers) watcher();
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => stderr += chunk.toString());
  child.stdin.on("error", () => {});
  if (options.brief !== null) child.stdin.end(options.brief ?? "Do it.");
  const done: Promise<Finished> = once(child, "close").then(([code, signal]) => ({ events, code, signal, stderr }));
  return {
    kill: (signal) => void process.kill(child.pid!, signal),
    event: (fits) =>
      new Promise((found, missing) => {
        const look = () => {
          const event = events.find(fits);
          if (event !== undefined) found(event);
        };
        watchers.add(look);
        look();
        done.then(() => missing(new Error(`ended without the event: ${JSON.stringify(events)}`)), missing);
      }),
    done,
  };
}

/** Whether a process runs. A zombie does not: only its exit is still to be collected. */
export function isAlive(pid: number): Promise<boolean> {
  return new Promise((answer) => {
    execFile(
      "ps",
      ["-o", "stat=", "-p", String(pid)],
      (error, stdout) => answer(error === null && !/^\s*Z/.test(stdout)),
    );
  });
}

/** A request to the model, as the agent sent it. */
export interface Sent {
  system: unknown;
  tools: { name: string }[];
  messages: {
    role: string;
    content: { type: string; content?: string; is_error?: boolean; [key: string]: unknown }[];
  }[];
  [key: string]: unknown;
}

/** A model that says these turns, and remembers what it was asked. */
export async function model(turns: Turn[]): Promise<ModelServer & AsyncDisposable & { sent: Sent[] }> {
  const sent: Sent[] = [];
  const server = await startModelServer({
    protocols: [{
      ...messagesProtocol,
      read: (body, bytes, path) => {
        sent.push(body as Sent);
        return messagesProtocol.read(body, bytes, path);
      },
    }],
    answer: ({ rounds }) => turns[rounds] ?? null,
  });
  return { ...server, sent, [Symbol.asyncDispose]: () => server.close() };
}

export const say = (text: string): Turn => ({ text, tools: [] });
export const call = (name: string, input: Record<string, unknown>): Turn => ({
  text: "",
  tools: [{ name, input: input as Turn["tools"][number]["input"] }],
});

export interface Conversed extends Finished {
  /** What the tools answered, in order. */
  results: { text: string; ok: boolean }[];
  sent: Sent[];
}

/** Lets the built-in agent work through these turns in a folder. */
export async function converse(cwd: string, turns: Turn[], args: string[] = []): Promise<Conversed> {
  await using server = await model(turns);
  const env = { ANTHROPIC_API_KEY: "key-of-a-test", ANTHROPIC_BASE_URL: server.url };
  const finished = await startAgent("builtin", { cwd, args, env }).done;
  const last = server.sent.at(-1)?.messages ?? [];
  const results = last.flatMap(({ content }) => content.filter(({ type }) => type === "tool_result"))
    .map(({ content, is_error }) => ({ text: content ?? "", ok: is_error !== true }));
  return { ...finished, results, sent: server.sent };
}
