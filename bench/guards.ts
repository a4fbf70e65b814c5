import { join } from "node:path";
import { watchAnomalies } from "../src/agents/anomalies.ts";
import { ownership } from "../src/lanes/ownership.ts";
import { takePhoto } from "../src/lanes/photo.ts";
import { readPlan } from "../src/plan/read.ts";
import { exec } from "../src/system/exec.ts";
import { mark } from "../src/system/marks.ts";
import { supervise } from "../src/system/supervise.ts";
import { sweepMarked } from "../src/system/sweep.ts";
import { loosenings } from "../src/validators/guard/guard.ts";
import { lockPassed } from "../src/validators/lock.ts";
import { selectValidators } from "../src/validators/select.ts";
import { ms, type Row } from "./measure.ts";
import { benchPlan, type BenchRepo, benchRepo, branch } from "./repositories.ts";

/** Landed steps at both ends that are compared. */
const history = { early: 10, late: 500 } as const;
const repetitions = 40;
/** Validators of the repository. */
const kinds = 20;
/** What an item may cost more with the long history, for noise: so many times as much, or this share of its target. */
const growth = { factor: 1.5, share: 0.2 } as const;

/** What guards an iteration: one thing that it does, and the most that it may take. */
interface Item {
  what: string;
  mostMs: number;
  run: (past: Past) => unknown;
  /** The same without it, right before: its time is taken off. */
  without?: (past: Past) => unknown;
}

/** A repository with so many landed steps, and what the loop has of it in memory. */
interface Past {
  repo: BenchRepo;
  commonDir: string;
  plan: Extract<ReturnType<typeof readPlan>, { ok: true }>["plan"];
  validators: Parameters<typeof selectValidators>[1];
}

const changed = Array.from({ length: 100 }, (_, at) => `src/part${at % 10}/file${at}.ts`);
const testText = Array.from({ length: 200 }, (_, at) => `test("case ${at}", () => expect(of(${at})).toBe(${at}));`);
const blob = (oid: string) => ({ mode: "100644", oid: oid.repeat(40) });

const items: readonly Item[] = [
  {
    what: "what its group, mark, output and sweep add to a process",
    mostMs: 20,
    run: ({ repo }) =>
      supervise({
        argv: ["true"],
        cwd: repo.dir,
        env: repo.env,
        mark: mark("bench", "items", 1),
        stop: { signal: "SIGTERM", graceMs: 1000 },
        timeoutMs: 60_000,
        idleMs: 60_000,
      }).done,
    without: ({ repo }) => exec(["true"], { cwd: repo.dir, env: repo.env }),
  },
  { what: "one look for processes that were left", mostMs: 20, run: () => sweepMarked(mark("bench", "items", 2)) },
  {
    what: "refs, hooks and configuration before and after the agent (without a sandbox)",
    mostMs: 20,
    run: ({ commonDir }) => {
      const place = { commonDir, gitDir: commonDir };
      return takePhoto(place, takePhoto(place, null));
    },
  },
  {
    what: "whose each of 100 changed files is",
    mostMs: 5,
    run: () => {
      const place = { planPath: "prd.json", progressPath: "progress.txt", registriesPath: "registries" };
      const owner = ownership({ place, skipped: [], made: ["node_modules"], protects: ["test/**", "*.config.js"] });
      return changed.map((path) => owner({ path, before: blob("a"), after: blob("b") }));
    },
  },
  {
    what: "whether 20 changed files of tests loosen anything",
    mostMs: 60,
    run: () => {
      const changes = changed.slice(0, 20).map((path) => ({
        path: path.replace(".ts", ".test.ts"),
        from: path.replace(".ts", ".test.ts"),
        before: testText.join("\n"),
        after: testText.toSpliced(100, 1).join("\n"),
      }));
      return loosenings(changes, { paths: [] });
    },
  },
  {
    what: "which validators run, with those that earlier steps passed on",
    mostMs: 30,
    run: ({ plan, validators }) => {
      const step = plan.steps.at(-1)!;
      const { selected } = selectValidators(step, validators, changed);
      return lockPassed(plan, step, selected, changed.map((path) => ({ path, status: "modified" })));
    },
  },
  {
    what: "1,000 events of an agent, looked at for going in circles",
    mostMs: 20,
    run: () => {
      const watch = watchAnomalies();
      for (let at = 0; at < 500; at += 1) {
        watch.see({ kind: "tool-start", id: `${at}`, name: "run", detail: `command ${at}` }, at);
        watch.see({ kind: "tool-end", id: `${at}`, ok: true, detail: "" }, at);
      }
    },
  },
];

/** What processes and guards cost an iteration, each by itself, after few and after many landed steps, in turn. */
export async function guards(): Promise<Row[]> {
  await using early = await benchRepo({ steps: 1 });
  await using late = await benchRepo({ steps: 1 });
  const pasts = [await past(early, history.early), await past(late, history.late)] as const;
  const rows: Row[] = [];
  for (const { what, mostMs, run, without } of items) {
    const times: [number[], number[]] = [[], []];
    for (let repetition = 0; repetition <= repetitions; repetition += 1) {
      for (const at of [0, 1] as const) {
        const begun = performance.now();
        await without?.(pasts[at]);
        const started = performance.now();
        await run(pasts[at]);
        const taken = performance.now() - started - (without === undefined ? 0 : started - begun);
        // The first time pays for what is compiled.
        if (repetition > 0) times[at].push(taken);
      }
    }
    const [before, after] = times.map(lowerQuartile) as [number, number];
    rows.push({
      what: `guards: ${what}`,
      measured: ms(after),
      baseline: ms(before),
      ratio: null,
      target: `<= ${mostMs} ms`,
      ok: after <= mostMs && after <= Math.max(before * growth.factor, before + mostMs * growth.share),
    });
  }
  return rows;
}

/** What it takes when nobody else is busy: single milliseconds drown in the median of a machine at work. */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 2]!;
}

/** Commits and records as if the steps had landed: by hand it would take minutes. */
async function past(repo: BenchRepo, landed: number): Promise<Past> {
  const text = benchPlan(landed + 1, (step) => ({ passes: step <= landed, validators: [`made-${step % kinds}`] }));
  const read = readPlan(text, "prd.json");
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  const commits = (ref: string) =>
    Array.from({ length: landed }, (_, at) => [
      `commit ${ref}`,
      `committer Bench <bench@example.com> ${1_700_000_000 + at} +0000`,
      "data 4",
      "step",
    ]).flat();
  const stdin = [...commits(`refs/heads/${branch}`), ...commits("refs/capstan/ledger/plan-bench"), ""].join("\n");
  await exec(["git", "fast-import", "--quiet"], { cwd: repo.dir, env: repo.env, stdin });
  const validators = Array.from({ length: kinds }, (_, at) => ({
    id: `made-${at}`,
    origin: "registry" as const,
    command: `test -e out/${at}`,
    paths: [`src/part${at}/**`],
    timeoutMinutes: 10,
    protects: [],
  }));
  return { repo, commonDir: join(repo.dir, ".git"), plan: read.plan, validators };
}
