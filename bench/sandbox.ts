import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { sandboxSettings } from "../src/model/sandbox.ts";
import { openSandbox } from "../src/system/sandbox.ts";
import { absoluteRow, median, ms, type Row, timed } from "./measure.ts";
import { benchRepo } from "./repositories.ts";

const repetitions = 60;
const most = { start: 100, process: 25 } as const;

/** What the sandbox adds: to the start of a run, where it is tried, and to every process that runs in it. */
export async function sandbox(): Promise<Row[]> {
  await using repo = await benchRepo({ steps: 1 });
  const { root, commonDir, stateDir } = await repo.place();
  const at = { root, commonDir, stateDir, env: { ...repo.env, PATH: process.env.PATH ?? "" } };
  const starts: number[] = [];
  let opened = await openSandbox(at, sandboxSettings("auto"));
  for (let repetition = 0; repetition < 10; repetition += 1) {
    const started = performance.now();
    opened = await openSandbox(at, sandboxSettings("auto"));
    starts.push(performance.now() - started);
  }
  if (!opened.ok) {
    process.stderr.write(`sandbox: not measured, there is none here (${JSON.stringify(opened.why)})\n`);
    return [];
  }
  const [lane, tmp] = [join(stateDir, "lane"), join(stateDir, "tmp")];
  for (const dir of [lane, tmp]) await mkdir(dir, { recursive: true });
  const [bare, added]: [number[], number[]] = [[], []];
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const without = await timed(["true"], { cwd: lane, env: at.env });
    const started = performance.now();
    const fence = await opened.sandbox.fence({ profile: "developer", lane, cwd: lane, scratch: [tmp], tmp });
    await timed([...fence, "true"], { cwd: lane, env: at.env });
    bare.push(without);
    added.push(performance.now() - started - without);
  }
  return [
    absoluteRow("sandbox: what trying it adds to a start", median(starts), { most: most.start, unit: "ms" }),
    absoluteRow("sandbox: what it adds to a process", median(added), {
      most: most.process,
      unit: "ms",
      baseline: ms(median(bare)),
    }),
  ];
}
