import { cp, mkdir, mkdtemp, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, relative, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { copyQuickStart } from "../../src/cli/quickstart-files.ts";
import { cleanEnv } from "../../src/system/env.ts";
import { exec } from "../../src/system/exec.ts";
import { pathExists, removeTree } from "../../src/system/files.ts";
import { createRepo, isolatedEnv, type TestRepo } from "../support/repo.ts";
import { planText, validatorsText } from "./rig.ts";

const root = resolve(import.meta.dirname, "../..");
/** As a person has it: without what npm put there for these tests. */
const machine = cleanEnv();

interface Ran {
  code: number | null;
  out: string;
  err: string;
}

async function run(argv: readonly string[], cwd: string, env: Record<string, string>): Promise<Ran> {
  const { exit, stdout, stderr } = await exec(argv, { cwd, env });
  return { code: exit.kind === "code" ? exit.code : null, out: stdout.toString("utf8"), err: stderr };
}

async function must(argv: readonly string[], cwd: string, env: Record<string, string>): Promise<string> {
  const { code, out, err } = await run(argv, cwd, env);
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}:\n${out}\n${err}`);
  return out;
}

/** npm with nothing around it but its cache. */
function npmEnv(): Record<string, string> {
  const cache = process.env.npm_config_cache;
  return {
    ...machine,
    ...(cache === undefined ? {} : { npm_config_cache: cache }),
    npm_config_update_notifier: "false",
  };
}

/** Packs a copy of this checkout: a build in the checkout itself would be seen by other tests. */
async function pack(base: string): Promise<string> {
  const copy = join(base, "checkout");
  const left = new Set([".git", "node_modules", "dist", ".capstan"]);
  await cp(root, copy, { recursive: true, filter: (source) => !left.has(relative(root, source)) });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  // Whoever starts the tests may have tried the loop in this checkout first.
  await removeTree(join(copy, "examples"));
  await copyQuickStart(copy, machine);
  await must(["npm", "pack", "--silent", "--pack-destination", base], copy, npmEnv());
  return (await readdir(base)).find((name) => name.endsWith(".tgz"))!;
}

/**
 * Installs the tarball below `prefix` as `npm install --global` lays it out. The lock file is made from ours, so that
 * npm finds every dependency in its cache, where `npm ci` has put it: no test needs the network.
 */
async function install(base: string, tarball: string): Promise<string> {
  interface Lock {
    packages: Record<string, { dev?: boolean }>;
  }
  const lib = join(base, "prefix", "lib");
  await mkdir(lib, { recursive: true });
  const locked = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as Lock;
  const { [""]: own, ...packages } = locked.packages;
  const needed = Object.entries(packages).filter(([, { dev }]) => dev !== true);
  const dependencies = { capstan: `file:../../${tarball}` };
  const { devDependencies: _dev, ...manifest } = own as Record<string, unknown>;
  const lock = {
    name: "lib",
    lockfileVersion: 3,
    packages: {
      "": { name: "lib", dependencies },
      "node_modules/capstan": { ...manifest, resolved: dependencies.capstan },
      ...Object.fromEntries(needed),
    },
  };
  await writeFile(join(lib, "package.json"), JSON.stringify({ name: "lib", dependencies }));
  await writeFile(join(lib, "package-lock.json"), JSON.stringify(lock));
  await must(["npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--silent"], lib, npmEnv());
  const bin = join(base, "prefix", "bin");
  await mkdir(bin);
  await symlink("../lib/node_modules/capstan/bin/capstan.js", join(bin, "capstan"));
  return bin;
}

/** A `node` of this machine that is too old for Capstan, `null` where there is none. */
async function oldNode(): Promise<string | null> {
  for (const dir of (machine.PATH ?? "").split(delimiter)) {
    const node = join(dir, "node");
    if (!(await pathExists(node))) continue;
    const { code, out } = await run([node, "-p", "process.versions.node"], tmpdir(), machine);
    if (code === 0 && Number(out.split(".")[0]) < 24) return node;
  }
  return null;
}

const old = await oldNode();
const isDeno = "Deno" in globalThis;

describe.skipIf(isDeno)("the packed tarball (it runs on Node, whatever runs the tests)", () => {
  let base: string;
  let bin: string;

  beforeAll(async () => {
    base = await realpath(await mkdtemp(join(tmpdir(), "capstan-package-")));
    bin = await install(base, await pack(base));
  }, 120_000);
  afterAll(() => removeTree(base));

  /** The environment of a person who installed it. */
  const envOf = (repo: Pick<TestRepo, "env">): Record<string, string> => ({
    ...repo.env,
    PATH: `${bin}${delimiter}${machine.PATH}`,
    NO_COLOR: "1",
  });
  const capstan = (repo: TestRepo, cwd: string, ...args: string[]) => run(["capstan", ...args], cwd, envOf(repo));

  test("holds the compiled program and what it reads, and nothing else", async () => {
    const folder = join(base, "prefix", "lib", "node_modules", "capstan");
    const files = (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    expect([...new Set(files.map((file) => file.split("/")[0]!))].toSorted((a, b) => a < b ? -1 : 1)).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "bin",
      "dist",
      "docs",
      "examples",
      "package.json",
      "prd.json",
      "progress.txt",
      "quickstart",
      "registries",
      "schemas",
    ]);
    expect(files.filter((file) => file.endsWith(".ts") || /^dist\/(test|bench)\b/.test(file))).toEqual([]);
    const sources = (await readdir(join(root, "src"), { recursive: true })).filter((file) => file.endsWith(".ts"));
    const missing = sources.filter((file) => !files.includes(`dist/src/${file.replace(/\.ts$/, ".js")}`));
    expect(missing).toEqual(["cli/write-schemas.ts"]);
  });

  test("makes a Python repository ready and runs a plan there, without any package.json", async () => {
    await using repo = await createRepo({ files: { "pyproject.toml": "[tool.pytest.ini_options]\n" } });
    const { dir } = repo;
    const made = await capstan(repo, dir, "init");
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(made.out).toMatch(/pytest: .*pytest/);
    expect(made.out).toMatch(/^ {2}capstan validate /m);
    expect((await readdir(dir)).toSorted()).toEqual([".git", "prd.json", "pyproject.toml", "registries"]);
    expect(await capstan(repo, dir, "validate")).toMatchObject({ code: 0, err: "" });
    const doctor = await capstan(repo, dir, "doctor");
    expect(doctor.out).toMatch(/Runtime +Node v/);
    expect(doctor.out).toContain("registries/validators.json");

    await repo.write({
      "prd.json": planText([
        { id: "US-001", command: "echo one > one.txt", validators: ["one"] },
        { id: "US-002", command: "exit 1", validators: ["two"], maxAttempts: 1 },
      ]),
      "registries/validators.json": validatorsText({ one: "grep -q one one.txt", two: "test -f two.txt" }),
    });
    const blocked = await capstan(repo, dir);
    expect(blocked.code).toBe(4);
    expect(blocked.out).toContain("US-001 Step US-001 - verified");
    expect(blocked.out).toMatch(/^ +capstan (explain|reopen) US-002/m);
    expect(blocked.out).not.toMatch(/npm run|npx|dist\//);
    await repo.write({ "prd.json": (await repo.read("prd.json")).replace("exit 1", "touch two.txt") });
    expect(await capstan(repo, dir, "reopen", "US-002")).toMatchObject({ code: 0 });
    expect(await capstan(repo, dir)).toMatchObject({ code: 0, err: "" });
    expect(await repo.git("log", "-1", "--format=%s", "capstan/test")).toBe("feat: US-002 - Step US-002");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("plays the quick start to its gate, and on to the end once that is approved", async () => {
    await using repo = await createRepo();
    const { base: where } = repo;
    expect(await capstan(repo, where, "quickstart", "demo")).toMatchObject({ code: 0, err: "" });
    const gate = await capstan(repo, where, "-C", "demo");
    expect(gate.out).toMatch(/^ {2}capstan -C demo approve GATE-001 +go on$/m);
    expect(gate.out).not.toContain("npm run");
    expect(gate.code).toBe(3);
    expect(await capstan(repo, where, "-C", "demo", "approve", "GATE-001")).toMatchObject({ code: 0, err: "" });
    expect(await capstan(repo, where, "-C", "demo")).toMatchObject({ code: 0, err: "" });
  }, 90_000);

  test.skipIf(old === null)(`works where only an old Node is on PATH (${old ?? "none here"})`, async () => {
    await using repo = await createRepo();
    const env = { ...envOf(repo), PATH: `${bin}${delimiter}${join(old!, "..")}${delimiter}${machine.PATH}` };
    const doctor = await run(["capstan", "doctor"], repo.dir, env);
    expect(doctor.out).toMatch(/Runtime +Node v26\./);
    // Its own Node is for itself: what it starts runs on the person's.
    await repo.write({
      "prd.json": planText([{ id: "US-001", command: "node -v > node.txt", validators: ["node"] }]),
      "registries/validators.json": validatorsText({ node: `test "$(node -v)" = "$(cat node.txt)"` }),
    });
    expect(await run(["capstan"], repo.dir, env)).toMatchObject({ code: 0, err: "" });
    expect((await repo.read("node.txt")).trim()).toBe((await must([old!, "-v"], repo.dir, env)).trim());
  });
});

test.skipIf(old === null)(
  `without a Node that is new enough it says so in one line and ends with 2 (${old ?? "no old Node here"})`,
  async () => {
    const base = await mkdtemp(join(tmpdir(), "capstan-bin-"));
    try {
      await cp(join(root, "bin"), join(base, "bin"), { recursive: true });
      await writeFile(join(base, "package.json"), `{ "type": "module" }`);
      const refused = await run([old!, join(base, "bin", "capstan.js"), "--version"], base, isolatedEnv(base));
      expect(refused).toMatchObject({ code: 2, out: "" });
      expect(refused.err).toMatch(/^Capstan needs Node 24 or newer, this is v\d+\.\d+\.\d+: install it from .*\n$/);
    } finally {
      await removeTree(base);
    }
  },
);
