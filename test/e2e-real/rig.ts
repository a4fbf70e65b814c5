import { dirname } from "node:path";
import { expect } from "vitest";
import { messagesProtocol } from "../../src/agents/tape/messages.ts";
import { type ModelRequest, startModelServer } from "../../src/agents/tape/server.ts";
import { type Tape, tapeSchema, turnAt } from "../../src/agents/tape/tape.ts";
import type { Event } from "../../src/model/event.ts";
import { type Invocation, loop, planText, start, type Started, validatorsText } from "../e2e/rig.ts";
import { createRepo, type TestRepo, writeFiles } from "../support/repo.ts";
import { noSandbox } from "../support/sandbox.ts";
import { chatProtocol } from "./chat.ts";
import { personOf, translate } from "./clients.ts";
import { geminiProtocol } from "./gemini.ts";
import { type Cli, install, type Installed } from "./install.ts";
import { responsesProtocol } from "./responses.ts";

/** One CLI, a repository with a plan for it, and a model that plays tapes. */
export interface Stage extends AsyncDisposable {
  repo: TestRepo;
  /** Every first request of a conversation: what the model was asked to do. */
  briefs: string[];
  run(args?: string[]): Promise<Invocation & { events: Event[] }>;
  start(args?: string[]): Started;
}

/** A turn that calls tools: files to write, or a command to run. */
export const write = (path: string, content: string) => ({ tools: [{ name: "write", input: { path, content } }] });
export const command = (text: string) => ({ tools: [{ name: "run", input: { command: text } }] });
export const say = (text: string) => ({ text });

/** The tape of a step: one list of turns per attempt. */
export const tape = (...attempts: object[][]): Tape =>
  tapeSchema.parse({ attempts: attempts.map((turns) => ({ turns })) });

export interface StageStep {
  id: string;
  tape: Tape;
  /** The command that judges the step, and what it is about. */
  check: string;
  paths: string[];
}

/** Sets up a repository whose plan is done by this CLI, on a machine where a person uses it. */
export async function stage(cli: Cli, installed: Installed, steps: StageStep[]): Promise<Stage> {
  if (!installed.ok) throw new Error(installed.why);
  const briefs: string[] = [];
  const tapes = new Map(steps.map(({ id, tape: played }) => [id, played]));
  const answer = (request: ModelRequest) => {
    const place = placeOf(request.prompt);
    const played = place === null ? undefined : tapes.get(place.step);
    if (place === null || played === undefined) return null;
    if (request.rounds === 0) briefs.push(request.prompt);
    const turn = turnAt(played, place.attempt, request.rounds);
    return turn === null ? null : translate(turn, cli);
  };
  const server = await startModelServer({
    protocols: [messagesProtocol, responsesProtocol, chatProtocol, geminiProtocol],
    answer,
  });
  const person = personOf(cli, server.url);
  const repo = await createRepo({
    files: {
      "README.md": "# test\n",
      "prd.json": planText(
        steps.map(({ id }) => ({ id, validators: [`check-${id}`] })),
        // As for a person: fenced in where bubblewrap works.
        { sandbox: "auto", defaults: { agent: cli, ...person.model === undefined ? {} : { model: person.model } } },
      ),
      "registries/validators.json": validatorsText(
        Object.fromEntries(steps.map(({ id, check, paths }) => [`check-${id}`, { command: check, paths }])),
      ),
    },
  });
  await writeFiles(
    repo.env.HOME!,
    Object.fromEntries(
      Object.entries(person.files).map((
        [path, content],
      ) => [path, typeof content === "string" ? content : JSON.stringify(content)]),
    ),
  );
  // The CLIs that are JavaScript run on the Node that runs the tests.
  const env = { ...person.env, PATH: [installed.bin, dirname(process.execPath), repo.env.PATH].join(":") };
  return {
    repo,
    briefs,
    run: async (args = []) => {
      const run = await loop(repo, args, env);
      const level = noSandbox === null ? "bubblewrap" : "none";
      expect(run.events).toContainEqual(expect.objectContaining({ notice: expect.objectContaining({ level }) }));
      return run;
    },
    start: (args = []) => start(repo, args, env),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await repo[Symbol.asyncDispose]();
    },
  };
}

/** Step and attempt, from the part of the brief that names them; `null` for what a CLI asks besides. */
function placeOf(prompt: string): { step: string; attempt: number } | null {
  const found = /^# Your step: (\S+) [^]*?^- Attempt: (\d+)/m.exec(prompt);
  return found === null ? null : { step: found[1]!, attempt: Number(found[2]) };
}

/** Installs a CLI. The title of its tests says why they are skipped. */
export async function ready(cli: Cli): Promise<{ installed: Installed; title: string }> {
  const installed = await install(cli);
  return { installed, title: installed.ok ? cli : `${cli} (cannot be installed here)` };
}

/** What came of every attempt, in order. */
export function outcomes(events: readonly Event[]): string[] {
  return events.flatMap((event) => {
    if (event.kind === "landed") return [`${event.step} landed`];
    return event.kind === "attempt-ended" ? [`${event.step} ${event.outcome}`] : [];
  });
}
