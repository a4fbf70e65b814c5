import { parseArgs } from "node:util";
import { cleanEnv } from "../../src/system/env.ts";
import { which } from "../../src/system/which.ts";
import type { GitFate } from "../../test/support/git-shim.ts";
import { playSeed, type RunResult } from "./one-run.ts";

/** How many repositories are played side by side. */
const lanes = 2;

const { values } = parseArgs({
  options: {
    runs: { type: "string" },
    kills: { type: "string" },
    minutes: { type: "string" },
    "at-least": { type: "string", default: "0" },
    seed: { type: "string" },
    keep: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

const first = Number(values.seed ?? Date.now() % 1_000_000_000);
const limits = {
  runs: values.runs === undefined ? Infinity : Number(values.runs),
  kills: values.kills === undefined ? Infinity : Number(values.kills),
  /** Time does not end it before so many kills. */
  atLeast: Number(values["at-least"]),
  endAt: values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000,
};
if ([limits.runs, limits.kills, limits.endAt].every((limit) => limit === Infinity)) limits.kills = 5000;

const fates: GitFate[] = ["before", "alone", "after", "during", "git"];
if (await which("strace", cleanEnv()) !== null) fates.push("cut");

const results: RunResult[] = [];
let next = first;
const began = performance.now();

function isOver(): boolean {
  const kills = results.reduce((sum, result) => sum + result.kills, 0);
  const isLate = kills >= limits.atLeast && performance.now() >= limits.endAt;
  return next - first >= limits.runs || kills >= limits.kills || isLate;
}

async function worker(): Promise<void> {
  while (!isOver()) {
    const seed = next;
    next += 1;
    const result = await playSeed(seed, { fates, keep: values.keep });
    results.push(result);
    if (values.verbose || result.violations.length > 0 || result.strange > 0) tell(result);
  }
}

function tell({ seed, name, violations, story }: RunResult): void {
  const lines = [
    `seed ${seed} (${name})`,
    ...story.map((line) => `  ${line}`),
    ...violations.map((line) => `  WRONG: ${line}`),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  if (violations.length > 0) process.stdout.write(`  again: npm run chaos -- --seed ${seed} --runs 1 --keep\n`);
}

await Promise.all(Array.from({ length: Math.min(lanes, limits.runs) }, worker));

const failed = results.filter(({ violations }) => violations.length > 0);
const sum = (of: (result: RunResult) => number): number => results.reduce((total, result) => total + of(result), 0);
const points = Map.groupBy(results.flatMap((result) => result.points), (point) => point);
const table = [...points].map(([point, hits]) => ({ point, hits: hits.length })).toSorted((a, b) => b.hits - a.hits);
if (values.verbose || failed.length > 0) {
  for (const { point, hits } of table) process.stdout.write(`${String(hits).padStart(6)}  ${point}\n`);
}
const figures = [
  `runs          ${results.length}, seeds ${first} to ${next - 1}`,
  `kills         ${sum(({ kills }) => kills)}`,
  `other kills   ${sum(({ strange }) => strange)} (not by this program)`,
  `starts        ${sum(({ starts }) => starts)}`,
  `points        ${points.size}`,
  `fates of git  ${fates.join(", ")}${
    fates.includes("cut") ? "" : " (no strace here: git is not cut at system calls)"
  }`,
  `recoveries    ${sum(({ recovered }) => recovered.length)}`,
  `time          ${Math.round((performance.now() - began) / 1000)} s`,
  `failures      ${failed.length}${failed.length === 0 ? "" : `: seeds ${failed.map(({ seed }) => seed).join(", ")}`}`,
];
process.stdout.write(`${figures.join("\n")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
