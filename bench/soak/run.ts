import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { Event } from "../../src/model/event.ts";
import { journalLimits } from "../../src/report/journal-prune.ts";
import type { TestRepo } from "../../test/support/repo.ts";
import { commandOf, processesOf } from "../chaos/kill.ts";
import { median } from "../measure.ts";
import { capstan } from "../repositories.ts";
import { journalOf, look, type Sample } from "./sample.ts";
import { soakRepo } from "./scenario.ts";

const { values } = parseArgs({
  options: {
    iterations: { type: "string", default: "2000" },
    seed: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const iterations = Number(values.iterations);
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);

/** What a run left behind to judge. */
interface Run {
  samples: Sample[];
  outcomes: Map<string, number>;
  begun: number;
  /** How it ended, and the last thing that it said. */
  code: number | null;
  last: string;
  seconds: number;
}

process.stdout.write(`seed ${seed}, ${iterations} iterations\n`);
const repo = await soakRepo(seed, iterations);
const run = await play(repo);
const misses = [...await judge(repo, run)];
for (const miss of misses) process.stdout.write(`MISSED: ${miss}\n`);
if (misses.length > 0) process.stdout.write(`again: npm run soak -- --iterations ${iterations} --seed ${seed}\n`);
if (values.keep) process.stdout.write(`kept at ${repo.base}\n`);
else await repo[Symbol.asyncDispose]();
process.exitCode = misses.length === 0 ? 0 : 1;

/** Runs the loop in one process and looks at it from here, some four hundred times. */
async function play({ dir, env, path, ...rest }: TestRepo & { path: string }): Promise<Run> {
  const args = [...capstan.slice(1), "--json", "--max-iterations", String(iterations)];
  const child = spawn(capstan[0]!, args, {
    cwd: dir,
    env: { ...env, PATH: path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const began = performance.now();
  const every = Math.max(1, Math.floor(iterations / 400));
  const found: Run = { samples: [], outcomes: new Map(), begun: 0, code: null, last: "", seconds: 0 };
  const count = (outcome: string) => found.outcomes.set(outcome, (found.outcomes.get(outcome) ?? 0) + 1);
  createInterface({ input: child.stdout }).on("line", (line) => {
    found.last = line;
    const event = JSON.parse(line) as Event;
    if (event.kind === "landed") count("landed");
    if (event.kind === "attempt-ended") count(event.outcome);
    if (event.kind !== "iteration-started") return;
    found.begun += 1;
    if (found.begun % every !== 0) return;
    const sample = look({ dir, env, ...rest }, child.pid!, found.begun, performance.now() - began);
    if (sample !== null) found.samples.push(sample);
    if (found.begun % (every * 20) === 0 && process.stderr.isTTY) process.stderr.write(`${found.begun} ...\r`);
  });
  await once(child, "close");
  return { ...found, code: child.exitCode, seconds: (performance.now() - began) / 1000 };
}

/** Prints the figures, and returns what is not as it must be, one sentence each. */
async function judge(at: TestRepo, { samples, outcomes, begun, code, last, seconds }: Run): Promise<string[]> {
  const quarter = (n: number): Sample[] =>
    samples.filter(({ iteration }) => Math.min(3, Math.floor(4 * (iteration - 1) / iterations)) === n);
  const wrong: string[] = [];
  const row = (name: string, cells: readonly string[]) =>
    process.stdout.write(`${name.padEnd(24)}${cells.map((cell) => cell.padStart(10)).join("")}\n`);
  // 5: the limit is reached with steps left.
  if (code !== 5 || begun !== iterations) {
    return [`the run ended with ${code} after ${begun} iterations: ${last.slice(0, 2000)}`];
  }
  row("", ["1st", "2nd", "3rd", "4th quarter"]);
  const grow = (name: string, of: (sample: Sample) => number, most: (before: number) => number) => {
    const medians = [0, 1, 2, 3].map((n) => median(quarter(n).map(of)));
    row(name, medians.map((value) => value.toFixed(Number.isInteger(value) ? 0 : 1)));
    const [, second, , fourth] = medians;
    if (fourth! > most(second!)) wrong.push(`${name}: ${fourth} in the last quarter, ${second} in the second`);
  };
  grow("memory, MB", ({ memoryMb }) => memoryMb, (before) => before * 1.1);
  const few = (before: number): number => before + 2;
  grow("open files", ({ files }) => files, few);
  grow("processes", ({ processes }) => processes, few);
  grow("lanes and homes", ({ lanes }) => lanes, few);
  grow("refs and notes", ({ refs }) => refs, few);
  const times = [0, 1, 2, 3].map((n) => {
    const [first, final] = [quarter(n)[0]!, quarter(n).at(-1)!];
    return (final.atMs - first.atMs) / Math.max(1, final.iteration - first.iteration);
  });
  row("ms an iteration", times.map((value) => value.toFixed(0)));

  const journal = await journalOf(at);
  const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`;
  process.stdout.write(`journal                 ${mb(journal.bytes)}, events ${mb(journal.eventBytes)}\n`);
  const { maxBytes, maxEventBytes } = journalLimits;
  if (journal.bytes > maxBytes + 2 * maxEventBytes) wrong.push(`the journal has ${mb(journal.bytes)}`);
  if (journal.eventBytes > maxEventBytes) wrong.push(`a file of events has ${mb(journal.eventBytes)}`);
  const counts = [...outcomes].map(([outcome, times_]) => `${outcome} ${times_}`).join(", ");
  process.stdout.write(`outcomes                ${counts}\ntime                    ${seconds.toFixed(0)} s\n`);
  const left = processesOf(at.base).map((pid) => `process ${pid} is left: ${commandOf(pid)}`);
  return [...wrong, ...left];
}
