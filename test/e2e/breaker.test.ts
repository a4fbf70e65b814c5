import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";

/** A step whose agent does the wrong thing until its brief holds `word`; a file beside the repository counts attempts. */
const stubborn = (repo: TestRepo, id: string, word: string) => ({
  id,
  command: `echo ${id} >> ${join(repo.base, "attempts")}; cp "$CAPSTAN_BRIEF_FILE" ${join(repo.base, "brief")}; ` +
    `if grep -q ${word} "$CAPSTAN_BRIEF_FILE"; then echo right > ${id}.txt; else echo wrong > ${id}.txt; fi`,
  validators: [id],
});

const validators = (...ids: string[]) =>
  validatorsText(
    Object.fromEntries(ids.map((id) => [id, `grep right ${id}.txt || { echo "${id} is not right"; exit 1; }`])),
  );

async function repoWith(steps: (repo: TestRepo) => Record<string, unknown>[], ...ids: string[]): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await repo.commit("chore: start", {
    "prd.json": planText(steps(repo)),
    "registries/validators.json": validators(...ids),
  });
  return repo;
}

const attempts = async (repo: TestRepo) =>
  (await readFile(join(repo.base, "attempts"), "utf8")).trim().split("\n").join(" ");
const noticesOf = (events: Event[]) =>
  events.flatMap((event) => event.kind === "notice" && event.notice.kind === "breaker" ? [event.notice] : []);
const haltOf = (events: Event[]) => events.flatMap((event) => event.kind === "halted" ? [event.halt] : [])[0];

/** Makes everything that the ledger tells of `minutes` older. */
async function age(repo: TestRepo, minutes: number): Promise<void> {
  const ref = await repo.git("for-each-ref", "--format=%(refname)", "refs/capstan/ledger");
  let parent: string | null = null;
  for (const commit of (await repo.git("rev-list", "--reverse", ref)).split("\n")) {
    const message = await repo.git("log", "-1", "--format=%B", commit);
    const older = message.replaceAll(
      /"at":"([^"]+)"/g,
      (_whole, at: string) => `"at":"${new Date(Date.parse(at) - minutes * 60_000).toISOString()}"`,
    );
    const file = join(repo.base, "message");
    await writeFile(file, `${older}\n`);
    const parents: string[] = parent === null ? [] : ["-p", parent];
    parent = await repo.git("commit-tree", `${commit}^{tree}`, ...parents, "-F", file);
  }
  await repo.git("update-ref", ref, parent!);
}

describe.concurrent("a step that fails in the same way again and again", { timeout: 240_000 }, () => {
  test("is stopped with a diagnosis, shown everywhere, and tried again with a note", async () => {
    await using repo = await repoWith((at) => [stubborn(at, "US-001", "zebra")], "US-001");
    const run = await capstan(repo, []);
    expect(run.code).toBe(4);
    expect(await attempts(repo)).toBe("US-001 US-001 US-001");
    const told = [
      "The circuit breaker of US-001 is open: it failed in the same way 3 times in a row",
      "attempt 3 (command) failed: US-001 failed",
      "US-001 is not right",
      "2 attempts are left",
    ];
    for (const text of told) expect(run.stdout.replaceAll(/\s+/g, " ")).toContain(text);

    const [status, explain] = [await capstan(repo, ["status"]), await capstan(repo, ["explain", "US-001"])];
    expect(status.stdout).toMatch(/US-001.*breaker open/);
    for (const { stdout } of [status, explain]) {
      for (const text of told) expect(stdout.replaceAll(/\s+/g, " ")).toContain(text);
      expect(stdout).toContain(`retry US-001 --note "what to do differently"`);
    }
    expect(JSON.parse((await capstan(repo, ["status", "--json"])).stdout)).toMatchObject({
      next: "US-001",
      halt: { reason: "breaker", scope: "step", left: 2, trip: { kind: "same-failure" } },
    });

    expect((await capstan(repo, [])).code).toBe(4);
    expect(await attempts(repo)).toBe("US-001 US-001 US-001");

    const retried = await capstan(repo, ["retry", "US-001", "--note", "Ask the zebra"]);
    expect(retried).toMatchObject({ code: 0, stderr: "" });
    expect(retried.stdout).toContain("US-001 may be tried again: 2 attempts left");
    expect((await capstan(repo, [])).code).toBe(0);
    expect(await readFile(join(repo.base, "brief"), "utf8")).toMatch(/## What people said[\s\S]*Ask the zebra/);
    expect(await attempts(repo)).toBe("US-001 US-001 US-001 US-001");
    expect((await capstan(repo, ["log"])).stdout).toMatch(/US-001 let be tried again by .*: Ask the zebra/);
  });

  test("gets one attempt after the cool-down: the same failure opens the breaker again, a pass closes it", async () => {
    await using repo = await repoWith((at) => [stubborn(at, "US-001", "zebra")], "US-001");
    expect((await loop(repo)).code).toBe(4);
    await age(repo, 31);
    expect((await capstan(repo, ["status"])).stdout).toContain("half-open");
    const again = await loop(repo);
    expect(again.code).toBe(4);
    expect(noticesOf(again.events)).toMatchObject([{ state: "half-open", step: "US-001", scope: "step" }]);
    expect(haltOf(again.events)).toMatchObject({ reason: "breaker", left: 1, trip: { times: 2 } });
    expect(await attempts(repo)).toBe("US-001 US-001 US-001 US-001");

    await age(repo, 31);
    await writeFile(
      join(repo.dir, "registries/validators.json"),
      validatorsText({ "US-001": "grep wrong US-001.txt" }),
    );
    expect((await loop(repo)).code).toBe(0);
  });

  test("holds up only what needs it, and the breaker that opens meanwhile is told", async () => {
    await using repo = await repoWith((at) => [
      stubborn(at, "A", "zebra"),
      { id: "B", needs: ["A"], command: "echo b > b.txt", trust: "agent" },
      { id: "C", needs: [], command: "echo c > c.txt", trust: "agent" },
    ], "A");
    const run = await loop(repo);
    expect(run.code).toBe(4);
    expect(run.events.flatMap((event) => event.kind === "landed" ? [event.step] : [])).toEqual(["C"]);
    expect(noticesOf(run.events)).toMatchObject([{ state: "open", step: "A", scope: "step" }]);
    expect(haltOf(run.events)).toMatchObject({ reason: "breaker", step: "A" });
  });

  test("is left alone while it gets better, however slowly", async () => {
    await using repo = await createRepo({ files: false });
    await repo.commit("chore: start", {
      "prd.json": planText([{
        id: "US-001",
        // Each attempt settles one of the failures that are left, from wherever it starts.
        command: `echo x >> ${join(repo.base, "attempts")}; cp ${join(repo.base, "attempts")} done.txt`,
        validators: ["all"],
        maxAttempts: 9,
      }]),
      "registries/validators.json": validatorsText({
        all:
          'left=$((7 - $(wc -l < done.txt))); [ $left -eq 0 ] || { echo "Tests  $left failed (1.$left s)"; exit 1; }',
      }),
    });
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(await attempts(repo)).toBe("x x x x x x x");
    expect(noticesOf(run.events)).toEqual([]);
  });

  test("or goes back and forth between two of them, is stopped after two rounds", async () => {
    await using repo = await createRepo({ files: false });
    const parity = `$(($(wc -l < ${join(repo.base, "attempts")}) % 2))`;
    await repo.commit("chore: start", {
      "prd.json": planText([{
        id: "US-001",
        command: `echo x >> ${join(repo.base, "attempts")}; echo ${parity} > side.txt`,
        validators: ["one", "other"],
      }]),
      "registries/validators.json": validatorsText({ one: "grep 0 side.txt", other: "grep 1 side.txt" }),
    });
    const run = await loop(repo);
    expect(run.code).toBe(4);
    expect(haltOf(run.events)).toMatchObject({ reason: "breaker", trip: { kind: "oscillation" } });
    expect(await attempts(repo)).toBe("x x x x");
  });

  test("to log in is not asked a third time, until a person says that it may", async () => {
    await using repo = await createRepo({ files: false });
    const denied = JSON.stringify({
      type: "result",
      subtype: "success",
      is_error: true,
      result: "401",
      api_error_status: 401,
    });
    await repo.commit("chore: start", {
      "prd.json": planText([{
        id: "US-001",
        agent: "out",
        command: `echo x >> ${join(repo.base, "attempts")}; echo '${denied}'`,
        validators: ["one"],
      }]),
      "registries/agents.json": JSON.stringify({ out: { extends: "command", format: "claude-stream-json" } }),
      "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    });
    expect((await loop(repo)).code).toBe(6);
    const second = await loop(repo);
    expect(second.code).toBe(4);
    expect(haltOf(second.events)).toMatchObject({ reason: "breaker", left: 5, trip: { kind: "auth" } });
    expect((await loop(repo)).code).toBe(4);
    expect(await attempts(repo)).toBe("x x");
    expect((await capstan(repo, ["retry", "US-001"])).stdout).toContain("5 attempts left");
    expect((await loop(repo)).code).toBe(6);
    expect(await attempts(repo)).toBe("x x x");
  });

  test("stops the whole plan when three steps fail alike: it is not the steps", async () => {
    const ids = ["A", "B", "C", "D"];
    await using repo = await createRepo({ files: false });
    await repo.commit("chore: start", {
      "prd.json": planText(
        ids.map((id, i) => ({
          id,
          ...i === 0 ? {} : { needs: [] },
          ...i === 3 ? { needs: ["E"] } : {},
          command: `echo ${id} >> ${join(repo.base, "attempts")}; echo ${id} > ${id}.txt`,
          maxAttempts: 1,
        })).concat([{
          id: "E",
          needs: [],
          command: `echo E >> ${join(repo.base, "attempts")}; echo e > e.txt`,
          maxAttempts: 1,
        }]),
      ),
      "registries/validators.json": validatorsText({ db: "echo connection refused; exit 1" }),
    });
    const run = await loop(repo);
    expect(run.code).toBe(4);
    expect(await attempts(repo)).toBe("A B C");
    expect(noticesOf(run.events)).toMatchObject([{ state: "open", scope: "plan" }]);
    expect((await capstan(repo, ["explain", "E"])).stdout).toContain(
      "The circuit breaker of the plan is open: A, B, C failed in the same way, one after the other",
    );
    expect((await capstan(repo, ["retry", "E"])).stderr).toContain("these are: A, B, C");
    expect((await capstan(repo, ["retry", "C"])).stdout).toContain("The circuit breaker of the plan is closed");
    expect((await loop(repo)).code).toBe(4);
    expect(await attempts(repo)).toBe("A B C E");
  });
});

describe.concurrent("retry", { timeout: 240_000 }, () => {
  test("says what it needs, and changes nothing then", async () => {
    await using repo = await repoWith((at) => [
      { id: "US-000", command: "echo x > x.txt", trust: "agent" },
      { ...stubborn(at, "US-001", "zebra"), maxAttempts: 2 },
    ], "US-001");
    const none = await capstan(repo, ["retry", "US-001"]);
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toContain("The circuit breaker of US-001 is not open");
    expect((await loop(repo)).code).toBe(4);
    const ledger = await repo.git("for-each-ref", "refs/capstan/ledger");
    const wrong: [string, RegExp][] = [
      ["US-01", /has no step "US-01"[\s\S]*did you mean US-001\?/],
      ["US-000", /US-000 passes[\s\S]*reopen US-000/],
      ["US-001", /US-001 is out of attempts[\s\S]*reopen US-001/],
    ];
    for (const [id, message] of wrong) {
      const { code, stderr } = await capstan(repo, ["retry", id]);
      expect(code).toBe(2);
      expect(stderr).toMatch(message);
    }
    expect((await capstan(repo, ["explain", "US-001"])).stdout).not.toContain("retry");
    expect(await repo.git("for-each-ref", "refs/capstan/ledger")).toBe(ledger);
  });
});
