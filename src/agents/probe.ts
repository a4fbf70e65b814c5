import type { Agent } from "../model/agents.ts";
import { exec } from "../system/exec.ts";
import { programOf } from "./launch.ts";
import { describeWay, readinessOf } from "./readiness.ts";
import { flagsOf } from "./template.ts";

/** What `doctor` shows about one agent. */
export interface AgentProbe {
  id: string;
  title: string;
  installed: boolean;
  /** The program that would be started; `null` for agents that are part of Capstan, or not installed. */
  path: string | null;
  /** `null` when it has none, or did not say. */
  version: string | null;
  ready: boolean;
  /** How it is logged in (a variable, a file or a command), `null` when it needs no login or has none. */
  way: string | null;
  /** Flags that we use and its help does not know. */
  missingFlags: string[];
  tested: true | "documentation-only";
  /** Its place in the order of `auto`, or `null`. */
  auto: number | null;
  install: string;
  login: string;
}

/** Where the person is, for everything that looks around before a run. */
export interface Person {
  /** The cleaned environment of the person. */
  env: Readonly<Record<string, string>>;
  home: string;
}

export type Version = { ok: true; version: string | null } | { ok: false; why: string };

const probeTimeoutMs = 20_000;

/** Asks a program for its version. Not starting, or failing with an explanation, is a value. Slow programs are trusted. */
export async function versionOf(agent: Agent, argv: readonly string[], person: Person): Promise<Version> {
  if (agent.version === undefined) return { ok: true, version: null };
  const { exit, stdout, stderr } = await exec([...argv, ...agent.version], {
    env: probeEnv(person),
    timeoutMs: probeTimeoutMs,
    maxBytes: 1024 * 1024,
  });
  if (exit.kind === "spawn-failed") return { ok: false, why: exit.message };
  if (exit.kind === "code" && exit.code !== 0 && exit.why === undefined) {
    const said = `${stderr}\n${stdout.toString("utf8")}`.split("\n").map((line) => line.trim()).find((line) =>
      line !== ""
    );
    return {
      ok: false,
      why: `\`${agent.version.join(" ")}\` ended with exit code ${exit.code}${said === undefined ? "" : `: ${said}`}`,
    };
  }
  return { ok: true, version: /\d+\.\d+\.\d+(?:[-+.]\w+)*/.exec(stdout.toString("utf8"))?.[0] ?? null };
}

/** Looks at every agent, in the order of `auto`, the others after it. */
export async function probeAgents(agents: readonly Agent[], person: Person): Promise<AgentProbe[]> {
  const ordered = agents.toSorted((a, b) => (a.auto ?? Infinity) - (b.auto ?? Infinity) || a.id.localeCompare(b.id));
  const probes: AgentProbe[] = [];
  for (const agent of ordered) probes.push(await probe(agent, person));
  return probes;
}

async function probe(agent: Agent, person: Person): Promise<AgentProbe> {
  const program = await programOf(agent, person.env);
  const readiness = await readinessOf(agent, person.env, person.home);
  const facts = {
    id: agent.id,
    title: agent.title,
    ready: readiness.ready,
    way: readiness.ready && readiness.way !== null ? describeWay(readiness.way.way) : null,
    tested: agent.tested,
    auto: agent.auto ?? null,
    install: agent.install,
    login: agent.login,
  };
  if (!program.ok) return { ...facts, installed: false, path: null, version: null, missingFlags: [] };
  const version = await versionOf(agent, program.argv, person);
  return {
    ...facts,
    installed: version.ok,
    path: program.argv.length === 1 ? program.argv[0]! : null,
    version: version.ok ? version.version : null,
    missingFlags: version.ok ? await missingFlags(agent, program.argv, person) : [],
  };
}

async function missingFlags(agent: Agent, argv: readonly string[], person: Person): Promise<string[]> {
  if (agent.help === undefined) return [];
  const { exit, stdout, stderr } = await exec([...argv, ...agent.help], {
    env: probeEnv(person),
    timeoutMs: probeTimeoutMs,
    maxBytes: 4 * 1024 * 1024,
  });
  const help = stdout.toString("utf8") + stderr;
  // A help that can't be read says nothing about flags.
  if (exit.kind !== "code" || !help.includes("--")) return [];
  return flagsOf(agent).filter((flag) => !new RegExp(`${flag}(?![a-z-])`).test(help));
}

function probeEnv({ env, home }: Person): Record<string, string> {
  return { ...env, HOME: home, NO_COLOR: "1", TERM: "dumb" };
}
