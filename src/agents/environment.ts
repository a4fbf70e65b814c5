import type { Agent, WayIn } from "../model/agents.ts";
import { fill, type Values } from "./template.ts";

/** What every agent gets from the person's environment: finding programs, locale, network, certificates. */
const everyAgent = [
  "PATH",
  "LANG",
  "LANGUAGE",
  "LC_*",
  "TZ",
  "USER",
  "LOGNAME",
  "SHELL",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "ALL_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "all_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "NIX_*",
  "JAVA_HOME",
  "ANDROID_HOME",
];

/**
 * Toolchains that look for themselves below HOME. A fresh home must not hide them: without these variables `cargo`, `go` or a shim of
 * pyenv would find nothing, or download everything again.
 */
export const toolchains: Readonly<Record<string, string>> = {
  CARGO_HOME: ".cargo",
  RUSTUP_HOME: ".rustup",
  GOPATH: "go",
  PYENV_ROOT: ".pyenv",
  RBENV_ROOT: ".rbenv",
  NVM_DIR: ".nvm",
  FNM_DIR: ".local/share/fnm",
  VOLTA_HOME: ".volta",
  ASDF_DATA_DIR: ".asdf",
  MISE_DATA_DIR: ".local/share/mise",
  SDKMAN_DIR: ".sdkman",
  BUN_INSTALL: ".bun",
  GRADLE_USER_HOME: ".gradle",
  DOTNET_ROOT: ".dotnet",
};

export interface EnvironmentFacts {
  agent: Agent;
  /** The person's environment, already without what a package manager added. */
  personEnv: Readonly<Record<string, string>>;
  way: { way: WayIn; stdout: string } | null;
  values: Values;
  /** `null` when the agent lives in the person's own home. */
  freshHome: string | null;
  tmp: string;
  step: string;
  root: boolean;
  /** Toolchain folders (a key of `toolchains` to an absolute path) that exist. */
  toolchainDirs: Readonly<Record<string, string>>;
}

/** The whole environment of an agent: an allow-list, never the person's environment minus something. */
export function environmentOf(facts: EnvironmentFacts): Record<string, string> {
  const { agent, personEnv, freshHome, values, way } = facts;
  const env: Record<string, string> = { ...facts.toolchainDirs };
  const passed = [...everyAgent, ...Object.keys(toolchains), ...agent.passEnv];
  for (const [name, value] of Object.entries(personEnv)) {
    if (passed.some((pattern) => matches(pattern, name))) env[name] = value;
  }
  env.HOME = freshHome ?? personEnv.HOME ?? facts.tmp;
  if (freshHome === null) {
    for (
      const name of [
        ...Object.keys(agent.home.dirs),
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_CACHE_HOME",
      ]
    ) {
      if (personEnv[name] !== undefined) env[name] = personEnv[name];
    }
  } else {
    for (const [name, path] of Object.entries(agent.home.dirs)) env[name] = `${freshHome}/${path}`;
  }
  Object.assign(env, {
    TMPDIR: facts.tmp,
    TERM: "dumb",
    NO_COLOR: "1",
    GIT_TERMINAL_PROMPT: "0",
    CAPSTAN_STEP: facts.step,
  });
  const set = { ...agent.env, ...(facts.root ? agent.envAsRoot : {}) };
  assign(env, set, values);
  if (way !== null) assign(env, way.way.set ?? {}, { ...values, stdout: way.stdout.trim() });
  return env;
}

function assign(env: Record<string, string>, templates: Readonly<Record<string, string>>, values: Values): void {
  for (const [name, template] of Object.entries(templates)) {
    const value = fill(template, values);
    if (value !== null) env[name] = value;
  }
}

function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

/** Variables whose values never appear in the journal. */
const secret = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH|COOKIE|SESSION/i;

/** The environment as the journal may show it, but for what hides in other values (`src/system/redact.ts`). */
export function redactedEnv(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, secret.test(name) ? "(hidden)" : value]));
}
