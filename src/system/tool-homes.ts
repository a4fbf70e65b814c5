import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

/**
 * Where tools keep their installations and download caches below the home folder, by the variable that says so.
 * Only what a tool needs to start or would have to fetch again: no logins, no settings, no results of earlier runs.
 */
const places: readonly (readonly [variable: string, ...path: string[]])[] = [
  ["RUSTUP_HOME", ".rustup"],
  ["CARGO_HOME", ".cargo"],
  ["GOMODCACHE", "go", "pkg", "mod"],
  ["NVM_DIR", ".nvm"],
  ["FNM_DIR", ".local", "share", "fnm"],
  ["VOLTA_HOME", ".volta"],
  ["ASDF_DATA_DIR", ".asdf"],
  ["MISE_DATA_DIR", ".local", "share", "mise"],
  ["PYENV_ROOT", ".pyenv"],
  ["RBENV_ROOT", ".rbenv"],
  ["SDKMAN_DIR", ".sdkman"],
  ["BUN_INSTALL", ".bun"],
  ["DENO_DIR", ".cache", "deno"],
  ["COREPACK_HOME", ".cache", "node", "corepack"],
  ["PLAYWRIGHT_BROWSERS_PATH", ".cache", "ms-playwright"],
  ["PUPPETEER_CACHE_DIR", ".cache", "puppeteer"],
  ["CYPRESS_CACHE_FOLDER", ".cache", "Cypress"],
  ["UV_CACHE_DIR", ".cache", "uv"],
  ["UV_PYTHON_INSTALL_DIR", ".local", "share", "uv", "python"],
  ["NUGET_PACKAGES", ".nuget", "packages"],
  ["GRADLE_USER_HOME", ".gradle"],
  ["TF_PLUGIN_CACHE_DIR", ".terraform.d", "plugin-cache"],
];

/**
 * Variables that keep the person's tools working under a fresh HOME: a `cargo` that rustup started, for one, looks for
 * its compilers below the home folder. Only those that `env` does not set and whose folder exists.
 */
export function toolHomes(env: Record<string, string | undefined>): Record<string, string> {
  const home = env.HOME !== undefined && isAbsolute(env.HOME) ? env.HOME : homedir();
  const found: Record<string, string> = {};
  for (const [variable, ...path] of places) {
    const dir = join(home, ...path);
    if (env[variable] === undefined && existsSync(dir)) found[variable] = dir;
  }
  return found;
}
