import { mkdir, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import process from "node:process";
import type { AgentRequest, Clock } from "../loop/ports.ts";
import type { AgentEvent } from "../model/agent-event.ts";
import { type Anomaly, anomalyText } from "../model/anomaly.ts";
import type { Agent } from "../model/agents.ts";
import type { PriceLists } from "../model/prices.ts";
import type { AgentReport } from "../model/outcome.ts";
import { pathExists, readTextOrNull } from "../system/files.ts";
import { traceEnv } from "../system/git-trace.ts";
import { secrets } from "../system/redact.ts";
import type { Sandbox } from "../system/sandbox.ts";
import { supervise, type SuperviseResult } from "../system/supervise.ts";
import { type Alarm, watchAnomalies } from "./anomalies.ts";
import type { Found } from "./choose.ts";
import { conclude } from "./conclude.ts";
import { environmentOf, redactedEnv, toolchains } from "./environment.ts";
import { type Classify, unclassified } from "./faults.ts";
import { formats } from "./formats.ts";
import { copilotUsage } from "./formats/copilot-jsonl.ts";
import { type LaidOut, layOutHome } from "./home.ts";
import { commandArgv } from "./launch.ts";
import type { Person } from "./probe.ts";
import { capReached, costSoFar } from "./spending.ts";
import { watchRetries } from "./retries.ts";
import { addEvent, emptyTally, type Tally } from "./tally.ts";
import { argumentsOf, environmentValues, fill, type Values } from "./template.ts";

/** How long an agent that said it is done may take to go. */
const completionMs = 60_000;
/** An open tool call may be silent this many times longer than an agent that should be thinking. */
const toolPatience = 3;
const maxLineBytes = 16 * 2 ** 20;
const maxOutputBytes = 512 * 2 ** 20;
const maxLogBytes = 8 * 2 ** 20;
/** Events passed on; then only those that change the report. A chatty agent must not fill the journal. */
const maxEvents = 20_000;

export interface RunFacts {
  found: Found;
  request: AgentRequest;
  person: Person;
  clock: Clock;
  sandbox: Sandbox | null;
  classify: Classify;
  /** What stands in for an agent that reports tokens and no cost. */
  prices: PriceLists;
}

/** Runs one fresh process to its end. Never rejects: a disk that is full is a report like any other. */
export async function runAgent(facts: RunFacts): Promise<AgentReport> {
  try {
    return await runIn(facts);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Without an errno it is no fact about the machine but a mistake of ours.
    if (code === undefined) throw error;
    return report(facts, emptyTally(), {
      exit: { kind: "spawn-failed", errno: code, message },
      stderrTail: "",
      durationMs: 0,
      swept: 0,
      anomaly: null,
    });
  }
}

async function runIn(facts: RunFacts): Promise<AgentReport> {
  const { found, request, person, clock } = facts;
  const { agent } = found;
  const { lane, journalDir } = request;
  const known = valuesOf(facts);
  const folders = await layOutHome({
    agent,
    dir: lane.home,
    personHome: person.home,
    personEnv: person.env,
    values: known,
  });
  const values = { ...known, home: folders.home ?? person.home, tmp: folders.tmp };
  const env = environmentOf({
    agent,
    personEnv: person.env,
    way: found.way,
    values,
    freshHome: folders.home,
    tmp: folders.tmp,
    step: request.step.id,
    root: process.getuid?.() === 0,
    toolchainDirs: folders.home === null ? {} : await toolchainDirs(person.home),
  });
  // Without a sandbox it may reach the person's repository: its gits say so.
  if (facts.sandbox === null) Object.assign(env, traceEnv(lane.home));
  secrets.learn(env);
  const start = "step" in agent.launch ? commandArgv(request.step) : found.argv;
  if (agent.brief === "none") {
    env.CAPSTAN_BRIEF_FILE = join(folders.tmp, "brief.md");
    await writeFile(env.CAPSTAN_BRIEF_FILE, request.brief);
  }
  await journalArgv(facts, [...start, ...argumentsOf(agent, { ...values, brief: "(the brief)" })], env);

  const fence = await fenceOf(facts, folders, start);
  const format = formats[agent.format];
  const parser = format.parser(facts.classify);
  const tally = emptyTally();
  const watch = new AbortController();
  let talked = 0;
  const anomalies = watchAnomalies();
  const retries = watchRetries(request.idleMs);
  let killedFor: Anomaly | null = null;
  const alarm = (seen: Alarm | null) => {
    if (seen === null) return;
    const { anomaly, level } = seen;
    request.onAnomaly(anomaly, level === "kill");
    if (level === "kill") killedFor = anomaly;
    if (level === "kill") running.stop({ kind: "anomaly", what: `it ${anomalyText(anomaly)}` });
  };
  const take = (events: readonly AgentEvent[]) => {
    talked += 1;
    for (const event of events) {
      addEvent(tally, event);
      alarm(anomalies.see(event, clock.now()));
      if (retries.see(event, clock.now())) running.stop({ kind: "idle", limitMs: request.idleMs });
      if (tally.events <= maxEvents || matters(event)) request.onEvent(event);
    }
    if (events.some(({ kind }) => kind === "end")) void stopWhenDone(talked);
    const { costUsd } = costSoFar(tally, request.model, facts.prices);
    const reached = capReached(events, tally, costUsd, request.caps);
    if (reached !== null) running.stop({ kind: "limit", reached });
  };
  const running = supervise({
    fence,
    argv: [...start, ...argumentsOf(agent, { ...values, brief: request.brief })],
    cwd: lane.dir,
    env,
    mark: request.mark,
    ...(agent.brief === "stdin" ? { stdin: request.brief } : {}),
    onStdoutLine: (line) => take(parser.line(line)),
    maxLineBytes,
    maxOutputBytes,
    rawLog: { path: join(journalDir, "output.log"), maxBytes: maxLogBytes },
    stop: { signal: agent.stop.signal, graceMs: agent.stop.graceSeconds * 1000 },
    timeoutMs: request.timeoutMs,
    idleMs: request.idleMs,
    toolIdleMs: request.idleMs * toolPatience,
    busy: () => tally.open.size > 0 || !format.announcesTools,
    signal: request.signal,
  });
  /** Some agents say that they are done and then hang on a socket. Whatever they still say starts the wait again. */
  const stopWhenDone = async (said: number) => {
    await clock.sleep(completionMs, watch.signal);
    if (!watch.signal.aborted && talked === said) running.stop({ kind: "completion", limitMs: completionMs });
  };
  const done = await running.done;
  watch.abort();
  take(parser.close());
  await folders.settle();
  await takeUsageFile(agent, values, take);
  return report(facts, tally, { ...done, anomaly: killedFor });
}

/** Around the agent: its lane and its home are its own, of the person it sees its login. */
async function fenceOf(
  { sandbox, found: { agent }, request: { lane } }: RunFacts,
  { home, shared, tmp }: LaidOut,
  start: readonly string[],
): Promise<string[]> {
  if (sandbox === null) return [];
  // Nothing that is kept for agents that have no use for it: it would be a memory.
  const kept = Object.values(agent.env).some((text) => text.includes("{cache}")) ? [sandbox.kept(agent.id)] : [];
  for (const dir of kept) await mkdir(dir, { recursive: true });
  return await sandbox.fence({
    profile: "developer",
    lane: lane.dir,
    cwd: lane.dir,
    scratch: [lane.home],
    tmp,
    ...(home === null ? { home: join(lane.home, "home") } : {}),
    write: [...shared, ...kept],
    read: start.filter((part) => isAbsolute(part)),
  });
}

type Done = Pick<SuperviseResult, "exit" | "stderrTail" | "durationMs" | "swept"> & { anomaly: Anomaly | null };

function report(facts: RunFacts, tally: Tally, { exit, stderrTail, durationMs, swept, anomaly }: Done): AgentReport {
  const { found: { agent }, request, clock } = facts;
  // The step's own command costs nothing; every other silence means that nobody knows.
  const cost = "step" in agent.launch ? { costUsd: 0 } : costSoFar(tally, request.model, facts.prices);
  return {
    end: conclude({
      tally,
      anomaly,
      exit,
      stderrTail,
      closes: formats[agent.format].closes,
      brief: request.brief,
      // The step's own command has no provider: what it prints about connections and logins is its work's.
      classify: "step" in agent.launch ? unclassified : facts.classify,
      now: clock.now(),
    }),
    exit,
    usage: tally.usage,
    ...cost,
    durationMs,
    model: tally.model ?? request.model,
    toolCalls: tally.toolCalls,
    swept,
  };
}

function matters({ kind }: AgentEvent): boolean {
  return kind === "error" || kind === "end" || kind === "usage" || kind === "cost";
}

/** What placeholders stand for in this run, but for the folders that are not laid out yet. */
function valuesOf({ found: { agent, way }, request, person, sandbox }: RunFacts): Values {
  const { step, lane, attempt, model, caps } = request;
  const cache = person.env.XDG_CACHE_HOME || join(person.home, ".cache");
  return {
    ...environmentValues(person.env),
    model: model ?? undefined,
    // The least of all that it may still spend; an agent that is told nothing of it is stopped by us.
    budgetUsd: caps.money === null ? undefined : Math.max(0.0001, caps.money.left).toFixed(4),
    tape: step.tape === undefined ? undefined : join(lane.dir, step.tape),
    attempt: String(attempt),
    lane: lane.dir,
    cache: sandbox?.kept(agent.id) ?? join(cache, "capstan", agent.id),
    login: way?.way.login,
  };
}

async function toolchainDirs(home: string): Promise<Record<string, string>> {
  const present: Record<string, string> = {};
  for (const [name, path] of Object.entries(toolchains)) {
    if (await pathExists(join(home, path))) present[name] = join(home, path);
  }
  return present;
}

/** What was started, for people: no secrets, no brief. Failing to write it stops nothing. */
async function journalArgv({ found, request }: RunFacts, argv: string[], env: Record<string, string>): Promise<void> {
  const facts = {
    agent: found.agent.id,
    version: found.version,
    model: request.model,
    argv,
    cwd: request.lane.dir,
    stdin: found.agent.brief === "stdin" ? "the brief" : "closed",
    env: redactedEnv(env),
  };
  await writeFile(join(request.journalDir, "argv.json"), `${JSON.stringify(secrets.value(facts), null, 2)}\n`).catch(
    () => {},
  );
}

async function takeUsageFile(agent: Agent, values: Values, take: (events: AgentEvent[]) => void): Promise<void> {
  const path = agent.usageFile === undefined ? null : fill(agent.usageFile.path, values);
  if (path === null) return;
  const usage = copilotUsage(await readTextOrNull(path).catch(() => null) ?? "");
  if (usage !== null) take([{ kind: "usage", usage }]);
}

/** The person's home as the operating system knows it, when the environment does not say. */
export function homeOf(env: Readonly<Record<string, string>>): string {
  return env.HOME || homedir();
}
