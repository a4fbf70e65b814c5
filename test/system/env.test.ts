import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cleanEnv, stateDir } from "../../src/system/env.ts";

const root = join(import.meta.dirname, "..", "..");

describe("cleanEnv", () => {
  it("takes away what npm, node and an outer run added", () => {
    const clean = cleanEnv({
      npm_config_user_agent: "npm/11",
      npm_lifecycle_event: "loop",
      npm_package_name: "capstan",
      INIT_CWD: "/somewhere",
      NODE: "/ours/node",
      NODE_OPTIONS: "--import tsx",
      NODE_RUN_SCRIPT_NAME: "loop",
      CAPSTAN_RUN: "a.b.1",
      GIT_DIR: ".git",
      GIT_INDEX_FILE: "/x/index",
      HOME: "/home/me",
      NODE_EXTRA_CA_CERTS: "/etc/ca.pem",
      GIT_SSH_COMMAND: "ssh -i key",
      ANTHROPIC_API_KEY: "key",
      EMPTY: "",
      UNSET: undefined,
    });
    expect(clean).toEqual({
      HOME: "/home/me",
      NODE_EXTRA_CA_CERTS: "/etc/ca.pem",
      GIT_SSH_COMMAND: "ssh -i key",
      ANTHROPIC_API_KEY: "key",
      EMPTY: "",
    });
  });

  it("takes our own programs off PATH and keeps everybody else's, in order", () => {
    const path = [
      join(root, "node_modules", ".bin"),
      join(root, "..", "node_modules", ".bin"),
      "/node_modules/.bin",
      "/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin",
      "/elsewhere/project/node_modules/.bin",
      "/usr/bin",
      "/bin",
    ];
    expect(cleanEnv({ PATH: path.join(":") })).toEqual({ PATH: "/elsewhere/project/node_modules/.bin:/usr/bin:/bin" });
  });
});

describe("stateDir", () => {
  it("is XDG's when that is an absolute path, else below the home directory", () => {
    expect(stateDir({ XDG_STATE_HOME: "/state", HOME: "/home/me" })).toBe("/state/capstan");
    expect(stateDir({ XDG_STATE_HOME: "relative", HOME: "/home/me" })).toBe("/home/me/.local/state/capstan");
    expect(stateDir({ XDG_STATE_HOME: "", HOME: "/home/me" })).toBe("/home/me/.local/state/capstan");
    expect(stateDir({})).toBe(join(homedir(), ".local/state/capstan"));
  });
});
