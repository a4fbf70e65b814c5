import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { pathExists } from "../../src/system/files.ts";
import { createRepo, type TestRepo, writeFiles } from "../support/repo.ts";
import { noSandbox, titled } from "../support/sandbox.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";

/** What one hostile agent, validator or setup attempts, and how one sees that it got through. */
interface Trial {
  attempts: (repo: TestRepo) => string;
  got: (repo: TestRepo) => Promise<boolean>;
  by?: "validator";
  /** Without a sandbox it is put back. */
  undone?: true;
}

const sleep = `sleep 301.${process.pid}`;
const inCheckout = (name: string): Trial["got"] => (repo) => pathExists(join(repo.dir, name));

const trials: Record<string, Trial> = {
  "writes into the checkout by its absolute path": {
    attempts: ({ dir }) => `mkdir -p ${dir}; echo x > ${dir}/planted`,
    got: inCheckout("planted"),
  },
  "makes a branch in the person's repository": {
    attempts: ({ dir }) => `git --git-dir=${dir}/.git update-ref refs/heads/evil HEAD`,
    got: async (repo) => (await repo.git("branch", "--list", "evil")) !== "",
    undone: true,
  },
  "plants a hook in the person's repository": {
    attempts: ({ dir }) => `mkdir -p ${dir}/.git/hooks; echo evil > ${dir}/.git/hooks/post-checkout`,
    got: inCheckout(".git/hooks/post-checkout"),
    undone: true,
  },
  "configures the person's git": {
    attempts: ({ dir }) => `git config --file ${dir}/.git/config core.pager evil`,
    got: async ({ dir }) => (await readFile(join(dir, ".git/config"), "utf8")).includes("evil"),
    undone: true,
  },
  "deletes objects that the lane borrows": {
    attempts: ({ dir }) => `echo x > ${dir}/.git/objects/planted`,
    got: inCheckout(".git/objects/planted"),
  },
  "reads a private key and puts it into its change": {
    attempts: ({ env }) => `cat ${env.HOME}/.ssh/id_rsa > stolen.txt`,
    got: async (repo) => (await repo.show("capstan/test", "stolen.txt"))?.includes("private") === true,
  },
  "leaves a note in the person's home": {
    attempts: ({ env }) => `mkdir -p ${env.HOME}; echo note > ${env.HOME}/note`,
    got: ({ env }) => pathExists(join(env.HOME!, "note")),
  },
  "writes beside its lane": {
    attempts: () => "echo x > ../planted",
    got: async (repo) => pathExists(join((await repo.place()).stateDir, "planted")),
  },
  "writes into another repository's lane": {
    attempts: ({ env }) =>
      `mkdir -p ${env.XDG_STATE_HOME}/capstan/other; echo x > ${env.XDG_STATE_HOME}/capstan/other/x`,
    got: ({ env }) => pathExists(join(env.XDG_STATE_HOME!, "capstan/other/x")),
  },
  "leaves a daemon without mark in a session of its own": {
    attempts: () => `env -i PATH="$PATH" setsid ${sleep} < /dev/null > /dev/null 2>&1 &`,
    got: async () => (await daemons()).length > 0,
  },
  "lets its test write into the checkout": {
    by: "validator",
    attempts: ({ dir }) => `mkdir -p ${dir}; echo x > ${dir}/planted-by-test`,
    got: inCheckout("planted-by-test"),
  },
};

async function daemons(): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "pid,args"]);
  return stdout.split("\n").filter((line) => line.trim().endsWith(` ${sleep}`)).map((line) =>
    Number.parseInt(line, 10)
  );
}

/** A plan with one step for every trial, whose own work passes. */
async function hostile(level: string, more: Record<string, unknown> = {}): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  const all = Object.values(trials).map((trial, index) => {
    const [id, attempt] = [`US-${index + 1}`, `( ${trial.attempts(repo)} ) 2> errors.log`];
    const byTest = trial.by === "validator";
    const command = byTest ? `cat > test.sh <<'END'\n${attempt}\ntrue\nEND\n` : attempt;
    return { id, command: `${command}\nrm -f errors.log; echo x > ${id}.txt`, byTest };
  });
  await writeFiles(repo.env.HOME!, { ".ssh/id_rsa": "private\n" });
  await repo.commit("chore: start", {
    "prd.json": planText(all.map(({ id, command }) => ({ id, command, validators: [id] })), {
      sandbox: level,
      ...more,
    }),
    "registries/validators.json": validatorsText(
      Object.fromEntries(all.map(({ id, byTest }) => [
        id,
        { command: `test -f ${id}.txt${byTest ? " && sh test.sh" : ""}`, paths: [`${id}.txt`] },
      ])),
    ),
  });
  return repo;
}

async function through(repo: TestRepo): Promise<string[]> {
  const names: string[] = [];
  for (const [name, { got }] of Object.entries(trials)) if (await got(repo)) names.push(name);
  for (const pid of await daemons()) process.kill(pid, "SIGKILL");
  return names;
}

describe.skipIf(noSandbox !== null)(titled("an agent that leaves its lane"), () => {
  test("gets nowhere in the sandbox, and its own work lands", async () => {
    await using repo = await hostile("required");
    const run = await loop(repo);
    expect(await through(repo)).toEqual([]);
    expect(run.code, JSON.stringify(run.events.slice(-3))).toBe(0);
    expect(run.events).toContainEqual(
      expect.objectContaining({ notice: expect.objectContaining({ kind: "sandbox", level: "bubblewrap" }) }),
    );
    expect(await repo.git("fsck", "--connectivity-only")).not.toMatch(/missing|broken/);
  });

  test("gets everywhere without it, which the start says, though refs, hooks and configuration are put back", async () => {
    await using repo = await hostile("none", { tampering: "warn" });
    const run = await loop(repo);
    const held = Object.entries(trials).filter(([, { undone }]) => undone === true).map(([name]) => name);
    expect(await through(repo)).toEqual(Object.keys(trials).filter((name) => !held.includes(name)));
    expect(run.events).toContainEqual(
      expect.objectContaining({ notice: { kind: "sandbox", level: "none", why: null } }),
    );
  });

  test.each([["required", false], ["none", true]])("kills its runner with `%s`: %s", async (level, killed) => {
    await using repo = await createRepo({ files: false });
    // Nothing but this folder's name: other runners, of other tests or of this machine, must not match.
    const command = `for p in $PPID $(cd /proc; grep -lsF -e "${repo.dir}" [0-9]*/cmdline | cut -d/ -f1); do
      [ "$p" = $$ ] || kill -9 "$p"
    done; echo x > x.txt`;
    await repo.commit("chore: start", {
      "prd.json": planText([{ id: "US-001", command, validators: ["x"] }], { sandbox: level }),
      "registries/validators.json": validatorsText({ x: "test -f x.txt" }),
    });
    const run = await capstan(repo, ["--json"]);
    expect(run.signal).toBe(killed ? "SIGKILL" : null);
    if (!killed) expect(run.code).toBe(0);
  });

  test("gets nowhere by the setup command either", async () => {
    await using repo = await createRepo({ files: false });
    const setup =
      `mkdir -p ${repo.dir}; echo x > ${repo.dir}/planted; mkdir -p $HOME; echo x > $HOME/planted; echo ok > made`;
    await repo.commit("chore: start", {
      "prd.json": planText([{ id: "US-001", command: "cp made x.txt", validators: ["x"] }], {
        sandbox: "required",
        setup,
      }),
      "registries/validators.json": validatorsText({ x: "test -f x.txt" }),
      ".gitignore": "made\n",
    });
    const run = await loop(repo);
    expect(run.code, run.stdout.slice(-2000)).toBe(0);
    expect(await repo.show("capstan/test", "x.txt")).toBe("ok\n");
    expect(await pathExists(join(repo.dir, "planted"))).toBe(false);
    expect(await pathExists(join(repo.env.HOME!, "planted"))).toBe(false);
  });
});

describe("a sandbox that is required", () => {
  const onlyGit = async (repo: TestRepo): Promise<Record<string, string>> => {
    const { stdout } = await promisify(execFile)("sh", ["-c", "command -v git; command -v sh"]);
    const bin = join(repo.base, "bin");
    await writeFiles(
      bin,
      Object.fromEntries(stdout.trim().split("\n").map((path) => [path.split("/").at(-1)!, { link: path }])),
    );
    return { PATH: bin };
  };
  const files = {
    "prd.json": planText([{ id: "US-001", command: "echo x > x.txt", validators: ["x"] }], { sandbox: "required" }),
    "registries/validators.json": validatorsText({ x: "test -f x.txt" }),
  };

  test.skipIf(process.platform !== "linux")("and missing starts nothing, ends with 2 and says what to do", async () => {
    await using repo = await createRepo({ files });
    const run = await capstan(repo, [], await onlyGit(repo));
    expect(run.code).toBe(2);
    expect(run.stdout).toContain("The plan requires a sandbox, and there is none: bubblewrap is not installed");
    expect(run.stdout).toContain("sudo apt-get install bubblewrap");
    expect(await repo.git("branch", "--list", "capstan/test")).toBe("");
  });

  test.skipIf(process.platform !== "linux")("can be waived on the command line, where `auto` only warns", async () => {
    await using repo = await createRepo({ files });
    const env = await onlyGit(repo);
    const waived = await capstan(repo, ["--sandbox", "none"], env);
    expect(waived.code, waived.stdout).toBe(0);
    expect(waived.stdout).toContain("No sandbox (as asked for): an agent can write, read and end whatever you can");
    const auto = await capstan(repo, ["--sandbox", "auto"], env);
    expect(auto.stdout).toContain("No sandbox (bubblewrap is not installed)");
  });
});
