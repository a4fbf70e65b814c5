import { rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { waitUntil } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, start, type Started, subjects, validatorsText } from "./rig.ts";

const branch = "refs/heads/capstan/test";
const lease = "refs/capstan/lease/plan-abc";
/** Three seconds, a sign of life every 0.6: for runs that are dead or asleep. */
const soon = { minutes: 0.05 };

interface Shared {
  one: TestRepo;
  two: TestRepo;
  url: string;
}

/**
 * Two clones of one bare remote. The first step waits for the file `go` beside the clone it runs in; the second adds to
 * what the first made.
 */
async function shared(more: Record<string, unknown> = {}): Promise<Shared> {
  const one = await createRepo({ files: false });
  const url = await one.remote();
  await one.commit("chore: start", {
    "prd.json": planText([
      {
        id: "US-001",
        command: "echo working; until [ -e $GO ]; do sleep 0.05; done; echo $NAME > one.txt",
        validators: ["one"],
      },
      { id: "US-002", command: "cat one.txt > two.txt", validators: ["two"] },
    ], { planId: "plan-abc", ...more }),
    "registries/validators.json": validatorsText({ one: "test -f one.txt", two: "test -f two.txt" }),
  });
  await one.git("push", "-q", "origin", "main");
  return { one, two: await one.clone(url), url };
}

function of(repo: TestRepo, name: string): Record<string, string> {
  return { GO: join(repo.dir, "..", `${name}.go`), NAME: name };
}

async function go(repo: TestRepo, name: string): Promise<void> {
  await writeFile(of(repo, name).GO!, "");
}

/** Starts a run and waits until its agent is at work. */
async function atWork(repo: TestRepo, name: string): Promise<Started> {
  await rm(of(repo, name).GO!, { force: true });
  const run = start(repo, ["--push", "--json"], of(repo, name));
  await run.until(/"text":"working/);
  return run;
}

function eventsOf(stdout: string): Event[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event);
}

function noticesOf(events: Event[]): string[] {
  return events.flatMap((event) => event.kind === "notice" ? [event.notice.kind] : []);
}

/** Runs the second clone's loop until nobody else is in its way. */
async function takeOver(repo: TestRepo, name: string): Promise<Awaited<ReturnType<typeof loop>>> {
  await go(repo, name);
  let run: Awaited<ReturnType<typeof loop>> | null = null;
  await waitUntil(async () => {
    run = await loop(repo, ["--push"], of(repo, name));
    return run.code !== 75;
  }, 60_000);
  return run!;
}

describe("two machines with one plan", () => {
  test("the second ends with 75, says who works, where, since when and until when; after a clean end it is free", async () => {
    const { one, two, url } = await shared();
    await using _ = one;
    const run = await atWork(one, "one");
    const second = await capstan(two, ["--push"], of(two, "two"));
    expect(second.code).toBe(75);
    expect(second.stdout).toContain(
      `Another machine works on this plan: Test Person <person@example.com> on ${hostname()}, process ${run.pid}, since `,
    );
    expect(second.stdout).toMatch(/Last sign of life: .* it counts as gone from .*\d\d:\d\d on/);
    expect(await two.git("branch", "--show-current")).toBe("main");

    run.kill("SIGINT");
    expect((await run.done).code).toBe(130);
    expect(await one.gitIn(url, "for-each-ref", "refs/capstan/lease")).toBe("");
    await go(two, "two");
    expect((await loop(two, ["--push"], of(two, "two"))).code).toBe(0);
    expect(await one.gitIn(url, "show", `${branch}:two.txt`)).toBe("two");
    expect(await one.gitIn(url, "for-each-ref", "refs/capstan/lease")).toBe("");
  });

  test("a run that is killed is taken over once its lease is stale, and its own clone goes on from there later", async () => {
    const { one, two, url } = await shared({ lease: soon });
    await using _ = one;
    const run = await atWork(one, "one");
    run.kill("SIGKILL");
    await run.done;
    const other = await takeOver(two, "two");
    expect(other.code).toBe(0);
    expect(noticesOf(other.events)).toEqual(expect.arrayContaining(["lease-watched", "lease-taken-over"]));
    expect(await one.gitIn(url, "show", `${branch}:two.txt`)).toBe("two");
    // It has everything to take over from the remote, and an attempt of its own to remember.
    expect((await loop(one, ["--push"], of(one, "one"))).code).toBe(0);
    expect(await one.gitIn(url, "rev-parse", branch)).toBe(await one.git("rev-parse", branch));
  });

  test("in the clone where it was killed a run takes its lease back at once", async () => {
    const { one } = await shared();
    await using _ = one;
    const run = await atWork(one, "one");
    run.kill("SIGKILL");
    await run.done;
    await go(one, "one");
    const again = await loop(one, ["--push"], of(one, "one"));
    expect(again.code).toBe(0);
    expect(again.stdout).toContain("the lease on origin of a run that died here");
  });

  test.each([["while its agent was at work", false], ["after its agent was done", true]] as const)(
    "a run that slept %s and wakes up after it was taken over brings nothing to the remote and ends with 75",
    async (_name, isDone) => {
      const { one, two, url } = await shared({ lease: soon });
      await using _ = one;
      const run = await atWork(one, "one");
      run.kill("SIGSTOP");
      if (isDone) await go(one, "one");
      const other = await takeOver(two, "two");
      expect(other.code).toBe(0);
      const refs = await one.gitIn(url, "for-each-ref");
      run.kill("SIGCONT");
      const ended = await run.done;
      expect(ended.code).toBe(75);
      expect(eventsOf(ended.stdout).at(-1)).toMatchObject({ halt: { reason: "lease-lost", remote: "origin" } });
      expect(await one.gitIn(url, "for-each-ref")).toBe(refs);
      expect(await one.gitIn(url, "show", `${branch}:one.txt`)).toBe("two");
    },
  );

  test("signs of life go out while an agent works, and a run that lives is not taken over", async () => {
    const { one, url } = await shared({ lease: { minutes: 0.2 } });
    await using _ = one;
    const run = await atWork(one, "one");
    const value = () => one.gitIn(url, "rev-parse", lease);
    const first = await value();
    await waitUntil(async () => await value() !== first, 30_000);
    await go(one, "one");
    expect((await run.done).code).toBe(0);
    expect(await subjects(one, "capstan/test")).toContain("feat: US-002 - Step US-002");
  });
});
