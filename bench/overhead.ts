import { absoluteRow, type Pair, ratioRow, type Row } from "./measure.ts";
import { countCommands, gitOfOneIteration, runCapstan, runMinimal, sharedSettings, tracing } from "./loops.ts";
import { benchRepo } from "./repositories.ts";

const most = { small: 1.5, large: 2 } as const;

/** Git commands by which the script may differ from the runner. */
export const tolerance = 1;

/** Many: how fast processors wake each other on a virtual machine changes from one run to the next. */
const repetitions = 11;

/** What an iteration costs beside agent, setup and validators, against a script that runs the same git commands. */
export async function overhead(): Promise<Row[]> {
  const steps = 20;
  const git = await sameGit();
  const pairs: Pair[] = [];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    await using repo = await benchRepo({ steps });
    await using other = await benchRepo({ steps });
    const measured = await runCapstan(repo, steps);
    const baseline = await runMinimal(other, { like: repo, first: 1, last: steps, settings: git.settings });
    pairs.push({ measured, baseline });
  }
  return [ratioRow("Overhead of an iteration, against a minimal script", pairs, most.small), git.row];
}

/** The same in a large repository, where git itself takes its time. */
export async function large(): Promise<Row[]> {
  const chunk = 5;
  const chunks = 3;
  const { settings } = await sameGit();
  const options = { steps: chunk * chunks + 1, files: 50_000 };
  await using repo = await benchRepo(options);
  await using other = await benchRepo(options);
  const pairs: Pair[] = [];
  for (let first = 1; first <= chunk * chunks; first += chunk) {
    const measured = await runCapstan(repo, chunk);
    const baseline = await runMinimal(other, { like: repo, first, last: first + chunk - 1, settings });
    pairs.push({ measured, baseline });
  }
  return [ratioRow("Overhead of an iteration with 50,000 files, against its git commands", pairs, most.large)];
}

/** Runs both sides with git's own trace, to see that they do the same. */
async function sameGit(): Promise<{ settings: string[]; row: Row }> {
  const steps = 4;
  await using repo = await benchRepo({ steps });
  await using other = await benchRepo({ steps });
  await runCapstan(repo, steps, tracing(repo));
  const ours = await gitOfOneIteration(repo);
  const settings = sharedSettings(ours);
  await runMinimal(other, { like: repo, first: 1, last: steps, settings }, tracing(other));
  const theirs = await gitOfOneIteration(other);
  const row = absoluteRow("Git commands of an iteration in which the two differ", differenceOf(ours, theirs), {
    most: tolerance,
    unit: `of ${ours.length}`,
    baseline: `${theirs.length} commands`,
  });
  return { settings, row };
}

/** How many git commands one side runs and the other does not. */
export function differenceOf(ours: Parameters<typeof countCommands>[0], theirs: typeof ours): number {
  const [left, right] = [countCommands(ours), countCommands(theirs)];
  const names = new Set([...left.keys(), ...right.keys()]);
  return [...names].reduce((sum, name) => sum + Math.abs((left.get(name) ?? 0) - (right.get(name) ?? 0)), 0);
}
