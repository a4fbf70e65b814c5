import { join, resolve } from "node:path";
import type { Event } from "../src/model/event.ts";
import { output } from "./measure.ts";
import { type BenchRepo, capstan, readTrace, type TracedGit, writeInput } from "./repositories.ts";

const minimal = resolve(import.meta.dirname, "minimal.sh");

/** What a loop over some steps took: milliseconds of each iteration without its agent, the first one left out. */
export type Overheads = number[];

/**
 * Runs Capstan for so many iterations. An iteration's time reaches to the start of the next one, so that observing,
 * deciding and filling the lane are in it; the first of a process also pays for what a run does once, and the last one
 * has no next: both are left out.
 */
export async function runCapstan(
  repo: BenchRepo,
  iterations: number,
  trace: Record<string, string> = {},
): Promise<Overheads> {
  const argv = [...capstan, "--json", "--max-iterations", String(iterations)];
  // 5: the limit is reached with steps left.
  const printed = await output(argv, { cwd: repo.dir, env: { ...repo.env, ...trace }, codes: [0, 5] });
  const events = printed.trim().split("\n").map((line) => JSON.parse(line) as Event);
  const landed = events.filter(({ kind }) => kind === "landed").length;
  if (landed !== iterations) throw new Error(`${landed} of ${iterations} steps landed:\n${printed.slice(-2000)}`);
  const starts = events.filter(({ kind }) => kind === "iteration-started").map(({ at }) => Date.parse(at));
  const agents = events.flatMap((event) => event.kind === "agent-ended" ? [event.report.durationMs] : []);
  return starts.slice(0, -1).map((start, index) => starts[index + 1]! - start - agents[index]!).slice(1);
}

/** Runs the same steps by the minimal script. Capstan must have landed them in `like` before. */
export async function runMinimal(
  repo: BenchRepo,
  request: { like: BenchRepo; first: number; last: number; settings: readonly string[] },
  trace: Record<string, string> = {},
): Promise<Overheads> {
  const { like, first, last, settings } = request;
  await writeInput(like, repo, first, last);
  const argv = ["bash", minimal, repo.dir, repo.input, repo.lanes, String(first), String(last), ...settings];
  const printed = await output(argv, { cwd: repo.base, env: { ...repo.env, ...trace } });
  return printed.trim().split("\n").map((line) => Number(line) / 1000).slice(1, -1);
}

/** The git commands of one iteration in the middle of a traced run: from one landing to the next. */
export async function gitOfOneIteration(repo: BenchRepo): Promise<TracedGit[]> {
  const commands = await readTrace(traceFile(repo));
  const landings = commands.flatMap(({ args }, index) =>
    args[0] === "update-ref" && args.some((arg) => /(^|: )land /.test(arg)) ? [index] : []
  );
  const [from, to] = landings.slice(-2);
  if (from === undefined || to === undefined) throw new Error("A traced run needs two landings");
  return commands.slice(from, to);
}

export function tracing(repo: BenchRepo): Record<string, string> {
  return { GIT_TRACE2_EVENT: traceFile(repo) };
}

function traceFile(repo: BenchRepo): string {
  return join(repo.base, "trace");
}

/** The settings that the runner gives to every git command: the ones that most of them have. */
export function sharedSettings(commands: readonly TracedGit[]): string[] {
  const shortest = commands.toSorted((a, b) => a.settings.length - b.settings.length)[0];
  return shortest?.settings ?? [];
}

/** How often each git command runs, such as `read-tree 4`, in the order of the alphabet. */
export function countCommands(commands: readonly TracedGit[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of commands.map(({ args }) => args[0] ?? "").toSorted()) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
