import { runCapstan } from "./loops.ts";
import { absoluteRow, output, type Pair, ratioRow, type Row } from "./measure.ts";
import { type BenchRepo, benchRepo, capstan, stepId } from "./repositories.ts";

const most = { late: 1.2, brief: 1.1, fixedBytes: 6 * 1024 } as const;

const landedEarly = 10;
const landedLate = 500;
/** Iterations at each end of the long run that are compared. */
const window = 25;
/** After it: a new process at each end of the plan, in turn. */
const chunk = 5;
const chunks = 4;

/** A plan of more than 500 steps, worked off in one run: late iterations and briefs against early ones. */
export async function longPlan(): Promise<Row[]> {
  const steps = landedLate + chunk * chunks + 1;
  await using repo = await benchRepo({ steps });
  await using fresh = await benchRepo({ steps });
  await runCapstan(repo, landedEarly);
  const early = await briefOf(repo, steps);
  const times = await runCapstan(repo, landedLate - landedEarly);
  const late = await briefOf(repo, steps);
  const other = await briefOf(repo, steps - 1);

  const pairs: Pair[] = [];
  for (let repetition = 0; repetition < chunks; repetition += 1) {
    const measured = await runCapstan(repo, chunk);
    pairs.push({ measured, baseline: await runCapstan(fresh, chunk) });
  }
  const ends = { measured: times.slice(-window), baseline: times.slice(0, window) };
  return [
    ratioRow("Overhead of iteration 500, against iteration 5 of another run", pairs, most.late),
    ratioRow(`The last ${window} iterations of a run of ${landedLate}, against its first`, [ends], most.late),
    ...briefRows(early, late, other),
  ];
}

function briefRows(early: string, late: string, other: string): Row[] {
  const [before, after] = [early, late].map((text) => Buffer.byteLength(text)) as [number, number];
  const shared = start(late, "# Your step: ");
  const differing = Math.max(start(other, "# Your step: "), shared) - commonPrefix(late, other, shared);
  return [
    {
      what: `Brief at ${landedLate} landed steps, against ${landedEarly}`,
      measured: `${after} bytes`,
      baseline: `${before} bytes`,
      ratio: after / before,
      target: `<= ${most.brief}`,
      ok: after / before <= most.brief,
    },
    absoluteRow("Briefs of two steps: what differs before the step's part", differing, {
      most: 0,
      unit: "bytes",
      baseline: `${shared} bytes`,
    }),
    absoluteRow("Brief: the fixed part", start(late, "# The plan"), { most: most.fixedBytes, unit: "bytes" }),
  ];
}

/** Where a part of a brief begins, in bytes. */
function start(brief: string, heading: string): number {
  const at = brief.indexOf(`\n${heading}`);
  if (at === -1) throw new Error(`A brief without "${heading}":\n${brief}`);
  return Buffer.byteLength(brief.slice(0, at + 1));
}

function commonPrefix(a: string, b: string, end: number): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  for (let at = 0; at < end; at += 1) if (left[at] !== right[at]) return at;
  return end;
}

/** The brief of the n-th step, exactly as a run would send it now. */
async function briefOf(repo: BenchRepo, step: number): Promise<string> {
  return await output([...capstan, "brief", "--step", stepId(step)], { cwd: repo.dir, env: repo.env });
}
