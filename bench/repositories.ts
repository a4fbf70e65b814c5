import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { exec } from "../src/system/exec.ts";
import { planText } from "../test/e2e/rig.ts";
import { createRepo, type TestRepo } from "../test/support/repo.ts";

/** The program as a person starts it from a checkout. */
export const capstan: readonly string[] = [process.execPath, resolve(import.meta.dirname, "../bin/capstan.js")];

/** The branch that runs of the bench land on; `minimal.sh` uses the same. */
export const branch = "capstan/bench";

export interface BenchRepo extends TestRepo {
  /** Where `minimal.sh` finds its input and keeps its lanes. */
  input: string;
  lanes: string;
}

/** A repository with a plan of so many steps, each of which touches one file, and with so many other files. */
export async function benchRepo({ steps, files = 0 }: { steps: number; files?: number }): Promise<BenchRepo> {
  const repo = await createRepo({ files: false });
  if (files > 0) await importFiles(repo, files);
  await repo.commit("chore: start", { "README.md": "# Bench\n", "out/.keep": "", "prd.json": benchPlan(steps) });
  const input = join(repo.base, "input");
  await mkdir(input);
  return { ...repo, input, lanes: join(repo.base, "lanes") };
}

/** A plan whose agent does next to nothing: it touches one file. `more` adds to the n-th step. */
export function benchPlan(steps: number, more: (step: number) => Record<string, unknown> = () => ({})): string {
  const list = Array.from({ length: steps }, (_, index) => ({
    id: stepId(index + 1),
    title: `Touch the file number ${index + 1}`,
    description: "As a maintainer I want this file, so that there is something to land.",
    acceptanceCriteria: [`out/${index + 1} exists`],
    command: ["touch", `out/${index + 1}`],
    trust: "agent",
    ...more(index + 1),
  }));
  return planText(list, { project: "Bench", branchName: branch });
}

export function stepId(step: number): string {
  return `US-${String(step).padStart(5, "0")}`;
}

/** Small text files in folders of a hundred, as one pack: writing so many loose objects would take minutes. */
async function importFiles(repo: TestRepo, files: number): Promise<void> {
  const lines = ["commit refs/heads/main", "committer Bench <bench@example.com> 1700000000 +0000", "data 0", ""];
  for (let at = 0; at < files; at += 1) {
    const text = `export const value${at} = ${at};\n`;
    const folder = String(Math.floor(at / 100)).padStart(4, "0");
    lines.push(`M 100644 inline tree/${folder}/file${at}.ts`, `data ${text.length}`, text);
  }
  const { exit, stderr } = await exec(["git", "fast-import", "--quiet"], {
    cwd: repo.dir,
    env: repo.env,
    stdin: lines.join("\n"),
  });
  if (exit.kind !== "code" || exit.code !== 0) throw new Error(`git fast-import: ${stderr}`);
  await repo.git("-c", "checkout.workers=4", "reset", "-q", "--hard");
}

/**
 * Prepares what `minimal.sh` needs for the steps `first` to `last`, from a repository where Capstan just landed them:
 * the same plan and progress texts, a message and a record of the same size.
 */
export async function writeInput(from: TestRepo, to: BenchRepo, first: number, last: number): Promise<void> {
  const landed = (await from.git("log", "--reverse", "--format=%H", "--grep=^feat: ", branch)).split("\n");
  for (let step = first; step <= last; step += 1) {
    const commit = landed[step - 1]!;
    await writeFile(join(to.input, `plan.${step}`), (await from.show(commit, "prd.json"))!);
    await writeFile(join(to.input, `progress.${step}`), (await from.show(commit, "progress.txt"))!);
  }
  const [ledger] = (await from.git("for-each-ref", "--format=%(refname)", "refs/capstan/ledger/")).split("\n");
  const names = (await from.git("ls-tree", "--name-only", "main")).split("\n").filter((name) => name !== "prd.json");
  await writeFile(join(to.input, "message"), await from.git("log", "-1", "--format=%B", branch));
  await writeFile(join(to.input, "record"), await from.git("log", "-1", "--format=%B", ledger!));
  await writeFile(join(to.input, "root"), `${names.join("\n")}\n`);
}

/** One git command as `GIT_TRACE2_EVENT` tells it: what was asked (`-c` left out), and the `-c` arguments. */
export interface TracedGit {
  args: string[];
  settings: string[];
}

/** The git commands that were started with `GIT_TRACE2_EVENT=file`, in their order. */
export async function readTrace(file: string): Promise<TracedGit[]> {
  const events = (await readFile(file, "utf8")).trim().split("\n").map((line) =>
    JSON.parse(line) as { event: string; argv?: string[] }
  );
  return events.filter(({ event }) => event === "start").map(({ argv = [] }) => {
    const args = argv.slice(1);
    const settings: string[] = [];
    while (args[0] === "-c") settings.push(...args.splice(0, 2));
    if (args[0] === "-C") args.splice(0, 2);
    return { args, settings };
  });
}
