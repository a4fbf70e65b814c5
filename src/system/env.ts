import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join } from "node:path";

/** What a package manager, Node or an outer Capstan told this process alone. */
const ownNames = new Set([
  "INIT_CWD",
  "NODE",
  "NODE_OPTIONS",
  "NODE_COMPILE_CACHE",
  "NODE_CHANNEL_FD",
  "NODE_CHANNEL_SERIALIZATION_MODE",
  "NODE_RUN_SCRIPT_NAME",
  "NODE_RUN_PACKAGE_JSON_PATH",
  "PROJECT_CWD",
  "BERRY_BIN_FOLDER",
  "PNPM_SCRIPT_SRC_DIR",
  "CAPSTAN_RUN",
  // Set inside a git hook: they would point every git below us at the wrong repository (`git rev-parse --local-env-vars`).
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_COMMON_DIR",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_QUARANTINE_PATH",
  "GIT_PREFIX",
  "GIT_NAMESPACE",
  "GIT_GRAFT_FILE",
  "GIT_SHALLOW_FILE",
  "GIT_REPLACE_REF_BASE",
  "GIT_NO_REPLACE_OBJECTS",
]);

/**
 * The environment that a child gets: the person's, without what `npm run` and the like added for us.
 *
 * `npm_*` and their relatives are gone, and so are the `node_modules/.bin` folders of our own installation on PATH:
 * agents and validators run on the person's Node, never on ours.
 */
export function cleanEnv(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const clean: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || ownNames.has(name) || /^npm_/i.test(name)) continue;
    clean[name] = value;
  }
  if (clean.PATH !== undefined) clean.PATH = cleanPath(clean.PATH, dirname(dirname(import.meta.dirname)));
  return clean;
}

/** Drops the folders that a package manager put on PATH for the package at `packageRoot`. */
function cleanPath(path: string, packageRoot: string): string {
  const added = new Set(ancestors(packageRoot).map((dir) => join(dir, "node_modules", ".bin")));
  return path.split(delimiter)
    .filter((dir) => !added.has(dir) && !dir.endsWith(join("run-script", "lib", "node-gyp-bin")))
    .join(delimiter);
}

function ancestors(dir: string): string[] {
  const parent = dirname(dir);
  return parent === dir ? [dir] : [dir, ...ancestors(parent)];
}

/** Where lanes and locks live: `$XDG_STATE_HOME/capstan`, or `~/.local/state/capstan`. Absolute; not created. */
export function stateDir(env: Record<string, string | undefined>): string {
  const state = env.XDG_STATE_HOME;
  // The XDG specification: a relative path is to be ignored.
  if (state !== undefined && isAbsolute(state)) return join(state, "capstan");
  const home = env.HOME !== undefined && isAbsolute(env.HOME) ? env.HOME : homedir();
  return join(home, ".local", "state", "capstan");
}
