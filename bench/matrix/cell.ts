import { dirname } from "node:path";
import builtIn from "../../registries/failures.json" with { type: "json" };
import type { ModelRequest } from "../../src/agents/tape/server.ts";
import type { Turn } from "../../src/agents/tape/tape.ts";
import type { Event } from "../../src/model/event.ts";
import { failureOf, failuresSchema, type Policy } from "../../src/model/failure.ts";
import { personOf, translate } from "../../test/e2e-real/clients.ts";
import type { Cli } from "../../test/e2e-real/install.ts";
import { loop, planText, validatorsText } from "../../test/e2e/rig.ts";
import { createRepo, writeFiles } from "../../test/support/repo.ts";
import { failures } from "./failures.ts";
import { startFailingServer } from "./server.ts";

/** What became of one CLI at one failure. */
export interface Cell {
  failure: string;
  cli: Cli;
  /** The class that the runner found; `passed` when there was nothing to find. */
  class: string;
  /** What the runner did about it. */
  action: string;
  /** Seconds from the agent's start to its end. */
  seconds: number;
  requests: number;
  /** Everything that is not as it must be. */
  wrong: string[];
}

/** The watchdog's limits: ordinary options of a step. An agent that is silent for good is not waited for. */
const patience = {
  silent: { timeoutMinutes: 2 / 3, idleMinutes: 1 / 3 },
  talking: { timeoutMinutes: 2, idleMinutes: 110 / 60 },
  hurried: { timeoutMinutes: 1, idleMinutes: 55 / 60 },
};
/** What a person in a hurry sets: the CLIs' own retries, where they can be set at all. */
const hurried = {
  env: { CLAUDE_CODE_MAX_RETRIES: "2" },
  agents: { gemini: { home: { files: { ".gemini/settings.json": { general: { maxAttempts: 2 } } } } } },
};
/** How much later than its limit an agent may be gone: its own time to stop, and a busy machine's. */
const graceSeconds = 15;

const declared = failuresSchema.parse(builtIn);

/** Runs one step with one real CLI against a model that fails, and compares what happened with what must happen. */
export async function play(failure: string, cli: Cli, bin: string, isHurried: boolean): Promise<Cell> {
  const row = failures[failure]!;
  const server = await startFailingServer(row, (request) => turnOf(request, cli));
  const person = personOf(cli, server.url);
  const limits = patience[row.silent === true ? "silent" : isHurried ? "hurried" : "talking"];
  await using repo = await createRepo({
    files: {
      "README.md": "# Matrix\n",
      "prd.json": planText([{ id: "US-001", validators: ["made"] }], {
        sandbox: "auto",
        defaults: {
          agent: cli,
          ...limits,
          ...person.model === undefined ? {} : { model: person.model },
        },
      }),
      ...isHurried ? { "registries/agents.json": `${JSON.stringify(hurried.agents)}\n` } : {},
      "registries/validators.json": validatorsText({ made: { command: "test -s done.txt", paths: ["done.txt"] } }),
    },
  });
  const files = Object.entries(person.files).map(([path, content]) =>
    [path, typeof content === "string" ? content : JSON.stringify(content)] as const
  );
  await writeFiles(repo.env.HOME!, Object.fromEntries(files));
  const env = {
    ...person.env,
    ...isHurried ? hurried.env : {},
    PATH: [bin, dirname(process.execPath), repo.env.PATH].join(":"),
  };
  // Two iterations, so that a fresh attempt shows; a wait ends the run at once, and says until when.
  const run = await loop(repo, ["--max-iterations", "2", "--max-wait", "1s"], env);
  const seen = observe(run.events);
  const requests = server.requests();
  await server.close();
  if (seen === null) {
    const wrong = [`no attempt: exit ${run.code}\n${run.stdout.slice(-1500)}${run.stderr.slice(-1500)}`];
    return { failure, cli, class: "-", action: `exit ${run.code}`, seconds: 0, requests, wrong };
  }
  // Its tool calls show only when they are over: silence is no sign.
  const { timeoutMinutes, idleMinutes } = limits;
  const limitSeconds = (cli === "opencode" ? timeoutMinutes : idleMinutes) * 60 + graceSeconds;
  return { failure, cli, ...seen, requests, wrong: judge(failure, cli, seen, limitSeconds) };
}

/** The model does the step in one call. */
function turnOf({ rounds }: ModelRequest, cli: Cli): Turn {
  const write = { name: "write", input: { path: "done.txt", content: "done\n" } };
  // Long enough that a reply which is cut ends before the call.
  const text = "I am going to write the one file that this step asks for, and nothing else besides it.";
  if (rounds === 0) return translate({ text, tools: [write] }, cli);
  return { text: "It is done. <promise>COMPLETE</promise>", tools: [] };
}

interface Seen {
  class: string;
  /** What the agent reported. */
  message: string;
  action: string;
  /** How long the runner would have waited. */
  waitSeconds: number | null;
  seconds: number;
}

/** The first attempt, and what followed from it; `null` when there was none. */
function observe(events: readonly Event[]): Seen | null {
  const ended = events.find((event) => event.kind === "agent-ended");
  const attempt = events.find((event) => event.kind === "attempt-ended" || event.kind === "landed");
  const halted = events.find((event) => event.kind === "halted");
  if (ended === undefined || attempt === undefined || halted === undefined) return null;
  const { report } = ended;
  const fault = "fault" in report.end ? report.end.fault : null;
  const outcome = attempt.kind === "landed" ? "passed" : attempt.outcome;
  const seconds = report.durationMs / 1000;
  const found = {
    class: failureOf(outcome, fault) ?? outcome,
    message: fault?.message ?? "",
    seconds,
    waitSeconds: null,
  };
  const { halt, exitCode } = halted;
  const attempts = events.filter(({ kind }) => kind === "iteration-started").length;
  if (halt.reason === "agent-limited") {
    const waitSeconds = (halt.until - Date.parse(attempt.at)) / 1000;
    return { ...found, action: `waits ${Math.round(waitSeconds)} s`, waitSeconds };
  }
  if (exitCode === 6) return { ...found, action: "gives up" };
  if (exitCode === 4) return { ...found, action: "blocks" };
  if (exitCode === 0) return { ...found, action: attempts === 1 ? "lands" : "tries again, lands" };
  return { ...found, action: `exit ${exitCode} after ${attempts} attempts` };
}

const hourSeconds = 3600;

function judge(failure: string, cli: Cli, seen: Seen, limitSeconds: number): string[] {
  const { expected, except } = failures[failure]!;
  const right = except?.[cli] ?? expected;
  const wrong: string[] = [];
  if (!right.some((known) => known === seen.class)) {
    wrong.push(`is ${seen.class}, not ${right.join(" or ")}: ${JSON.stringify(seen.message.slice(0, 500))}`);
  }
  if (seen.seconds > limitSeconds) wrong.push(`took ${seen.seconds.toFixed(0)} s of ${limitSeconds}`);
  const policy = seen.class === "passed" ? null : declared[seen.class as keyof typeof declared]?.policy ?? null;
  const action = actionOf(policy);
  if (!seen.action.startsWith(action)) wrong.push(`${seen.action}, where the policy is ${policy?.kind ?? "to land"}`);
  const most = policy === null ? 0 : longestWait(policy);
  if (seen.waitSeconds !== null && seen.waitSeconds > most + graceSeconds) {
    wrong.push(`waits ${seen.waitSeconds.toFixed(0)} s of ${most}`);
  }
  return wrong;
}

/** What is to be seen of a policy. */
function actionOf(policy: Policy | null): string {
  switch (policy?.kind) {
    case undefined:
      return "lands";
    case "retry":
    case "shrink":
      return "tries again, lands";
    case "wait":
    case "back-off":
      return "waits";
    case "give-up":
      return "gives up";
    case "block":
      return "blocks";
  }
}

/** A time that the provider named is the most that it may be, and no failure here names more than an hour. */
function longestWait(policy: Policy): number {
  if (policy.kind === "wait") return Math.max(policy.restMinutes * 60, hourSeconds);
  return policy.kind === "back-off" ? policy.mostSeconds : 0;
}
