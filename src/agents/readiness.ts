import type { Agent, WayIn } from "../model/agents.ts";
import { exec } from "../system/exec.ts";
import { pathExists, readTextOrNull } from "../system/files.ts";
import { personPath } from "./home.ts";

/** How an agent gets in: `way` is `null` when it needs no login. */
export type Readiness = { ready: true; way: { way: WayIn; stdout: string } | null } | { ready: false };

const commandTimeoutMs = 10_000;

/** The first way in that holds. It looks at names and files only: whether the login still works, the agent itself finds out. */
export async function readinessOf(
  agent: Agent,
  personEnv: Readonly<Record<string, string>>,
  personHome: string,
): Promise<Readiness> {
  if (agent.ready.length === 0) return { ready: true, way: null };
  for (const way of agent.ready) {
    const stdout = await holds(way, agent, personEnv, personHome);
    if (stdout !== null) return { ready: true, way: { way, stdout } };
  }
  return { ready: false };
}

/** What the test printed, or `null` when it does not hold. */
async function holds(
  way: WayIn,
  agent: Agent,
  personEnv: Readonly<Record<string, string>>,
  personHome: string,
): Promise<string | null> {
  if (way.env !== undefined) return (personEnv[way.env] ?? "") === "" ? null : "";
  if (way.file !== undefined) {
    const path = personPath(agent, way.file, personHome, personEnv);
    if (way.contains === undefined) return await pathExists(path) ? "" : null;
    const text = await readTextOrNull(path).catch(() => null);
    return text?.includes(way.contains) === true ? "" : null;
  }
  const { exit, stdout } = await exec(way.command ?? [], { env: { ...personEnv }, timeoutMs: commandTimeoutMs });
  return exit.kind === "code" && exit.code === 0 ? stdout.toString("utf8") : null;
}

/** One way in, in a word or two, for people. */
export function describeWay(way: WayIn): string {
  return way.env ?? way.file ?? (way.command ?? []).join(" ");
}
