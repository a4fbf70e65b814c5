import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Whether a process is alive; a zombie is not. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2] !== "Z";
  } catch {
    return false;
  }
}

/** Looks every 10 ms until `condition` holds; throws, naming it, after `limitMs`. */
export async function waitUntil(condition: () => boolean | Promise<boolean>, limitMs = 5000): Promise<void> {
  const until = performance.now() + limitMs;
  while (!await condition()) {
    if (performance.now() > until) throw new Error(`Still not after ${limitMs} ms: ${condition.toString()}`);
    await delay(10);
  }
}

/** The command line of one of the programs in test/agents. */
export function agent(name: string, ...args: string[]): string[] {
  return [join(import.meta.dirname, "..", "agents", `${name}.sh`), ...args];
}

/** The command line that runs a TypeScript file on the runtime that runs the tests (Node or Deno). */
export function onThisRuntime(file: string, ...args: string[]): string[] {
  return "Deno" in globalThis ? [process.execPath, "run", "-A", file, ...args] : [process.execPath, file, ...args];
}
