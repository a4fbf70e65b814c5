import { exec as execCommand } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tools } from "../../src/agents/builtin/tools.ts";
import { readTape } from "../../src/agents/tape/tape.ts";
import { parseProgress } from "../../src/plan/progress-sections.ts";
import { copyQuickStart } from "../../src/cli/quickstart-files.ts";
import { readPlan } from "../../src/plan/read.ts";
import { removeTree } from "../../src/system/files.ts";
import { folder, startAgent } from "./agent.ts";

// As it is before it ran: whoever starts the tests may have tried the loop in this checkout first.
const shipped = await mkdtemp(join(tmpdir(), "capstan-quickstart-"));
await copyQuickStart(shipped, process.env);
afterAll(() => removeTree(shipped));

const planText = await readFile(join(shipped, "prd.json"), "utf8");
const read = readPlan(planText, "prd.json");
if (!read.ok) throw new Error(JSON.stringify(read.problems));
const { steps } = read.plan;
const registry = JSON.parse(await readFile(join(shipped, "registries/validators.json"), "utf8")) as Record<
  string,
  { command: string }
>;

/** The commands that judge a step: its own, and the unit tests. */
const commandsOf = (step: { validators?: string[] | undefined }) =>
  ["duration-tests", ...step.validators ?? []].map((id) => registry[id]!.command);

function exitCodeOf(command: string, cwd: string): Promise<number> {
  return new Promise((resolve) => {
    execCommand(command, { cwd }, (error) => resolve(error?.code ?? 0));
  });
}

test("the shipped plan reads without a problem or a conversion, and nothing is done yet", () => {
  expect(read.changes).toEqual([]);
  expect(steps.map(({ id, type, agent, passes }) => [id, type, agent, passes])).toEqual([
    ["US-001", "agent", "tape", false],
    ["US-002", "agent", "tape", false],
    ["GATE-001", "gate", undefined, false],
    ["US-003", "agent", "tape", false],
  ]);
});

test("every tape that is shipped belongs to a step, is valid, and calls only tools that exist", async () => {
  const tapes = steps.flatMap(({ tape }) => tape ?? []);
  expect((await readdir(join(shipped, "quickstart"))).map((name) => `quickstart/${name}`)).toEqual(tapes);
  for (const file of tapes) {
    const tape = readTape(await readFile(join(shipped, file), "utf8"), file);
    if (!tape.ok) throw new Error(JSON.stringify(tape.problems));
    const calls = tape.tape.attempts.flatMap(({ turns }) => turns.flatMap((turn) => turn.tools));
    for (const { name, input } of calls) {
      const tool = tools.find((one) => one.name === name);
      // `describe` is empty for input that the tool would refuse.
      expect(tool?.describe(input), `${file}: ${name} ${JSON.stringify(input)}`).toBeTruthy();
    }
  }
});

test("the progress file that is shipped holds no entry", async () => {
  const progress = parseProgress(await readFile(join(shipped, "progress.txt"), "utf8"));
  expect([progress.patterns, progress.entries]).toEqual([[], []]);
});

test("played on the example: the first attempt claims success and is wrong, every later one is right", async () => {
  await using at = await folder();
  for (const path of ["examples", "quickstart", "progress.txt"]) {
    await cp(join(shipped, path), join(at.dir, path), { recursive: true });
  }
  const judged: [string, number, (number | string)[], number[]][] = [];
  for (const step of steps.filter(({ type }) => type === "agent")) {
    for (let attempt = 1; attempt <= 2; attempt++) {
      const before = await Promise.all(commandsOf(step).map((command) => exitCodeOf(command, at.dir)));
      const args = ["--tape", step.tape!, "--attempt", String(attempt)];
      const { events, code } = await startAgent("tape", { cwd: at.dir, args }).done;
      expect(code, JSON.stringify(events)).toBe(0);
      expect(events.at(-1)).toMatchObject({
        ok: true,
        finalText: expect.stringMatching(/<promise>COMPLETE<\/promise>$/),
      });
      const after = await Promise.all(commandsOf(step).map((command) => exitCodeOf(command, at.dir)));
      judged.push([step.id, attempt, before, after]);
      if (after.every((exit) => exit === 0)) break;
    }
  }
  expect(judged).toEqual([
    ["US-001", 1, [0, 1], [0, 1]],
    ["US-001", 2, [0, 1], [0, 0]],
    ["US-002", 1, [0, 1], [0, 0]],
    ["US-003", 1, [0, 1], [0, 0]],
  ]);
  const progress = parseProgress(await at.read("progress.txt"));
  expect(progress.patterns).toHaveLength(1);
  expect(progress.entries.map(({ stepId }) => stepId)).toEqual(["US-001", "US-002", "US-003"]);
  expect(progress.entries[0]!.text).toContain("- `format` writes hours");
});

test("the second attempt does not need what the first one left", async () => {
  await using at = await folder();
  await cp(join(shipped, "examples"), join(at.dir, "examples"), { recursive: true });
  await cp(join(shipped, "progress.txt"), join(at.dir, "progress.txt"));
  await rm(join(at.dir, "examples/duration/README.md"));
  const [step] = steps;
  const args = ["--tape", join(shipped, step!.tape!), "--attempt", "2"];
  expect((await startAgent("tape", { cwd: at.dir, args }).done).code).toBe(0);
  expect(await Promise.all(commandsOf(step!).map((command) => exitCodeOf(command, at.dir)))).toEqual([0, 0]);
});
