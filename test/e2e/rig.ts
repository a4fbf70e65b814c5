import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { Event } from "../../src/model/event.ts";
import type { TestRepo } from "../support/repo.ts";

const root = resolve(import.meta.dirname, "../..");

/** How a program of this repository is started on the runtime that runs the tests. */
export const runtime: readonly string[] = "Deno" in globalThis
  ? [process.execPath, "run", "-A", "--no-prompt"]
  : [process.execPath];

/** What one invocation printed and how it ended. */
export interface Invocation {
  code: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

/** An invocation under way. */
export interface Started {
  pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the text stands in the output so far. Rejects when the program ends without it. */
  until(pattern: RegExp): Promise<void>;
  /** Closes the reading end of standard output, as `| head -1` does. */
  closeOutput(): void;
  done: Promise<Invocation>;
}

/** Starts `capstan` on a test repository, as a person would: `node loop.ts -C <repo> ...`. */
export function start(repo: TestRepo, args: readonly string[], env: Record<string, string> = {}): Started {
  const [command, ...runtimeArgs] = runtime;
  const child = spawn(command!, [...runtimeArgs, join(root, "loop.ts"), ...args, "-C", repo.dir], {
    cwd: repo.dir,
    env: { ...repo.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let seen = "";
  const watchers = new Set<() => void>();
  const note = (chunk: Buffer) => {
    seen += chunk.toString();
    for (const watcher of watchers) watcher();
  };
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  const output = Promise.all([text(child.stdout).catch(() => ""), text(child.stderr), once(child, "close")]);
  const done = output.then(([stdout, stderr]) => ({
    code: child.exitCode,
    signal: child.signalCode,
    stdout,
    stderr,
  }));
  return {
    pid: child.pid!,
    kill: (signal) => void process.kill(child.pid!, signal),
    until: (pattern) =>
      new Promise((found, failed) => {
        const check = () => {
          if (!pattern.test(seen)) return;
          watchers.delete(check);
          found();
        };
        watchers.add(check);
        check();
        void done.then(() => failed(new Error(`ended without ${pattern}:\n${seen}`)));
      }),
    closeOutput: () => void child.stdout.destroy(),
    done,
  };
}

/** Runs `capstan` to its end. */
export function capstan(
  repo: TestRepo,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Invocation> {
  return start(repo, args, env).done;
}

/** Runs the loop with `--json` and parses the events. */
export async function loop(
  repo: TestRepo,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Invocation & { events: Event[] }> {
  const result = await capstan(repo, ["--json", ...args], env);
  const events = result.stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event);
  return { ...result, events };
}

/**
 * A plan's text in snarktank's shape, steps run by the `command` agent unless they say otherwise. Without a sandbox unless
 * `more` says otherwise: agents of tests tell what they did by files beside the repository.
 */
export function planText(steps: Record<string, unknown>[], more: Record<string, unknown> = {}): string {
  const userStories = steps.map((step, index) => ({
    title: `Step ${step.id as string}`,
    description: "",
    acceptanceCriteria: [],
    priority: index + 1,
    passes: false,
    notes: "",
    ...step,
  }));
  return `${
    JSON.stringify(
      {
        project: "Test",
        branchName: "capstan/test",
        description: "A test",
        setup: false,
        sandbox: "none",
        ...more,
        userStories,
      },
      null,
      2,
    )
  }\n`;
}

/** A registry in which each validator is one shell command. */
export function validatorsText(commands: Record<string, string | Record<string, unknown>>): string {
  const entries = Object.entries(commands).map(([id, entry]) => [
    id,
    typeof entry === "string" ? { command: entry } : entry,
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

/** Subjects of the commits on a branch, newest first. */
export async function subjects(repo: TestRepo, rev: string): Promise<string[]> {
  return (await repo.git("log", "--format=%s", rev)).split("\n");
}
