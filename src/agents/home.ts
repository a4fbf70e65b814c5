import { chmod, copyFile, lstat, mkdir, realpath, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Agent } from "../model/agents.ts";
import { writeFileAtomic } from "../system/atomic.ts";
import { pathExists, readTextOrNull } from "../system/files.ts";
import { fillDeep, type Values } from "./template.ts";

/** The folders of one iteration. `home` is `null` for an agent that lives in the person's own. */
export interface LaidOut {
  home: string | null;
  tmp: string;
  /** What it shares with the person's home: logins; for an agent that lives there, all that its entry names. */
  shared: string[];
  /** Takes refreshed logins back to the person's home. Call it when the process is gone. */
  settle(): Promise<void>;
}

export interface HomeRequest {
  agent: Agent;
  /** The iteration's own empty folder. */
  dir: string;
  personHome: string;
  personEnv: Readonly<Record<string, string>>;
  values: Values;
}

/** A file shared with the person's home. */
interface Shared {
  path: string;
  source: string;
  before: string;
}

/** Where a path of the agent's home is for the person: below HOME, or where a variable moved its folder. */
export function personPath(
  agent: Agent,
  path: string,
  personHome: string,
  personEnv: Readonly<Record<string, string>>,
): string {
  for (const [variable, dir] of Object.entries(agent.home.dirs)) {
    const moved = personEnv[variable];
    if (moved !== undefined && moved !== "" && path.startsWith(`${dir}/`)) {
      return join(moved, path.slice(dir.length + 1));
    }
  }
  return join(personHome, path);
}

/** Makes home and temporary folder of one iteration, side by side. Throws the `ErrnoException` of a full or forbidden disk. */
export async function layOutHome(request: HomeRequest): Promise<LaidOut> {
  const { agent, dir } = request;
  const tmp = join(dir, "tmp");
  await mkdir(tmp, { recursive: true, mode: 0o700 });
  if (agent.agentHome === "user") return { home: null, tmp, shared: await ownPlaces(request), settle: async () => {} };

  const home = join(dir, "home");
  await mkdir(home, { recursive: true, mode: 0o700 });
  for (const path of Object.values(agent.home.dirs)) await mkdir(join(home, path), { recursive: true, mode: 0o700 });
  for (const path of agent.home.copy) await copyFrom(request, home, path);
  const shared: Shared[] = [];
  for (const path of agent.home.share) {
    const link = await share(request, home, path);
    if (link !== null) shared.push(link);
  }
  for (const [path, content] of Object.entries(agent.home.files)) {
    const filled = fillDeep(content, request.values);
    const text = typeof filled === "string" ? filled : `${JSON.stringify(filled ?? {}, null, 2)}\n`;
    await mkdir(dirname(join(home, path)), { recursive: true });
    await writeFile(join(home, path), text, { mode: 0o600 });
  }
  return { home, tmp, shared: shared.map(({ source }) => source), settle: () => settle(shared) };
}

/** What an agent has of its own in the person's home. Folders that all programs use are not among them. */
async function ownPlaces({ agent, personHome, personEnv }: HomeRequest): Promise<string[]> {
  const { dirs, copy, share: logins } = agent.home;
  const folders = Object.entries(dirs).map(([variable, path]) =>
    variable.startsWith("XDG_") ? null : personEnv[variable] || join(personHome, path)
  ).filter((path) => path !== null);
  const files = [...copy, ...logins].map((path) => personPath(agent, path, personHome, personEnv));
  const real = await Promise.all([...folders, ...files].map((path) => realpath(path).catch(() => null)));
  return real.filter((path) => path !== null);
}

async function copyFrom({ agent, personHome, personEnv }: HomeRequest, home: string, path: string): Promise<void> {
  const source = personPath(agent, path, personHome, personEnv);
  if (!await pathExists(source)) return;
  await mkdir(dirname(join(home, path)), { recursive: true });
  await copyFile(source, join(home, path));
  await chmod(join(home, path), 0o600);
}

/**
 * A login is linked, not copied: a CLI that renews its token may make the old one worthless, and a renewed token that stays in a folder
 * that is thrown away would log the person out.
 */
async function share(
  { agent, personHome, personEnv }: HomeRequest,
  home: string,
  path: string,
): Promise<Shared | null> {
  const named = personPath(agent, path, personHome, personEnv);
  if (!await pathExists(named)) return null;
  const source = await realpath(named);
  await mkdir(dirname(join(home, path)), { recursive: true });
  await symlink(source, join(home, path));
  return { path: join(home, path), source, before: await readTextOrNull(source) ?? "" };
}

/**
 * Some CLIs replace the file instead of writing into it, which cuts the link: what they wrote is taken back, when it is JSON and the
 * person's file is still the one that was linked.
 */
async function settle(shared: readonly Shared[]): Promise<void> {
  for (const { path, source, before } of shared) {
    try {
      if ((await lstat(path)).isSymbolicLink()) continue;
      const text = await readTextOrNull(path) ?? "";
      if (text === before || !isJsonObject(text) || await readTextOrNull(source) !== before) continue;
      await writeFileAtomic(source, text);
    } catch {
      // Gone, or unreadable: the person's own login is untouched, and that is what matters.
    }
  }
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}
