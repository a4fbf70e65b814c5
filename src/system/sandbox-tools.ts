import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import { isInside } from "./paths.ts";

/** A folder that tools fill while they work. Inside, it is another one, which belongs to the lane. */
export interface ToolCache {
  path: string;
  /** What of the person's own is seen in it, read-only: installed programs, settings without secrets. */
  shown: string[];
}

/** Folders that tools both need and write, by the variable that moves them. */
const caches: readonly { variable: string; path: string; shown?: string[] }[] = [
  { variable: "CARGO_HOME", path: ".cargo", shown: ["bin", "config", "config.toml", "env"] },
  { variable: "GOPATH", path: "go", shown: ["bin"] },
  { variable: "GOMODCACHE", path: "go/pkg/mod" },
  { variable: "GOCACHE", path: ".cache/go-build" },
  { variable: "GRADLE_USER_HOME", path: ".gradle" },
  { variable: "BUN_INSTALL", path: ".bun", shown: ["bin"] },
  { variable: "NUGET_PACKAGES", path: ".nuget/packages" },
  { variable: "DENO_DIR", path: ".cache/deno" },
  { variable: "UV_CACHE_DIR", path: ".cache/uv" },
  { variable: "PIP_CACHE_DIR", path: ".cache/pip" },
  { variable: "COREPACK_HOME", path: ".cache/node/corepack" },
  { variable: "TF_PLUGIN_CACHE_DIR", path: ".terraform.d/plugin-cache" },
];

/** Installed tools: read, never written. */
const tools: readonly { variable: string; path: string }[] = [
  { variable: "RUSTUP_HOME", path: ".rustup" },
  { variable: "NVM_DIR", path: ".nvm" },
  { variable: "FNM_DIR", path: ".local/share/fnm" },
  { variable: "VOLTA_HOME", path: ".volta" },
  { variable: "ASDF_DATA_DIR", path: ".asdf" },
  { variable: "MISE_DATA_DIR", path: ".local/share/mise" },
  { variable: "PYENV_ROOT", path: ".pyenv" },
  { variable: "RBENV_ROOT", path: ".rbenv" },
  { variable: "SDKMAN_DIR", path: ".sdkman" },
  { variable: "DOTNET_ROOT", path: ".dotnet" },
  { variable: "UV_PYTHON_INSTALL_DIR", path: ".local/share/uv/python" },
  { variable: "PLAYWRIGHT_BROWSERS_PATH", path: ".cache/ms-playwright" },
  { variable: "PUPPETEER_CACHE_DIR", path: ".cache/puppeteer" },
  { variable: "CYPRESS_CACHE_FOLDER", path: ".cache/Cypress" },
  { variable: "JAVA_HOME", path: "" },
  { variable: "GOROOT", path: "" },
  { variable: "ANDROID_HOME", path: "" },
  { variable: "VIRTUAL_ENV", path: "" },
  { variable: "NODE_EXTRA_CA_CERTS", path: "" },
  { variable: "SSL_CERT_FILE", path: "" },
  { variable: "SSL_CERT_DIR", path: "" },
  { variable: "CURL_CA_BUNDLE", path: "" },
  { variable: "REQUESTS_CA_BUNDLE", path: "" },
  { variable: "GIT_SSL_CAINFO", path: "" },
  { variable: "GIT_CONFIG_GLOBAL", path: "" },
];

/** Where package managers keep settings, and the logins of private registries: for setup alone, which installs packages. */
export const packageSettings: readonly string[] = [
  ".npmrc",
  ".yarnrc",
  ".yarnrc.yml",
  ".bunfig.toml",
  ".netrc",
  ".pypirc",
  ".config/pip",
  ".config/pypoetry",
  ".config/uv",
  ".config/composer",
  ".config/pnpm",
  ".m2/settings.xml",
  ".gradle/gradle.properties",
  ".cargo/credentials.toml",
  ".bundle/config",
  ".gitconfig",
  ".config/git",
];

type Environment = Readonly<Record<string, string>>;

/** The caches that this person has, at their real places. */
export async function cachesOf(env: Environment, home: string): Promise<ToolCache[]> {
  const found: ToolCache[] = [];
  for (const { variable, path, shown = [] } of caches) {
    const dir = await realpathOrNull(env[variable] || join(home, path));
    if (dir !== null && isAbsolute(dir)) found.push({ path: dir, shown: shown.map((name) => join(dir, name)) });
  }
  return found;
}

/**
 * Everything below the hidden folders that installed programs need: version managers, certificates, and what stands on
 * PATH with the installations that it leads to.
 */
export async function toolsBelow(hidden: readonly string[], env: Environment, home: string): Promise<string[]> {
  const show = shower(hidden, home);
  for (const { variable, path } of tools) {
    const named = env[variable] || (path === "" ? "" : join(home, path));
    const real = isAbsolute(named) ? await realpathOrNull(named) : null;
    if (real !== null) show.path(real);
  }
  for (const dir of (env.PATH ?? "").split(delimiter)) {
    const real = isAbsolute(dir) ? await realpathOrNull(dir) : null;
    if (real === null || !(show.isHidden(real) || real.startsWith("/usr/local/"))) continue;
    show.program(join(real, "program"));
    show.path(real);
    for (const target of await linksOut(real)) show.program(target);
  }
  return [...show.found];
}

/** The installations of programs that are below the hidden folders. */
export async function programsBelow(
  hidden: readonly string[],
  home: string,
  programs: readonly string[],
): Promise<string[]> {
  const show = shower(hidden, home);
  for (const path of programs) {
    const real = await realpathOrNull(path);
    if (real !== null) show.program(real);
    show.path(path);
  }
  return [...show.found];
}

function shower(hidden: readonly string[], home: string) {
  const found = new Set<string>();
  const isHidden = (path: string) => hidden.some((dir) => isInside(path, dir));
  const keepOut = new Set([...hidden, home, ...privateFolders.map((name) => join(home, name))]);
  const path = (at: string): void => {
    if (isHidden(at) && !keepOut.has(at)) found.add(at);
  };
  return { found, isHidden, path, program: (at: string): void => path(installation(at, keepOut)) };
}

/** Folders of a home that hold more than programs. */
const privateFolders = [
  ".local",
  ".local/share",
  ".config",
  ".cache",
  ".docker",
  ".kube",
  ".aws",
  ".azure",
  ".ssh",
  ".gnupg",
  "Documents",
  "Desktop",
];

/** Where a program was installed, when its place tells: a `node_modules`, or what holds its `bin`. Else it alone. */
function installation(program: string, keepOut: ReadonlySet<string>): string {
  const modules = program.indexOf("/node_modules/");
  if (modules !== -1) return program.slice(0, modules + "/node_modules".length);
  const dir = dirname(program);
  if (!/\/s?bin$|\/shims$/.test(dir)) return program;
  return keepOut.has(dirname(dir)) ? dir : dirname(dir);
}

/** Where the links of a folder of programs lead. */
async function linksOut(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const targets = await Promise.all(
    entries.filter((entry) => entry.isSymbolicLink()).slice(0, 2000).map(({ name }) => realpathOrNull(join(dir, name))),
  );
  return targets.filter((target) => target !== null);
}

/** The object stores that lanes of this repository borrow from, those of submodules and alternates included. */
export async function objectStores(commonDir: string, root: string): Promise<string[]> {
  const stores = new Set<string>();
  const add = async (dir: string): Promise<void> => {
    const real = await realpathOrNull(dir);
    if (real === null || stores.has(real)) return;
    stores.add(real);
    const listed = await readFile(join(real, "info/alternates"), "utf8").catch(() => "");
    for (const line of listed.split("\n").filter((text) => text !== "" && !text.startsWith("#"))) {
      await add(isAbsolute(line) ? line : join(real, line));
    }
  };
  const addModules = async (dir: string): Promise<void> => {
    for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
      if (!entry.isDirectory()) continue;
      const module = join(dir, entry.name);
      if (await realpathOrNull(join(module, "HEAD")) === null) await addModules(module);
      else {
        await add(join(module, "objects"));
        await addModules(join(module, "modules"));
      }
    }
  };
  const addOwn = async (checkout: string): Promise<void> => {
    const text = await readFile(join(checkout, ".gitmodules"), "utf8").catch(() => "");
    for (const [, path = ""] of text.matchAll(/^\s*path\s*=\s*(.+?)\s*$/gm)) {
      const dir = join(checkout, path);
      if (!isInside(dir, checkout)) continue;
      const own = await lstat(join(dir, ".git")).catch(() => null);
      if (own?.isDirectory() === true) await add(join(dir, ".git/objects"));
      if (own !== null) await addOwn(dir);
    }
  };
  await add(join(commonDir, "objects"));
  await addModules(join(commonDir, "modules"));
  await addOwn(root);
  return [...stores];
}

/** The path without symbolic links, `null` when nothing is there. */
export async function realpathOrNull(path: string): Promise<string | null> {
  return await realpath(path).catch(() => null);
}
