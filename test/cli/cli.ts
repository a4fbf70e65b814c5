import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const bin = join(root, "bin", "capstan.js");

export interface CliResult {
  code: number | null;
  signal: string | null;
  out: string;
  err: string;
}

export interface CliOptions {
  cwd: string;
  env: Record<string, string>;
  /** Options of the runtime itself, before the program. */
  runtime?: readonly string[];
  /** Closes our end of standard output after this many bytes, as `head` does. */
  closeAfterBytes?: number;
}

/** Runs the real program on the runtime that runs the tests. */
export function capstan(options: CliOptions, ...args: string[]): Promise<CliResult> {
  const runtime = "Deno" in globalThis ? ["run", "-A"] : options.runtime ?? [];
  const child = spawn(process.execPath, [...runtime, bin, ...args], {
    cwd: options.cwd,
    env: options.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString("utf8");
    if (options.closeAfterBytes !== undefined && out.length >= options.closeAfterBytes) child.stdout.destroy();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString("utf8");
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, out, err }));
  });
}
