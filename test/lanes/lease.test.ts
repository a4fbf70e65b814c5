import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { judgeLease, type LeaseTerms, parseLease } from "../../src/lanes/lease.ts";
import type { RepositoryOptions } from "../../src/lanes/repo.ts";
import { pathExists } from "../../src/system/files.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, open, type OpenedRepo, planText } from "../support/repository.ts";

const plan = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc", branchName: "work" });
const ref = "refs/capstan/lease/plan-abc";
const terms: LeaseTerms = { staleMs: 300_000, required: false };

/** A repository whose `work` is on its remote, and a second clone of it. */
async function twoClones(): Promise<{ repo: TestRepo; other: TestRepo; url: string }> {
  const repo = await createRepo({ files: { "prd.json": plan, "a.txt": "a\n" } });
  const url = await repo.remote();
  await repo.git("branch", "work");
  await repo.git("push", "-q", "origin", "main", "work");
  return { repo, other: await repo.clone(url), url };
}

interface Machine {
  run: OpenedRepo;
  start(lease?: LeaseTerms): ReturnType<OpenedRepo["repository"]["start"]>;
}

/** A run on a machine whose clock is `skewMs` ahead. `onSleep` happens while it watches. */
async function machine(
  repo: TestRepo,
  { skewMs = 0, onSleep }: { skewMs?: number; onSleep?: () => Promise<unknown> } = {},
): Promise<Machine> {
  let slept = 0;
  const clock: RepositoryOptions["clock"] = {
    now: () => Date.now() + skewMs + slept,
    sleep: async (ms) => {
      slept += ms;
      await onSleep?.();
    },
  };
  const run = await open(repo, { push: "origin", start: false, clock });
  return { run, start: (lease = terms) => run.repository.start({ died: false, lease }) };
}

async function value(repo: TestRepo, url: string): Promise<string> {
  return await repo.gitIn(url, "for-each-ref", "--format=%(objectname)", "refs/capstan/lease");
}

async function land({ run }: Machine, repo: TestRepo, step: string): Promise<void> {
  const landed = await run.repository.land(await landing(repo, await run.see(), step, { [`${step}.txt`]: "x\n" }));
  expect(landed.kind).toBe("landed");
}

describe("a lease", () => {
  test("is on the remote while a run holds it, says who, and is gone when it was given back", async () => {
    const { repo, url } = await twoClones();
    await using _ = repo;
    const one = await machine(repo);
    expect(await one.start()).toMatchObject({ ok: true });
    const message = await repo.gitIn(url, "log", "-1", "--format=%B", ref);
    expect(parseLease(message)).toMatchObject({
      by: "Test Person <person@example.com>",
      pid: process.pid,
      staleMs: terms.staleMs,
    });
    await one.run.repository.release();
    expect(await value(repo, url)).toBe("");
    expect((await readdir(join(repo.dir, ".git/capstan"))).filter((name) => name.startsWith("lease"))).toEqual([]);
  });

  test("that another run holds stops a start before the checkout is touched", async () => {
    const { repo, other, url } = await twoClones();
    await using _ = repo;
    await (await machine(repo)).start();
    const before = await value(repo, url);
    const second = await machine(other);
    expect(await second.start()).toMatchObject({
      ok: false,
      halt: { reason: "leased", remote: "origin", holder: { by: "Test Person <person@example.com>" } },
    });
    expect(await other.git("branch", "--show-current")).toBe("main");
    await second.run.repository.release();
    expect(await value(repo, url)).toBe(before);
  });

  test("moves with every push, so that whoever lost it can push nothing, and hears how much stayed", async () => {
    const { repo, other, url } = await twoClones();
    await using _ = repo;
    const one = await machine(repo);
    await one.start();
    await land(one, repo, "US-001");
    const before = await value(repo, url);
    expect(await one.run.repository.push()).toBeNull();
    expect(await value(repo, url)).not.toBe(before);

    const two = await machine(other, { skewMs: terms.staleMs });
    expect(await two.start()).toMatchObject({ ok: true });
    expect(two.run.kinds()).toEqual(expect.arrayContaining(["lease-watched", "lease-taken-over"]));
    const refs = await repo.gitIn(url, "for-each-ref");
    await land(one, repo, "US-002");
    expect(await one.run.repository.push()).toMatchObject({
      reason: "lease-lost",
      remote: "origin",
      holder: { host: expect.any(String) as string },
      unpushed: 1,
    });
    expect(one.run.repository.lost.aborted).toBe(true);
    expect(await repo.gitIn(url, "for-each-ref")).toBe(refs);
    expect(await one.run.halt()).toMatchObject({ reason: "lease-lost" });
    await one.run.repository.release();
    expect(await repo.gitIn(url, "for-each-ref")).toBe(refs);

    await land(two, other, "US-002");
    expect(await two.run.repository.push()).toBeNull();
  });

  test("is lost for good, even where the other run has ended and given it back", async () => {
    const { repo, other, url } = await twoClones();
    await using _ = repo;
    const one = await machine(repo);
    await one.start();
    const two = await machine(other, { skewMs: terms.staleMs });
    await two.start();
    await two.run.repository.release();
    const refs = await repo.gitIn(url, "for-each-ref");
    await land(one, repo, "US-001");
    expect(await one.run.repository.push()).toMatchObject({ reason: "lease-lost", holder: null, unpushed: 1 });
    expect(await repo.gitIn(url, "for-each-ref")).toBe(refs);
  });

  test("of a run that was killed in this clone is taken back at once", async () => {
    const { repo } = await twoClones();
    await using _ = repo;
    await (await machine(repo)).start();
    const next = await machine(repo);
    expect(await next.start()).toMatchObject({ ok: true });
    expect(next.run.slept).toEqual([]);
    expect(next.run.notices).toContainEqual({
      kind: "recovered",
      what: "the lease on origin of a run that died here",
    });
  });

  test("is taken before anything else of a plan that gets its id only now, and the plan goes to the remote", async () => {
    const unnamed = planText({ "US-001": false }, { branchName: "work" });
    await using repo = await createRepo({ files: { "prd.json": unnamed } });
    const url = await repo.remote();
    await repo.git("push", "-q", "origin", "main");
    const one = await machine(repo);
    await one.start();
    await one.run.see();
    const held = await one.run.repository.hold({ died: false, lease: { ...terms, staleMs: 2 ** 40 } });
    expect(held).toBeNull();
    const id = (JSON.parse((await repo.show("work", "prd.json"))!) as { planId: string }).planId;
    expect(await repo.gitIn(url, "for-each-ref", "--format=%(refname)")).toBe(
      `refs/capstan/lease/${id}\nrefs/heads/main\nrefs/heads/work`,
    );
    expect(await repo.gitIn(url, "rev-parse", "work")).toBe(await repo.git("rev-parse", "work"));
    await one.run.repository.release();
  });
});

describe("clocks that differ", () => {
  const holder = {
    run: "r",
    by: "A <a@example.com>",
    host: "h",
    pid: 1,
    since: "2026-01-01T00:00:00.000Z",
    seen: "2026-01-01T01:00:00.000Z",
    staleMs: 300_000,
  };
  const at = Date.parse(holder.seen);

  test.each([
    ["a moment ago", at + 1000, { kind: "fresh", staleAt: at + 300_000 }],
    ["a moment ahead", at - 30_000, { kind: "fresh", staleAt: at + 300_000 }],
    ["too long ago", at + 300_000, { kind: "watch", ms: 120_000 }],
    ["far ahead", at - 86_400_000, { kind: "watch", ms: 120_000 }],
  ])("make a sign of life %s mean this", (_name, now, expected) => {
    expect(judgeLease(holder, now, 1)).toEqual(expected);
  });

  test("take nothing from a run that lives: its lease moves while it is watched", async () => {
    const { repo, other, url } = await twoClones();
    await using _ = repo;
    const one = await machine(repo);
    await one.start();
    const late = await machine(other, {
      skewMs: 3_600_000,
      // The holder pushes.
      onSleep: async () => {
        await land(one, repo, "US-001").catch(() => undefined);
        expect(await one.run.repository.push()).toBeNull();
      },
    });
    expect(await late.start()).toMatchObject({ ok: false, halt: { reason: "leased" } });
    expect(one.run.repository.lost.aborted).toBe(false);
    expect(parseLease(await repo.gitIn(url, "log", "-1", "--format=%B", ref))).not.toBeNull();
  });

  test("keep no lease alive: one that stands still is taken over, however far ahead its time is", async () => {
    const { repo, other } = await twoClones();
    await using _ = repo;
    await (await machine(repo, { skewMs: 86_400_000 })).start();
    expect(await (await machine(other)).start()).toMatchObject({ ok: true });
  });
});

describe("a remote that takes no lease", () => {
  async function refusing(): Promise<Awaited<ReturnType<typeof twoClones>>> {
    const both = await twoClones();
    const hook = `#!/bin/sh\ncase $1 in refs/capstan/lease/*) echo "no such refs here" >&2; exit 1 ;; esac\n`;
    await both.repo.write({ "../origin.git/hooks/update": { text: hook, mode: 0o755 } });
    return both;
  }

  test("is told about, and the run goes on without", async () => {
    const { repo, url } = await refusing();
    await using _ = repo;
    const one = await machine(repo);
    expect(await one.start()).toMatchObject({ ok: true });
    expect(one.run.notices).toContainEqual({
      kind: "no-lease",
      remote: "origin",
      message: expect.stringContaining("no such refs here") as string,
    });
    await land(one, repo, "US-001");
    expect(await one.run.repository.push()).toBeNull();
    expect(await repo.gitIn(url, "rev-parse", "work")).toBe(await repo.git("rev-parse", "work"));
  });

  test("ends the start where the plan requires one", async () => {
    const { repo } = await refusing();
    await using _ = repo;
    expect(await (await machine(repo)).start({ ...terms, required: true })).toMatchObject({
      ok: false,
      halt: { reason: "lease-refused", remote: "origin" },
    });
    expect(await repo.git("branch", "--show-current")).toBe("main");
  });
});

test("signs of life leave nothing behind in the repository", async () => {
  const { repo, url } = await twoClones();
  await using _ = repo;
  let beats = 0;
  const ended = Promise.withResolvers<undefined>();
  const clock: RepositoryOptions["clock"] = {
    now: () => Date.now(),
    sleep: async (_ms, signal) => {
      beats += 1;
      if (beats > 5) ended.resolve(undefined);
      if (beats > 5 && !signal.aborted) await new Promise((go) => signal.addEventListener("abort", go));
    },
  };
  const run = await open(repo, { push: "origin", start: false, clock });
  await run.repository.start({ died: false, lease: terms });
  const first = await value(repo, url);
  await run.see();
  const after = await repo.git("count-objects", "-v");
  await run.repository.hold({ died: false, lease: terms });
  await ended.promise;
  expect(await value(repo, url)).not.toBe(first);
  expect(await repo.git("count-objects", "-v")).toBe(after);
  await run.repository.release();
  expect(await pathExists(join(repo.dir, ".git/capstan/lease-objects"))).toBe(false);
});
