import { execFile } from "node:child_process";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The agent CLIs of the end-to-end tests, in the versions whose behavior was measured. */
export const packages = {
  claude: "@anthropic-ai/claude-code@2.1.329",
  codex: "@openai/codex@0.169.0",
  opencode: "opencode-ai@1.18.33",
  gemini: "@google/gemini-cli@0.61.0",
  copilot: "@github/copilot@1.0.102",
  pi: "@earendil-works/pi-coding-agent@0.87.1",
} as const;

export type Cli = keyof typeof packages;

/** Where a CLI's programs are, or why it can't be used here. */
export type Installed = { ok: true; bin: string } | { ok: false; why: string };

/** `$XDG_CACHE_HOME/capstan-e2e`, or `~/.cache/capstan-e2e`. */
export const cacheDir = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "capstan-e2e");

/**
 * Installs one CLI into the cache, once. No script of any package runs: native programs are started from where npm puts them.
 * A CLI that can't be installed here is reported on standard error and skipped, never failed.
 */
export async function install(cli: Cli): Promise<Installed> {
  const wanted = packages[cli];
  const dir = join(cacheDir, wanted.replaceAll(/[@/]+/g, "-").replace(/^-/, ""));
  const bin = join(dir, "node_modules", ".bin");
  if (await readFile(join(dir, "installed"), "utf8").catch(() => "") === wanted) return { ok: true, bin };
  const fresh = `${dir}.${process.pid}`;
  try {
    await mkdir(fresh, { recursive: true });
    await writeFile(join(fresh, "package.json"), '{ "private": true }\n');
    const args = [
      "install",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      "--fetch-retries=1",
      "--fetch-retry-mintimeout=1000",
      "--prefix",
      fresh,
      wanted,
    ];
    await run("npm", args, { cwd: fresh, timeout: 180_000, env: npmEnv() });
    await writeFile(join(fresh, "installed"), wanted);
    await rm(dir, { recursive: true, force: true });
    await rename(fresh, dir);
    return { ok: true, bin };
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    const why = `${wanted} cannot be installed: ${(error as Error).message.trim().split("\n").slice(1, 4).join(" ")}`;
    process.stderr.write(`SKIPPED ${cli}: ${why}\n`);
    return { ok: false, why };
  }
}

/** Under `npm run`, npm's own variables would point this npm at the wrong package. */
function npmEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|config_local)/.test(name)),
  );
}
