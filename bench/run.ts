import { readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { guards } from "./guards.ts";
import { largePlan } from "./large-plan.ts";
import { longPlan } from "./long-plan.ts";
import { output, type Row } from "./measure.ts";
import { large, overhead } from "./overhead.ts";
import { sandbox } from "./sandbox.ts";
import { startup } from "./startup.ts";
import { markdown } from "./table.ts";

const benchmarks: Readonly<Record<string, () => Promise<Row[]>>> = {
  startup,
  overhead,
  large,
  "large-plan": largePlan,
  "long-plan": longPlan,
  sandbox,
  guards,
};

const usage = `node bench/run.ts [${Object.keys(benchmarks).join(" | ")}] ... [--write]`;

/** What stands around the table in README.md. */
const begin = "<!-- written by npm run bench -- --write -->";
const end = "<!-- end -->";

process.exitCode = await main(process.argv.slice(2));

/** Runs the named benchmarks, or all, and prints their table. Exit code 1 when a target is missed. */
async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { write: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const names = positionals.length === 0 ? Object.keys(benchmarks) : positionals;
  const unknown = names.find((name) => !(name in benchmarks));
  if (unknown !== undefined || (values.write && positionals.length > 0)) {
    process.stderr.write(unknown === undefined ? `--write needs all of them: ${usage}\n` : `${usage}\n`);
    return 2;
  }
  const rows: Row[] = [];
  for (const name of names) {
    process.stderr.write(`${name} ...\n`);
    rows.push(...await benchmarks[name]!());
  }
  const table = tableOf(rows);
  process.stdout.write(`${table}\n`);
  if (values.write) await keep(table);
  return rows.every(({ ok }) => ok) ? 0 : 1;
}

function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ what, measured, baseline, ratio, target, ok }) => [
    what,
    measured,
    baseline,
    ratio === null ? "" : ratio.toFixed(2),
    target,
    ok ? "yes" : "**no**",
  ]);
  return markdown(["what", "measured", "baseline", "ratio", "target", "ok"], cells);
}

/** Puts the table and the machine into README.md, between its two marks. */
async function keep(table: string): Promise<void> {
  const file = join(import.meta.dirname, "README.md");
  const text = await readFile(file, "utf8");
  const [before, after] = [text.indexOf(begin), text.indexOf(end)];
  if (before === -1 || after === -1) throw new Error("bench/README.md has lost the marks of its table");
  const figures = `${await machine()}\n\n${table}\n`;
  await writeFile(file, `${text.slice(0, before + begin.length)}\n\n${figures}\n${text.slice(after)}`);
}

async function machine(): Promise<string> {
  const git = await output(["git", "--version"], { cwd: import.meta.dirname, env: { PATH: process.env.PATH ?? "" } });
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, ${cpus().length} x ${
    cpu?.model.trim() ?? "unknown"
  }, ${memory} GiB, ${process.platform} ${process.arch}, ` +
    `Node ${process.version}, ${git.trim()}`;
}
