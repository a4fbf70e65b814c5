import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { parseMark } from "../../src/system/marks.ts";
import { processesMarked } from "../../src/system/proc.ts";
import { which } from "../../src/system/which.ts";
import type { Event } from "../../src/model/event.ts";
import { alive, waitUntil } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, start, type Started, validatorsText } from "./rig.ts";

/** A command that hangs, with a child in a session of its own; both ids go to files. Some are deaf to SIGTERM. */
async function hangs(repo: TestRepo, deaf: boolean): Promise<string> {
  const trap = deaf ? "trap '' TERM INT; " : "";
  const forever = (name: string) => `echo $$ > '${join(repo.base, name)}.pid'; while :; do sleep 1; done`;
  const child = join(repo.base, "child.sh");
  await writeFile(child, `${trap}${forever("child")}`);
  return `${trap}echo draft > draft.txt; setsid sh '${child}' & ${forever("parent")}`;
}

async function pids(repo: TestRepo): Promise<number[]> {
  const read = (name: string) => readFile(join(repo.base, `${name}.pid`), "utf8").then(Number, () => 0);
  let found: number[] = [];
  await waitUntil(async () => {
    found = [await read("parent"), await read("child")];
    return !found.includes(0);
  }, 20_000);
  return found;
}

type Hanging = "agent" | "validator" | "setup";

/** A run in which an agent, a validator or the setup command hangs. */
async function hangingRun(
  what: Hanging,
  deaf: boolean,
  prepare: (repo: TestRepo) => Promise<Record<string, string>> = () => Promise.resolve({}),
): Promise<{ repo: TestRepo; run: Started; left: number[] }> {
  const repo = await createRepo({ files: false });
  const command = await hangs(repo, deaf);
  await repo.commit("chore: start", {
    ".gitignore": "draft.txt\n",
    "prd.json": planText(
      [{ id: "US-001", command: what === "agent" ? command : "echo one > one.txt", validators: ["one"] }],
      what === "setup" ? { setup: command } : {},
    ),
    "registries/validators.json": validatorsText({ one: what === "validator" ? command : "test -f one.txt" }),
  });
  const run = start(repo, ["--json"], await prepare(repo));
  return { repo, run, left: await pids(repo) };
}

/** A git that hangs once a file called `hang` is there. */
async function hangingGit(repo: TestRepo): Promise<Record<string, string>> {
  const real = await which("git", repo.env);
  const file = join(repo.base, "bin", "git");
  await mkdir(dirname(file));
  await writeFile(
    file,
    `#!/bin/sh\n[ ! -e '${repo.base}/hang' ] || { echo $$ > '${repo.base}/git.pid'; exec sleep 600; }\nexec '${real}' "$@"\n`,
    { mode: 0o755 },
  );
  return { PATH: `${dirname(file)}:${repo.env.PATH}` };
}

function eventsOf(stdout: string): Event[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event);
}

async function outcomes(repo: TestRepo): Promise<string[]> {
  const { stdout } = await capstan(repo, ["log", "--json"]);
  return stdout.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { kind: string; outcome: string })
    .filter(({ kind }) => kind === "attempt").map(({ outcome }) => outcome);
}

describe.runIf(process.platform === "linux")("a runner that dies", () => {
  test.each(
    [
      ["SIGKILL", "agent", true],
      // As when its memory runs out.
      ["SIGABRT", "agent", false],
      ["SIGKILL", "validator", true],
      ["SIGKILL", "setup", true],
    ] as const,
  )(
    "by %s takes its %s with it within 5 seconds, with what escaped its group (deaf: %s)",
    async (signal, what, deaf) => {
      const { repo, run, left } = await hangingRun(what, deaf);
      await using _ = repo;
      expect(left.map(alive)).toEqual([true, true]);
      run.kill(signal);
      await waitUntil(() => !left.some(alive), 5000);
    },
  );
});

describe("Ctrl-C", () => {
  test("once says what happens; again, it kills what does not end, and the attempt is recorded", async () => {
    const { repo, run, left } = await hangingRun("agent", true);
    await using _ = repo;
    run.kill("SIGINT");
    // The same key stroke, passed on by npm.
    run.kill("SIGINT");
    await run.until(/"kind":"stopping","signal":"SIGINT","step":"US-001"/);
    await delay(1100);
    expect(left.map(alive)).toEqual([true, true]);

    const asked = performance.now();
    run.kill("SIGINT");
    const ended = await run.done;
    expect(performance.now() - asked).toBeLessThan(3000);
    expect(ended).toMatchObject({ code: 130, signal: null });
    expect(left.map(alive)).toEqual([false, false]);
    expect(eventsOf(ended.stdout).filter(({ kind }) => kind === "notice")).toContainEqual(
      expect.objectContaining({ notice: { kind: "killing", signal: "SIGINT", step: "US-001" } }),
    );
    expect(eventsOf(ended.stdout).at(-1)).toMatchObject({ kind: "halted", exitCode: 130 });
    expect(await outcomes(repo)).toEqual(["interrupted"]);
  });

  test("again ends the run by the signal when the attempt cannot be recorded soon: the next start does it", async () => {
    const { repo, run, left } = await hangingRun("agent", true, hangingGit);
    await using _ = repo;
    await writeFile(join(repo.base, "hang"), "");
    run.kill("SIGINT");
    await run.until(/"kind":"stopping"/);
    await delay(1100);
    run.kill("SIGINT");
    expect(await run.done).toMatchObject({ code: null, signal: "SIGINT" });
    const git = Number(await readFile(join(repo.base, "git.pid"), "utf8"));
    await waitUntil(() => ![...left, git].some(alive), 5000);

    await rm(join(repo.base, "hang"));
    await repo.write({ "prd.json": (await repo.read("prd.json")).replace(/"command": ".*"/, `"command": "true"`) });
    await loop(repo, ["--once"]);
    expect((await outcomes(repo))[0]).toBe("interrupted");
  });

  test("while a run starts ends it cleanly, too, whatever it waits for", async () => {
    await using repo = await createRepo({ files: false });
    await repo.remote();
    await repo.commit("chore: start", {
      "prd.json": planText([{ id: "US-001", command: "echo one > one.txt", validators: ["one"] }]),
      "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    });
    const real = await which("git", repo.env);
    const file = join(repo.base, "bin", "git");
    await mkdir(dirname(file));
    const stuck = `case "$*" in *ls-remote*) echo $$ > '${repo.base}/git.pid'; exec sleep 600 ;; esac`;
    await writeFile(file, `#!/bin/sh\n${stuck}\nexec '${real}' "$@"\n`, { mode: 0o755 });
    const run = start(repo, ["--json", "--push"], { PATH: `${dirname(file)}:${repo.env.PATH}` });
    const asking = () => readFile(join(repo.base, "git.pid"), "utf8").then(Number, () => 0);
    await waitUntil(async () => await asking() !== 0, 20_000);
    const git = await asking();
    run.kill("SIGINT");
    const ended = await run.done;
    expect(ended).toMatchObject({ code: 130, signal: null });
    expect(eventsOf(ended.stdout).at(-1)).toMatchObject({ halt: { reason: "interrupted", signal: "SIGINT" } });
    expect(alive(git)).toBe(false);
    expect((await loop(repo)).code).toBe(0);
  });

  test("that the terminal's hang-up comes instead of ends the run as cleanly, with 129", async () => {
    const { repo, run, left } = await hangingRun("agent", false);
    await using _ = repo;
    run.kill("SIGHUP");
    expect(await run.done).toMatchObject({ code: 129 });
    expect(left.map(alive)).toEqual([false, false]);
    expect(await outcomes(repo)).toEqual(["interrupted"]);
  });
});

describe.runIf(process.platform === "linux")("the end of a run", () => {
  test("leaves no process with its mark", async () => {
    await using repo = await createRepo({ files: false });
    await repo.commit("chore: start", {
      "prd.json": planText([{ id: "US-001", command: "echo one > one.txt; setsid sleep 600 &", validators: ["one"] }]),
      "registries/validators.json": validatorsText({ one: "setsid sleep 600 & test -f one.txt" }),
    });
    const { code, events } = await loop(repo);
    expect(code).toBe(0);
    const { run } = events[0]!;
    expect(processesMarked((found) => parseMark(found)?.run === run)).toEqual([]);
  });
});
