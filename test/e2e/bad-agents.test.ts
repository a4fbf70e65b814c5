import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { agent, alive } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { loop, planText, validatorsText } from "./rig.ts";
import { leftOf } from "./untouched.ts";

/** One step whose first attempt runs `bad` and whose later ones do the work on top of what they find. */
async function misbehaving(bad: (repo: TestRepo) => string, more: Record<string, unknown> = {}): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  const once = join(repo.base, "once");
  const command = `if [ ! -e ${once} ]; then : > ${once}; ${bad(repo)}; else echo one > one.txt; fi`;
  await repo.commit("chore: start", {
    "prd.json": planText([{ id: "US-001", command, validators: ["one"], maxAttempts: 2, ...more }]),
    "registries/validators.json": validatorsText({ one: "grep -q one one.txt" }),
    ".gitignore": "ignored/\n",
  });
  return repo;
}

const attemptOf = (events: Event[]) => events.find((event) => event.kind === "attempt-ended");
const words = (argv: string[]): string => `exec ${argv.join(" ")}`;

describe.concurrent("an agent that", { timeout: 60_000 }, () => {
  test.each<[string, (repo: TestRepo) => string, Record<string, unknown>, object]>([
    ["exits 0 having done nothing changed nothing", () => words(agent("exits-zero-doing-nothing")), {}, {
      outcome: "no-change",
    }],
    ["prints half a JSON line changed nothing", () => words(agent("half-line")), {}, { outcome: "no-change" }],
    ["prints invalid UTF-8 changed nothing", () => words(agent("invalid-utf8")), {}, { outcome: "no-change" }],
    ["never ends runs out of time", () => words(agent("forever")), { timeoutMinutes: 0.02 }, {
      outcome: "timeout",
      summary: "stopped after 1.2s",
    }],
    ["sleeps without a sign of life has stalled", () => "exec sleep 600", { idleMinutes: 0.003 }, {
      outcome: "stalled",
    }],
    ["is killed ends with an error that says so", () => words(agent("dies-by-signal")), {}, {
      outcome: "agent-error",
      summary: expect.stringContaining("ended by SIGKILL, which the runner did not send"),
    }],
    ["dies by itself says by which signal", () => words(agent("dies-by-signal", "SEGV")), {}, {
      outcome: "agent-error",
      summary: expect.stringContaining("SIGSEGV"),
    }],
    ["fails ends with an error and its last words", () => "echo no such codemod >&2; exit 3", {}, {
      outcome: "agent-error",
      summary: "the agent stopped: ended with exit code 3: no such codemod",
    }],
    ["deletes its whole lane changed nothing", () => 'echo x > x.txt; rm -rf "$PWD"', {}, { outcome: "no-change" }],
  ])("%s; the next one goes on", async (_what, bad, more, ended) => {
    await using repo = await misbehaving(bad, more);
    const run = await loop(repo);
    expect(run.stderr).toBe("");
    expect(attemptOf(run.events)).toMatchObject(ended);
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "one.txt")).toBe("one\n");
    expect(await repo.git("status", "--porcelain")).toBe("");
    expect(leftOf(repo)).toBe(0);
  });

  test("runs out of time leaves its work for the next attempt", async () => {
    await using repo = await misbehaving(() => "echo begun > draft.txt; exec sleep 600", { timeoutMinutes: 0.02 });
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(run.events.filter(({ kind }) => kind === "iteration-started")[1]).toMatchObject({ attempt: 2, carry: 1 });
    expect(await repo.show("capstan/test", "draft.txt")).toBe("begun\n");
    expect(leftOf(repo)).toBe(0);
  });

  test("prints 200 MB is heard out, and little of it is kept", async () => {
    await using repo = await misbehaving(() => words(agent("floods-stdout", "200000000")));
    const run = await loop(repo);
    expect(attemptOf(run.events)).toMatchObject({ outcome: "no-change" });
    expect(run.code).toBe(0);
    const begun = run.events[0]!.run;
    const { size } = await stat(join(repo.dir, ".capstan/runs", begun, "0001-US-001-1", "output.log"));
    expect(size).toBeLessThan(9 * 1024 * 1024);
    expect(run.stdout.length).toBeLessThan(20 * 1024 * 1024);
  });

  test("works silently, as a long tool call does, is left in peace", async () => {
    await using repo = await misbehaving(
      () => `echo one > one.txt; ${words(agent("works-silently", "1"))}`,
      { idleMinutes: 0.003 },
    );
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(run.events.find(({ kind }) => kind === "landed")).toMatchObject({ attempts: 1 });
  });

  test("leaves a daemon in a session of its own: it is ended and told", async () => {
    await using repo = await misbehaving((at) =>
      words(agent("forgets-a-daemon", "one.txt", "one", join(at.base, "pid")))
    );
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(alive(Number(await readFile(join(repo.base, "pid"), "utf8")))).toBe(false);
    expect(run.events).toContainEqual(
      expect.objectContaining({ kind: "notice", notice: { kind: "processes-swept", count: expect.any(Number) } }),
    );
    expect(leftOf(repo)).toBe(0);
  });

  test("goes in circles is warned about, stopped, and told so in the next brief; a few repetitions are its own business", async () => {
    await using repo = await createRepo({ files: false });
    const [circles] = agent("goes-in-circles");
    const once = join(repo.base, "once");
    const done = `echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'`;
    const second = `cat "$CAPSTAN_BRIEF_FILE" > ${join(repo.base, "brief")}; echo one > one.txt; ${done}`;
    await repo.commit("chore: start", {
      "prd.json": planText([
        {
          id: "US-001",
          agent: "circler",
          command: `if [ ! -e ${once} ]; then : > ${once}; exec ${circles}; else ${second}; fi`,
          validators: ["one"],
        },
        { id: "US-002", agent: "circler", command: `echo two > two.txt; exec ${circles} 5`, validators: ["two"] },
      ]),
      "registries/agents.json": JSON.stringify({ circler: { extends: "command", format: "claude-stream-json" } }),
      "registries/validators.json": validatorsText({ one: "grep -q one one.txt", two: "grep -q two two.txt" }),
    });
    const run = await loop(repo);
    const anomaly = { kind: "same-call", tool: "Bash", detail: "npm test" };
    expect(
      run.events.flatMap((event) => event.kind === "notice" && event.notice.kind === "anomaly" ? [event.notice] : []),
    )
      .toEqual([
        { kind: "anomaly", step: "US-001", anomaly: { ...anomaly, count: 6 }, killed: false },
        { kind: "anomaly", step: "US-001", anomaly: { ...anomaly, count: 12 }, killed: true },
      ]);
    expect(run.events.filter(({ kind }) => kind === "attempt-ended")).toEqual([
      expect.objectContaining({ step: "US-001", attempt: 1, outcome: "stalled" }),
    ]);
    // It cost an attempt, and its work is there for the next one.
    expect(run.events.filter(({ kind }) => kind === "iteration-started")[1]).toMatchObject({ counted: 2, carry: 1 });
    expect(await readFile(join(repo.base, "brief"), "utf8")).toContain(
      "it called the same tool 12 times with the same arguments (Bash npm test)",
    );
    expect(run.code).toBe(0);
    expect(leftOf(repo)).toBe(0);
  });

  test("plants notes wherever it can leaves nothing that the next one finds", async () => {
    await using repo = await createRepo({ files: false });
    const [command] = agent("plants-a-note");
    await repo.commit("chore: start", {
      "prd.json": planText(["US-001", "US-002"].map((id) => ({
        id,
        agent: "planter",
        command: `${command} found.txt`,
        validators: ["found"],
      }))),
      "registries/agents.json": JSON.stringify({ planter: { extends: "command", agentHome: "fresh" } }),
      "registries/validators.json": validatorsText({ found: "test -f found.txt" }),
      ".gitignore": "ignored/\n",
    });
    const run = await loop(repo);
    expect(run.events.filter(({ kind }) => kind === "landed")).toHaveLength(2);
    expect(run.code).toBe(0);
    expect(await repo.show("capstan/test", "found.txt")).toBe("planted by US-001\nplanted by US-002\n");
    expect(await repo.git("for-each-ref", "refs/heads/note", "refs/stash")).toBe("");
  });
});
