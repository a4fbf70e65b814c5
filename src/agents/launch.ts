import { realpath } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Agent } from "../model/agents.ts";
import type { Step } from "../model/plan.ts";
import { pathExists } from "../system/files.ts";
import { which } from "../system/which.ts";

/** Where an agent's program is: the beginning of its argv. `found` is what stood on PATH, for people. */
export type Program = { ok: true; argv: string[]; found: string | null } | { ok: false; names: string[] };

/** Finds the program of an agent. A step's own `command` is found when the step runs. */
export async function programOf(agent: Agent, env: Readonly<Record<string, string>>): Promise<Program> {
  const { launch } = agent;
  if ("module" in launch) return { ok: true, argv: moduleArgv(launch.module), found: null };
  if ("step" in launch) return { ok: true, argv: [], found: null };
  for (const name of launch.binary) {
    const found = await which(name, env);
    if (found === null) continue;
    return { ok: true, argv: [await nativeBehind(found, launch.native) ?? found], found };
  }
  return { ok: false, names: launch.binary };
}

/** The argv of a step whose agent runs the step's own command. */
export function commandArgv(step: Step): string[] {
  if (step.command === undefined) return [];
  return typeof step.command === "string" ? ["sh", "-c", step.command] : step.command;
}

/** A program of our own, on the runtime that runs us: from source, or compiled in the published package. */
function moduleArgv(name: "builtin" | "tape"): string[] {
  const here = fileURLToPath(import.meta.url);
  const entry = join(dirname(here), name, here.endsWith(".ts") ? "main.ts" : "main.js");
  return "Deno" in globalThis ? [process.execPath, "run", "-A", entry] : [process.execPath, entry];
}

/**
 * The native binary that an npm loader would start. Loaders swallow signals: killing one leaves the agent running and spending.
 * Looked for where the loader itself would look, in the `node_modules` folders around its real path; `null` when it is no npm install.
 */
export async function nativeBehind(found: string, candidates: readonly string[]): Promise<string | null> {
  const real = await realpath(found);
  if (!real.split(sep).includes("node_modules")) return null;
  for (let dir = dirname(real); dir !== dirname(dir); dir = dirname(dir)) {
    for (const candidate of candidates) {
      const path = join(dir, "node_modules", platformPath(candidate));
      if (await pathExists(path)) return path;
    }
  }
  return null;
}

function platformPath(template: string): string {
  const { platform, arch } = process;
  const cpu = arch === "arm64" ? "aarch64" : "x86_64";
  const rust = `${cpu}-${platform === "darwin" ? "apple-darwin" : "unknown-linux-musl"}`;
  return template.replaceAll("{platform}", platform).replaceAll("{arch}", arch).replaceAll("{rust}", rust);
}
