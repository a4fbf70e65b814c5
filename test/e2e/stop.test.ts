import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { alive, waitUntil } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, start, type Started, validatorsText } from "./rig.ts";

/** A step whose first attempt writes a draft and hangs, and whose next attempts finish what they find. */
const hanging = "if [ -f draft.txt ]; then echo one > one.txt; else echo begun > draft.txt; echo $$ > $PIDFILE; " +
  "echo working; exec sleep 600; fi";

async function hangingRepo(): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await repo.commit("chore: start", {
    "prd.json": planText([{
      id: "US-001",
      command: hanging.replace("$PIDFILE", join(repo.base, "agent.pid")),
      validators: ["one"],
    }]),
    "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
  });
  return repo;
}

/** Starts the loop and waits until its agent is at work. Resolves with the agent's pid. */
async function atWork(repo: TestRepo): Promise<{ run: Started; agent: number }> {
  const run = start(repo, ["--json"]);
  await run.until(/"text":"working/);
  return { run, agent: Number(await readFile(join(repo.base, "agent.pid"), "utf8")) };
}

function eventsOf(stdout: string): Event[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event);
}

async function attempts(repo: TestRepo): Promise<{ outcome: string; work: string | null }[]> {
  const { stdout } = await capstan(repo, ["log", "--json"]);
  return stdout.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { kind: string; outcome: string; work: string | null })
    .filter(({ kind }) => kind === "attempt");
}

describe("stopping a run", () => {
  test.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
    "%s ends the agent, keeps its work, records the attempt and exits with %i",
    async (signal, code) => {
      await using repo = await hangingRepo();
      const { run, agent } = await atWork(repo);
      run.kill(signal);
      const ended = await run.done;
      expect(ended.code).toBe(code);
      expect(alive(agent)).toBe(false);
      expect(eventsOf(ended.stdout).at(-1)).toMatchObject({ kind: "halted", exitCode: code });
      expect(await attempts(repo)).toMatchObject([{
        outcome: "interrupted",
        work: expect.stringMatching(/^[0-9a-f]+$/),
      }]);
      expect(await repo.git("status", "--porcelain")).toBe("");

      const again = await loop(repo);
      expect(again.code).toBe(0);
      expect(again.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ attempt: 2, carry: 1 });
      expect(await repo.show("capstan/test", "draft.txt")).toBe("begun\n");
    },
  );

  test("kill -9 loses nothing: the next run takes the work over and no agent is left", async () => {
    await using repo = await hangingRepo();
    const { run, agent } = await atWork(repo);
    run.kill("SIGKILL");
    await run.done;

    const again = await loop(repo);
    expect(again.code).toBe(0);
    await waitUntil(() => !alive(agent), 5000);
    expect(again.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ attempt: 2, carry: 1 });
    expect(await attempts(repo)).toMatchObject([{ outcome: "interrupted" }, { outcome: "passed" }]);
    expect(JSON.parse(await repo.read("prd.json"))).toMatchObject({ userStories: [{ passes: true }] });
  });

  test("kill -9 and a state folder that is gone: the attempt is still recorded", async () => {
    await using repo = await hangingRepo();
    const { run } = await atWork(repo);
    run.kill("SIGKILL");
    await run.done;
    await rm(repo.env.XDG_STATE_HOME!, { recursive: true });

    const again = await loop(repo, ["--max-time", "2s"]);
    expect(again.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ attempt: 2, carry: null });
    expect((await attempts(repo))[0]).toMatchObject({ outcome: "interrupted", work: null });
  });

  test("a second run of the same repository ends with 75 and says who holds the lock", async () => {
    await using repo = await hangingRepo();
    const { run } = await atWork(repo);
    const second = await capstan(repo, []);
    expect(second.code).toBe(75);
    expect(second.stdout + second.stderr).toContain(`${run.pid}`);
    run.kill("SIGINT");
    await run.done;
  });

  test("a reader that goes away (| head -1) neither crashes nor stops the run", async () => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([{ id: "US-001", command: "echo one > one.txt", validators: ["one"] }]),
        "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
      },
    });
    const run = start(repo, ["--json"]);
    run.closeOutput();
    expect((await run.done).code).toBe(0);
    expect(await repo.show("capstan/test", "one.txt")).toBe("one\n");
  });
});
