import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Verdict } from "../../src/model/verdict.ts";
import { agent, alive } from "../support/processes.ts";
import { createRepo } from "../support/repo.ts";
import { capstan, loop, planText, validatorsText } from "./rig.ts";
import { leftOf } from "./untouched.ts";

describe.concurrent("a validator that", { timeout: 60_000 }, () => {
  test.each<[string, Record<string, unknown>, Partial<Verdict>, RegExp]>([
    ["hangs", { command: "[ ! -e one.txt ] || sleep 600", timeoutMinutes: 0.01 }, {
      status: "error",
      attribution: "regressed",
    }, /^Stopped: it did not end within 0\.6s \(`timeoutMinutes` of the validator\)/],
    ["floods", { command: "[ ! -e one.txt ] || yes a line that nobody ever reads" }, {
      status: "error",
      attribution: "regressed",
    }, /^Stopped: it printed more than 64 MB/],
    ["dies by a signal", { command: `[ ! -e one.txt ] || exec ${agent("dies-by-signal").join(" ")}` }, {
      status: "error",
      attribution: "regressed",
    }, /^Ended by SIGKILL, which the runner did not send/],
    ["is no program", { command: "no-such-linter ." }, {
      status: "fail",
      attribution: "broken-before",
    }, /^Exit code 127: a program was not found/],
  ])("%s fails the attempt, says why, and the next brief has it", async (_what, entry, verdict, digest) => {
    await using repo = await createRepo({
      files: {
        "prd.json": planText([{ id: "US-001", command: "echo one > one.txt", validators: ["bad"] }]),
        "registries/validators.json": validatorsText({ bad: entry }),
      },
    });
    const run = await loop(repo, ["--once"]);
    expect(run.stderr).toBe("");
    const finished = run.events.find((event) =>
      event.kind === "validator-finished" && event.verdict.validator === "bad"
    );
    expect(finished).toMatchObject({ verdict: { ...verdict, blocks: true, digest: expect.stringMatching(digest) } });
    expect(run.events.find(({ kind }) => kind === "attempt-ended")).toMatchObject({
      outcome: "failed",
      summary: "bad failed",
    });
    expect(run.code).toBe(5);
    expect(leftOf(repo)).toBe(0);
    expect((await capstan(repo, ["brief", "--step", "US-001"])).stdout).toMatch(new RegExp(digest.source, "m"));
  });

  test("leaves a daemon or deletes the files it was given harms nobody", async () => {
    await using repo = await createRepo({ files: false });
    const pid = join(repo.base, "pid");
    await repo.commit("chore: start", {
      "prd.json": planText([
        { id: "US-001", command: "echo one > one.txt", validators: ["messy"] },
        { id: "US-002", command: "echo two > two.txt", validators: ["tidy"] },
      ]),
      "registries/validators.json": validatorsText({
        messy: {
          command: `${agent("forgets-a-daemon", "x", "x", pid).join(" ")} && rm -rf ./* .git`,
          paths: ["one.txt"],
        },
        tidy: { command: "cat one.txt two.txt prd.json", paths: ["two.txt"] },
      }),
    });
    const run = await loop(repo);
    expect(run.code).toBe(0);
    expect(alive(Number(await readFile(pid, "utf8")))).toBe(false);
    expect(await repo.ls("capstan/test")).toEqual([
      "one.txt",
      "prd.json",
      "progress.txt",
      "registries/validators.json",
      "two.txt",
    ]);
    expect(leftOf(repo)).toBe(0);
  });
});
