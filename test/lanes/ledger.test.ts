import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatRecord, parseRecord } from "../../src/lanes/record.ts";
import { exec } from "../../src/system/exec.ts";
import type { LedgerRecord } from "../../src/model/ledger.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { attemptOf, newAttempt, open, planText, workOn } from "../support/repository.ts";

const plan = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc" });
const ledger = "refs/capstan/ledger/plan-abc";

const withPlan = (): Promise<TestRepo> => createRepo({ files: { "prd.json": plan, "a.txt": "a\n" } });

describe("records", () => {
  test("each is one commit with a line for people and the record as JSON", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    await run.see();
    expect(await run.repository.append(newAttempt("US-001", 1, { summary: "red" }))).toBeNull();
    const [subject, , body] = (await repo.git("log", "-1", "--format=%B", ledger)).split("\n");
    expect(subject).toBe("attempt: US-001 #1 failed");
    expect(JSON.parse(body!)).toMatchObject({
      v: 1,
      plan: "plan-abc",
      kind: "attempt",
      step: "US-001",
      summary: "red",
    });
    expect(await repo.git("ls-tree", ledger)).toBe("");
    expect(await repo.git("status", "--porcelain")).toBe("");
  });

  test("another process, another clone of the state, sees the same state and the whole history", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    await run.see();
    await run.repository.append(newAttempt("US-001", 1, { costUsd: 0.25 }));
    await run.repository.append({ kind: "gate-closed", step: "US-002", title: "Gate", handoff: "" });
    const other = await open(repo, { start: false });
    const observed = await other.repository.look();
    expect(observed.ok && observed.value.ledger).toEqual((await run.see()).ledger);
    expect((await other.repository.history()).map(({ kind }) => kind)).toEqual(["attempt", "gate-closed"]);
  });

  test("two processes that append at the same time both get their record in", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    await run.see();
    const others = await Promise.all([1, 2, 3].map(() => open(repo, { start: false })));
    await Promise.all(others.map((other) => other.repository.look()));
    const halts = await Promise.all(
      [run, ...others].map((one, index) =>
        one.repository.append({ kind: "reopened", step: "US-001", by: `p${index}`, why: `why ${index}` })
      ),
    );
    expect(halts).toEqual([null, null, null, null]);
    const state = (await run.see()).ledger;
    expect(state.records).toBe(4);
    expect(state.steps["US-001"]!.remarks.toSorted()).toEqual(["why 0", "why 1", "why 2", "why 3"]);
  });

  test("damaged, foreign and newer records are skipped and told about", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    await run.see();
    await run.repository.append(newAttempt("US-001", 1));
    const tree = await repo.git("rev-parse", `${ledger}^{tree}`);
    let tip = await repo.git("rev-parse", ledger);
    const foreign = formatRecord(attemptOf("US-001", 9));
    for (const message of ["no json\n\n{", foreign, 'x\n\n{"v":2,"plan":"plan-abc","kind":"odd"}']) {
      tip = await repo.git("commit-tree", tree, "-p", tip, "-m", message);
    }
    await repo.git("update-ref", ledger, tip);
    await run.repository.append(newAttempt("US-001", 2));
    const seen = await run.see();
    expect(seen.ledger.steps["US-001"]!.iterations).toBe(2);
    expect(run.notices).toContainEqual({ kind: "records-skipped", count: 3, ref: ledger });
    expect(await run.repository.history()).toHaveLength(2);
  });

  test("reading is flat: a snapshot stands for 200 records, and a new process gets the same state from it", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    await run.see();
    // Written straight into the object store, as 199 appends would take seconds.
    const record = (n: number) =>
      formatRecord({ ...attemptOf("US-001", n), plan: "plan-abc", run: "r", at: "2026-11-20T10:00:00.000Z" });
    const stream = ["feature done", `reset ${ledger}`, ""];
    for (let n = 1; n <= 199; n += 1) {
      const message = record(n);
      stream.push(
        `commit ${ledger}`,
        "committer T <t@e> 1700000000 +0000",
        `data ${Buffer.byteLength(message)}`,
        message,
      );
    }
    const imported = await exec(["git", "fast-import", "--quiet"], {
      cwd: repo.dir,
      env: repo.env,
      stdin: `${stream.join("\n")}done\n`,
    });
    expect(imported.exit).toMatchObject({ code: 0 });
    await run.see();
    await run.repository.append(newAttempt("US-001", 200));
    expect(await repo.git("log", "-1", "--format=%s", ledger)).toBe("snapshot: 200 records");
    await run.repository.append(newAttempt("US-001", 201));
    const fresh = await open(repo);
    const state = (await fresh.see()).ledger;
    expect(state).toEqual((await run.see()).ledger);
    expect(state).toMatchObject({ records: 201, iterations: 201 });
    expect(await fresh.repository.history()).toHaveLength(201);
  });

  test("a record without its plan's id, kind or version is no record", () => {
    const record = { ...attemptOf("US-001", 1), plan: "plan-abc", run: "r", at: "t" };
    expect(parseRecord(formatRecord(record), "plan-abc")).toEqual(record);
    expect(parseRecord(formatRecord(record), "plan-abd")).toBeNull();
    expect(parseRecord(formatRecord({ ...record, v: 2 } as unknown as LedgerRecord), "plan-abc")).toBeNull();
    expect(parseRecord("", "plan-abc")).toBeNull();
  });
});

describe("kept work", () => {
  test("is a commit on the base at the attempt's ref, and only the newest of a step stays", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const { tip } = await run.see();
    const work = await workOn(repo, tip, { "a.txt": "half\n" });
    expect(await run.repository.keep(newAttempt("US-001", 1, { base: tip }), work)).toBeNull();
    expect(await run.repository.keep(newAttempt("US-001", 2, { base: tip }), work)).toBeNull();
    const refs = await repo.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/capstan/attempts");
    const [ref, oid] = refs.split(" ");
    expect(ref).toBe("refs/capstan/attempts/plan-abc/US-001/2");
    expect((await run.see()).ledger.steps["US-001"]!.carry).toEqual({ attempt: 2, work: oid });
    expect(await repo.show(oid!, "a.txt")).toBe("half\n");
    expect(await repo.git("rev-parse", `${oid}^`)).toBe(tip);
    expect((await run.see()).tip).toBe(tip);
  });

  test("an attempt without work leaves the work before it in place", async () => {
    await using repo = await withPlan();
    const run = await open(repo);
    const { tip } = await run.see();
    const work = await workOn(repo, tip, { "a.txt": "half\n" });
    await run.repository.keep(newAttempt("US-001", 1, { base: tip }), work);
    await run.repository.keep(newAttempt("US-001", 2, { base: tip, outcome: "agent-error" }), null);
    expect((await run.see()).ledger.steps["US-001"]).toMatchObject({ iterations: 2, carry: { attempt: 1 } });
  });
});

describe("commits of the runner", () => {
  test("carry the configured identity", async () => {
    await using repo = await createRepo();
    await repo.write({ "prd.json": plan });
    const run = await open(repo);
    await run.see();
    expect(await repo.git("log", "-1", "--format=%an %ae")).toBe("Test Person person@example.com");
    expect(run.kinds()).not.toContain("identity-missing");
  });

  test("carry the runner's own where none is configured, which is told once", async () => {
    await using repo = await createRepo();
    await repo.git("config", "--unset", "user.name");
    await repo.git("config", "--unset", "user.email");
    await repo.write({ "prd.json": plan });
    const run = await open(repo);
    await run.see();
    await run.repository.append({ kind: "reopened", step: "US-001", by: "me", why: "" });
    expect(await repo.git("log", "-1", "--format=%an <%ae> %cn")).toBe("Capstan <capstan@localhost> Capstan");
    expect(run.kinds().filter((kind) => kind === "identity-missing")).toHaveLength(1);
  });

  test("are unsigned, with a notice, where signing would need a question or a key", async () => {
    await using repo = await createRepo();
    await repo.git("config", "commit.gpgsign", "true");
    await repo.git("config", "user.signingkey", "NOSUCHKEY");
    await repo.write({ "prd.json": plan });
    const run = await open(repo);
    await run.see();
    expect(await repo.git("log", "-1", "--format=%s")).toBe("chore(plan): add prd.json");
    expect(run.kinds().filter((kind) => kind === "unsigned")).toHaveLength(1);
  });

  test("are signed with ssh when that works without a question", async () => {
    await using repo = await createRepo();
    const key = join(repo.base, "key");
    const made = await exec(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], { env: repo.env });
    if (made.exit.kind === "spawn-failed") return;
    for (
      const [name, value] of [["commit.gpgsign", "true"], ["gpg.format", "ssh"], ["user.signingkey", key]] as const
    ) {
      await repo.git("config", name, value);
    }
    await repo.write({ "prd.json": plan });
    const run = await open(repo);
    await run.see();
    expect(await repo.git("cat-file", "commit", "HEAD")).toContain("BEGIN SSH SIGNATURE");
    expect(run.kinds()).not.toContain("unsigned");
  });
});
