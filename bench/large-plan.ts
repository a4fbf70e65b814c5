import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decide, type DecideState } from "../src/loop/decide.ts";
import { runLimits } from "../src/loop/limits.ts";
import { emptyLedger } from "../src/model/fold.ts";
import { failures } from "../test/support/failures.ts";
import type { Plan } from "../src/model/plan.ts";
import { readPlan } from "../src/plan/read.ts";
import { absoluteRow, median, output, type Row } from "./measure.ts";
import { benchPlan, type BenchRepo, benchRepo, capstan, stepId } from "./repositories.ts";

const many = 10_000;
const few = 10;
const most = { decideMs: 50, megabytes: 150 } as const;

/** A plan of 10,000 steps: what a decision costs, and what the whole runner takes in memory. */
export async function largePlan(): Promise<Row[]> {
  // Half of it is done, and every step waits for the one before it: nothing is found by a short look.
  const text = benchPlan(many, (step) => ({ passes: step <= many / 2, needs: step === 1 ? [] : [stepId(step - 1)] }));
  const readMs = await timesOf(() => readPlan(text, "prd.json"));
  const read = readPlan(text, "prd.json");
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const state = stateOf(read.plan);
  const decision = decide(state);
  if (decision.kind !== "iterate") throw new Error(`Expected to iterate, not to ${decision.kind}`);
  const decideMs = await timesOf(() => decide(state));

  await using large = await benchRepo({ steps: many });
  await using small = await benchRepo({ steps: few });
  const decides = await peaks(large, small, "--dry-run");
  const works = await peaks(large, small, "--once");
  return [
    absoluteRow(`Decision over ${many} steps`, decideMs, {
      most: most.decideMs,
      unit: "ms",
      baseline: `reading them: ${readMs.toFixed(0)} ms`,
    }),
    absoluteRow(`Memory to read, decide and brief over ${many} steps, beyond ${few} steps`, decides.beyond, {
      most: most.megabytes,
      unit: "MB",
      baseline: `${decides.usual.toFixed(0)} MB`,
    }),
    {
      ...absoluteRow(`The same for a run with one iteration`, works.beyond, {
        most: Infinity,
        unit: "MB",
        baseline: `${works.usual.toFixed(0)} MB`,
      }),
      target: "",
    },
  ];
}

function stateOf(plan: Plan): DecideState {
  return {
    plan,
    ledger: emptyLedger(),
    use: { startedAt: 0, now: 0, iterations: 0, costUsd: 0, costAbout: 0, costUnknown: 0, tokens: 0, waitedMs: 0 },
    limits: runLimits([], 0),
    day: { startsAt: 0, endsAt: 1 },
    only: null,
    agent: null,
    chosen: {},
    fallbackModels: {},
    unusable: {},
    failures,
    unverifiable: new Set(),
    interrupted: null,
  };
}

/** Median milliseconds of a call. */
async function timesOf(call: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let repetition = 0; repetition < 11; repetition += 1) {
    const started = performance.now();
    call();
    times.push(performance.now() - started);
    await new Promise(setImmediate);
  }
  return median(times);
}

/** The most memory that the program takes in a repository with a small plan, and what a large one adds to it. */
async function peaks(large: BenchRepo, small: BenchRepo, option: string): Promise<{ usual: number; beyond: number }> {
  // The first one compiles what the others find in the cache.
  await peakMegabytes(small, option);
  const usual = await peakMegabytes(small, option);
  return { usual, beyond: await peakMegabytes(large, option) - usual };
}

/** As the kernel counted it, from start to end. */
async function peakMegabytes(repo: BenchRepo, option: string): Promise<number> {
  const file = join(repo.base, "peak");
  // Not `resourceUsage().maxRSS`: on Linux that begins with what the process that forked it took.
  const atExit = `import { readFileSync, writeFileSync } from "node:fs";
    const peak = () => /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1];
    process.on("exit", () => writeFileSync(process.env.BENCH_PEAK, peak()));`;
  const [node = "", ...program] = capstan;
  const argv = [node, "--import", `data:text/javascript,${encodeURIComponent(atExit)}`, ...program, option];
  await output(argv, { cwd: repo.dir, env: { ...repo.env, BENCH_PEAK: file }, codes: [0, 5] });
  return Number(await readFile(file, "utf8")) / 1024;
}
