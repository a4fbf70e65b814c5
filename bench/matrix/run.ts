import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { type Cli, install, packages } from "../../test/e2e-real/install.ts";
import { random } from "../chaos/random.ts";
import { markdown } from "../table.ts";
import { type Cell, play } from "./cell.ts";
import { always, failures } from "./failures.ts";

const { values } = parseArgs({
  options: {
    bounded: { type: "boolean", default: false },
    cli: { type: "string", multiple: true },
    failure: { type: "string", multiple: true },
    minutes: { type: "string", default: "Infinity" },
    parallel: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000_000);
const began = performance.now();

const bins = new Map<Cli, string>();
for (const cli of Object.keys(packages) as Cli[]) {
  if (values.cli !== undefined && !values.cli.includes(cli)) continue;
  const installed = await install(cli);
  if (installed.ok) bins.set(cli, installed.bin);
}
process.exitCode = bins.size === 0 ? 0 : await main();

/** Plays the cells and prints them as a table. Exit code 1 when one is not as it must be. */
async function main(): Promise<number> {
  const limit = pLimit(Number(values.parallel));
  const wanted = chosen([...bins.keys()]);
  const played = await Promise.all(
    wanted.map(([failure, cli]) =>
      limit(async () => {
        const isLate = performance.now() - began > Number(values.minutes) * 60_000;
        if (isLate && !isAlways(failure)) return null;
        const cell = await play(failure, cli, bins.get(cli)!, values.bounded);
        const { class: found, action, seconds } = cell;
        process.stderr.write(`${failure}, ${cli}: ${found}, ${action}, ${seconds.toFixed(1)} s\n`);
        for (const line of cell.wrong) process.stdout.write(`WRONG: ${failure} with ${cli}: ${line}\n`);
        return cell;
      })
    ),
  );
  const cells = played.filter((cell) => cell !== null);
  const late = wanted.filter((_, at) => played[at] === null).map(([failure, cli]) => `${failure} with ${cli}`);
  if (late.length > 0) process.stdout.write(`no time was left for: ${late.join(", ")}\n`);
  process.stdout.write(`${table(cells)}\n`);
  const wrong = cells.filter((cell) => cell.wrong.length > 0);
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stdout.write(
    `${cells.length} cells, ${wrong.length} wrong, ${seconds} s${values.bounded ? `, seed ${seed}` : ""}\n`,
  );
  for (const { failure, cli } of wrong) {
    process.stdout.write(`again: npm run matrix -- --cli ${cli} --failure "${failure}"\n`);
  }
  return wrong.length === 0 ? 0 : 1;
}

/** All cells; bounded: the ones that every CLI must play, and of each other failure one CLI, which the seed decides. */
function chosen(clis: readonly Cli[]): [string, Cli][] {
  const names = Object.keys(failures).filter((name) => values.failure?.includes(name) ?? true);
  const dice = random(seed);
  const cells = names.flatMap((name): [string, Cli][] =>
    (!values.bounded || isAlways(name) ? clis : [dice.pick(quick(name, clis))]).map((cli) => [name, cli])
  );
  // What must be played begins, first of all what hangs: it takes long and needs no processor.
  const rank = (name: string): number => (isAlways(name) ? 0 : 2) + (failures[name]!.silent === true ? 0 : 1);
  return cells.toSorted(([a], [b]) => rank(a) - rank(b));
}

/** Those that give up within a minute; of which there are always some, unless one asked for a slow one alone. */
function quick(name: string, clis: readonly Cli[]): readonly Cli[] {
  const found = clis.filter((cli) => failures[name]!.slow?.includes(cli) !== true);
  return found.length === 0 ? clis : found;
}

function isAlways(name: string): boolean {
  return always.some((known) => known === name);
}

function table(cells: readonly Cell[]): string {
  const clis = [...bins.keys()];
  const rows = Object.keys(failures).map((name) => [
    name,
    ...clis.map((cli) => {
      const cell = cells.find((played) => played.failure === name && played.cli === cli);
      if (cell === undefined) return "";
      const text = `${cell.class}, ${cell.action}, ${cell.seconds.toFixed(1)} s`;
      return cell.wrong.length === 0 ? text : `**${text}**`;
    }),
  ]);
  return markdown(["failure", ...clis], rows.filter((row) => row.slice(1).some((text) => text !== "")));
}
