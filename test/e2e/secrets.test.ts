import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fakeSecrets, fakeToken } from "../support/fake-secrets.ts";
import { agent } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, type Invocation, loop, planText, validatorsText } from "./rig.ts";

/** Every file below a folder that holds the text. */
async function filesWith(dir: string, text: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of names) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(path)).includes(text)) found.push(path.slice(dir.length + 1));
  }
  return found;
}

/** The lane is the place where an agent works, and holds what it wrote there until the next one gets it. */
const ofAgent = /\/lane\//;

/** Where a secret shows up of all that a run prints and stores: output, journal, state folder, everything that a ref reaches. */
async function seenIn(repo: TestRepo, runs: readonly Invocation[], secret: string): Promise<string[]> {
  const history = await repo.git("log", "--all", "-p", "-m", "--root", "--format=%H%n%an%n%B");
  const refs = await repo.git("for-each-ref");
  return [
    ...runs.flatMap(({ stdout, stderr }) => `${stdout}${stderr}`.includes(secret) ? ["output"] : []),
    ...history.includes(secret) ? ["history"] : [],
    ...refs.includes(secret) ? ["refs"] : [],
    ...await filesWith(join(repo.dir, ".capstan"), secret),
    ...(await filesWith(join(repo.base, "state"), secret)).filter((path) => !ofAgent.test(path)),
  ];
}

/** One step, run by `first` and, when that failed, by `then`. */
async function leaking(first: string, then: string, more: Record<string, unknown> = {}): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  const once = join(repo.base, "once");
  const command = `if [ ! -e ${once} ]; then : > ${once}; ${first}; else ${then}; fi`;
  await repo.commit("chore: start", {
    "prd.json": planText([{ id: "US-001", command, validators: ["one"], maxAttempts: 3, ...more }]),
    "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    "registries/agents.json": JSON.stringify({ command: { passEnv: ["MY_API_KEY"] } }),
    "progress.txt": "# Progress\n\n---\n",
  });
  return repo;
}

const leaks = (file: string) => `exec ${agent("leaks-a-key", file).join(" ")}`;

describe.concurrent("a key that an agent was given", { timeout: 60_000 }, () => {
  test("reaches no output, journal, ledger, progress, note, brief, kept work or commit", async () => {
    await using repo = await leaking(
      leaks("leak.env"),
      `test ! -e leak.env && printf '\\n## now - US-001\\n- Learned %s\\n---\\n' "$MY_API_KEY" >> progress.txt`,
    );
    const env = { MY_API_KEY: fakeToken, OTHER_API_KEY: `${fakeToken}-other` };
    const run = await loop(repo, [], env);
    expect(run.stderr).toBe("");
    expect(run.code).toBe(0);
    const [first] = run.events.filter((event) => event.kind === "attempt-ended");
    expect(first).toMatchObject({ outcome: "failed", summary: "secrets failed" });
    const notices = run.events.flatMap((event) => event.kind === "notice" ? [event.notice] : []);
    expect(notices.find(({ kind }) => kind === "withheld")).toMatchObject({
      step: "US-001",
      lines: [expect.stringContaining("leak.env:1: looks like a secret")],
    });
    const looks = await Promise.all([
      capstan(repo, ["status"], env),
      capstan(repo, ["explain", "US-001"], env),
      capstan(repo, ["log"], env),
      capstan(repo, ["brief", "--step", "US-001"], env),
    ]);
    expect(await seenIn(repo, [run, ...looks], fakeToken)).toEqual([]);

    // All of it is there, without the key: what was said, in two halves too, what was written, what failed.
    const journal = join(repo.dir, ".capstan/runs", run.events[0]!.run);
    const log = await readFile(join(journal, "0001-US-001-1/output.log"), "utf8");
    expect(log.match(/\[redacted\]/g)).toHaveLength(3);
    // Of the variables of the person's environment it got the one that its entry names.
    expect(log).toMatch(/^0$/m);
    const brief = await readFile(join(journal, "0002-US-001-2/brief.md"), "utf8");
    expect(brief).toContain("leak.env:1: looks like a secret (the value of a secret variable of the environment)");
    expect(await repo.show("capstan/test", "one.txt")).toBe("one\n");
    expect(await repo.show("capstan/test", "leak.env")).toBeNull();
    const progress = await repo.show("capstan/test", "progress.txt");
    expect(progress).toContain("- Worked with [redacted]");
    expect(progress).toContain("- Learned [redacted]");
    const explained = await capstan(repo, ["explain", "US-001", "--json"], env);
    expect(explained.stdout).toContain('"notes":"used [redacted]"');
  });

  test("is not kept with the work of an attempt that ran out of time", async () => {
    await using repo = await leaking(
      `printf %s "$MY_API_KEY" > leak.env; echo two > two.txt; exec sleep 600`,
      "test ! -e leak.env && test -e two.txt && echo one > one.txt",
      { timeoutMinutes: 0.02 },
    );
    const run = await loop(repo, [], { MY_API_KEY: fakeToken });
    expect(run.code).toBe(0);
    expect(await seenIn(repo, [run], fakeToken)).toEqual([]);
  });
});

describe.concurrent("credentials in the URL of a remote", { timeout: 60_000 }, () => {
  test.each([
    ["that the branch has", [] as string[]],
    ["that is pushed to", ["--push"]],
    ["that --push names", ["--push", "URL"]],
  ])("%s are neither printed nor stored, and lanes know no remote", async (_, args) => {
    await using repo = await createRepo({ files: false });
    const password = fakeSecrets.gitlab!.slice(6);
    const url = `http://ann:${password}@127.0.0.1:9/shop.git`;
    await repo.commit("chore: start", {
      "prd.json": planText([{ id: "US-001", command: "echo one > one.txt; git remote -v; git config --list" }]),
      "registries/validators.json": validatorsText({ one: "test -f one.txt; git remote -v; git config --list" }),
    });
    await repo.git("remote", "add", "origin", url);
    const flags = args.map((arg) => arg === "URL" ? url : arg);
    const runs = [await loop(repo, flags), await capstan(repo, flags)];
    expect(runs.map(({ stdout, stderr }) => `${stdout}${stderr}`).join()).toMatch(/127\.0\.0\.1/);
    expect(await seenIn(repo, runs, password)).toEqual([]);
    expect(await filesWith(join(repo.dir, ".git", "capstan"), password).catch(() => [])).toEqual([]);
    expect(await filesWith(join(repo.base, "state"), "127.0.0.1")).toEqual([]);
  });
});
