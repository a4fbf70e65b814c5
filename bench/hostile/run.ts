import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { loop } from "../../test/e2e/rig.ts";
import type { Hostile } from "./agent.ts";
import { beyond } from "./beyond.ts";
import { broken } from "./broken.ts";
import { checks } from "./checks.ts";
import { guards } from "./guards.ts";
import { tricks } from "./tricks.ts";
import { damage, endLeft, falsePasses, makeWorld, recorded, type World } from "./world.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    level: { type: "string" },
    seed: { type: "string" },
    sample: { type: "string" },
    minutes: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

type Level = "required" | "none";

interface Trial {
  hostile: Hostile;
  level: Level;
}

interface Result extends Trial {
  /** What got through; `held` says that this level promises to hold it. */
  breaches: string[];
  held: boolean;
  recorded: string;
}

const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
const endAt = values.minutes === undefined ? Infinity : performance.now() + Number(values.minutes) * 60_000;
const levels: Level[] = values.level === undefined ? ["required", "none"] : [values.level as Level];
const all = [...tricks, ...checks, ...guards, ...broken, ...beyond];
const names = new Set(all.map(({ name }) => name));
if (names.size < all.length) throw new Error("two agents have the same name");

const chosen = all.filter(({ name }) => values.only === undefined || name === values.only)
  .flatMap((hostile) => levels.map((level): Trial => ({ hostile, level })));
const trials = shuffled(chosen, seed).slice(0, values.sample === undefined ? undefined : Number(values.sample));
const results: Result[] = [];
const began = performance.now();
let next = 0;

/** The same order for the same seed (mulberry32). */
function shuffled<T>(list: readonly T[], from: number): T[] {
  let state = from;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return list.map((value) => ({ value, at: random() })).toSorted((a, b) => a.at - b.at).map(({ value }) => value);
}

async function play({ hostile, level }: Trial): Promise<Result> {
  const world = await makeWorld(hostile, level);
  await using repo = world.repo;
  const run = await loop(repo);
  const [wrong, broke] = await judged(world);
  await endLeft(world.token);
  const held = level === "required" || hostile.leaves !== true || hostile.undone === true;
  const strange = held && run.stderr !== "" ? [`the runner said: ${run.stderr.slice(0, 300)}`] : [];
  const crashed = held && (run.code === null || run.code === 1 || run.code === 70)
    ? [`the runner ended with ${run.code}`]
    : [];
  if (values.verbose) process.stderr.write(`${run.stdout}\n${run.stderr}\n`);
  return {
    hostile,
    level,
    held,
    breaches: [...wrong, ...broke, ...strange, ...crashed],
    recorded: recorded(run.events),
  };
}

/** A repository that git can't work with any more is damage like any other. */
async function judged(world: World): Promise<[string[], string[]]> {
  try {
    return [await falsePasses(world), await damage(world)];
  } catch (error) {
    return [[], [`the repository is damaged: ${error instanceof Error ? error.message.slice(0, 200) : String(error)}`]];
  }
}

async function worker(): Promise<void> {
  while (next < trials.length && performance.now() < endAt) {
    const trial = trials[next]!;
    next += 1;
    const result = await play(trial);
    results.push(result);
    if (result.held && result.breaches.length > 0) {
      process.stdout.write(`BREACH ${trial.hostile.name} (${trial.level}): ${result.breaches.join("; ")}\n`);
      process.stdout.write(
        `  again: npm run hostile -- --only ${trial.hostile.name} --level ${trial.level} --verbose\n`,
      );
    }
  }
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));

const word = ({ breaches, held }: Result): string => breaches.length === 0 ? "yes" : held ? "BREACH" : "not held";
const byName = Map.groupBy(results, ({ hostile }) => hostile.name);
const rows = all.filter(({ name }) => byName.has(name)).map(({ name, attempts }) => {
  const of = (level: Level) => byName.get(name)?.find((result) => result.level === level);
  const contained = (level: Level) => {
    const result = of(level);
    return result === undefined ? "-" : word(result);
  };
  const told = byName.get(name)!.map((result) => result.recorded).find((text) => text !== "") ?? "";
  return [name, attempts, contained("required"), contained("none"), told.slice(0, 70)];
});
const header = ["agent", "attempts to", "sandbox", "none", "recorded"];
const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
const line = (cells: readonly string[]) =>
  cells.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd();
process.stdout.write(`${[header, ...rows].map(line).join("\n")}\n\n`);

const count = (test: (result: Result) => boolean): number => results.filter(test).length;
const failed = results.filter(({ held, breaches }) => held && breaches.length > 0);
const figures = [
  `agents        ${byName.size} of ${all.length}, seed ${seed}`,
  `attempted     ${results.length}`,
  `contained     ${count(({ breaches }) => breaches.length === 0)}`,
  `not held      ${count(({ held, breaches }) => !held && breaches.length > 0)} (without a sandbox, by absolute path)`,
  `recorded      ${count((result) => result.recorded !== "")}`,
  `breaches      ${failed.length}`,
  `time          ${Math.round((performance.now() - began) / 1000)} s`,
];
process.stdout.write(`${figures.join("\n")}\n`);
process.exitCode = failed.length === 0 && results.length > 0 ? 0 : 1;
