import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { type Pair, ratioRow, type Row, timed } from "./measure.ts";
import { runCapstan } from "./loops.ts";
import { type BenchRepo, benchRepo, capstan, readTrace } from "./repositories.ts";

const most = { help: 3, status: 1.3 } as const;
const repetitions = 15;

/** What a person waits for: `--help` against a program that does nothing, `status` against what it cannot do without. */
export async function startup(): Promise<Row[]> {
  await using repo = await benchRepo({ steps: 20 });
  await runCapstan(repo, 10);
  const at = { cwd: repo.dir, env: repo.env };
  const empty = join(repo.base, "empty.mjs");
  await writeFile(empty, "");
  const imports = join(repo.base, "imports.mjs");
  await writeFile(imports, importing(["cli/main.ts", "cli/status.ts"]));
  const git = join(repo.base, "git.sh");
  await writeFile(git, await gitOfStatus(repo));

  const help: Pair[] = [];
  const status: Pair[] = [];
  for (let repetition = 0; repetition <= repetitions; repetition += 1) {
    const nothing = await timed([process.execPath, empty], at);
    help.push({ measured: [await timed([...capstan, "--help"], at)], baseline: [nothing] });
    const needed = await timed([process.execPath, imports], at) + await timed(["bash", git], at);
    status.push({ measured: [await timed([...capstan, "status"], at)], baseline: [needed] });
  }
  // The first one fills the compile cache.
  return [
    ratioRow("--help, against an empty program", help.slice(1), most.help),
    ratioRow("status, against its imports and its git commands", status.slice(1), most.status),
  ];
}

/** A program that only loads modules, with the compile cache that the real one uses. */
function importing(modules: readonly string[]): string {
  const lines = modules.map((path) => {
    const url = pathToFileURL(resolve(import.meta.dirname, "../src", path)).href;
    return `await import(${JSON.stringify(url)});`;
  });
  return ['import module from "node:module";', "module.enableCompileCache?.();", ...lines, ""].join("\n");
}

/** A script of the git commands that `status` runs, one after the other. */
async function gitOfStatus(repo: BenchRepo): Promise<string> {
  const trace = join(repo.base, "status.trace");
  await timed([...capstan, "status"], { cwd: repo.dir, env: { ...repo.env, GIT_TRACE2_EVENT: trace } });
  const tip = await repo.git("rev-parse", "HEAD:prd.json");
  const commands = (await readTrace(trace)).map(({ args, settings }) => {
    const words = ["git", ...settings, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    // The only one that reads: it is asked for the plan, as by `status`.
    return args[0] === "cat-file" ? `${words} <<< ${tip}` : words;
  });
  return `${commands.map((command) => `${command} > /dev/null`).join("\n")}\n`;
}
