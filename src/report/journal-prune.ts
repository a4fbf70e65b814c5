import { lstat, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** How much of the journal is kept. */
export interface JournalLimits {
  /** Runs that ended longer ago are removed at the start of the next one. */
  maxAgeDays: number;
  /** Of the iterations of all runs together: beyond it the oldest runs go, then this run's oldest iterations. */
  maxBytes: number;
  /** Of `events.jsonl`; as much again is kept of what came before. */
  maxEventBytes: number;
}

export const journalLimits: JournalLimits = {
  maxAgeDays: 30,
  maxBytes: 2 ** 30,
  maxEventBytes: 32 * 2 ** 20,
};

/** Keeps the journal within its limits, in the background: what it costs does not grow with the history of a run. */
export interface Pruner {
  /** This folder is complete: it counts from now on, and may go when it is the oldest. */
  add(folder: string): void;
  /** As `add` for the last folder, if any. Notes the size of this run, so that the next start need not look at its files. */
  close(last: string | null): Promise<void>;
}

/** In the folder of a run that ended: the size of its iterations in bytes. */
const sizeFile = "size";

/** What `runId` makes. Nothing else is ever removed. */
const runName = /^[0-9a-z]{8}-[0-9a-z]{6}$/;

/** Removes what is over the limits below `runs`, but never the folder of `run` itself. Never rejects. */
export function createPruner(runs: string, run: string, limits: JournalLimits): Pruner {
  /** The oldest first. */
  const kept: { path: string; bytes: number }[] = [];
  let total = 0;

  const add = async (path: string, known: number | null = null) => {
    const bytes = known ?? await sizeOf(path);
    kept.push({ path, bytes });
    total += bytes;
  };
  const trim = async () => {
    while (total > limits.maxBytes && kept.length > 0) {
      const { path, bytes } = kept.shift()!;
      total -= bytes;
      await remove(path);
    }
  };
  const start = async () => {
    const oldest = Date.now() - limits.maxAgeDays * 24 * 3_600_000;
    for (const path of await runsIn(runs, run)) {
      const { mtimeMs } = await lstat(join(path, "events.jsonl")).catch(() => lstat(path));
      if (mtimeMs < oldest) await remove(path);
      else await add(path, await notedSize(path));
    }
    await trim();
  };

  // One thing after the other: it must not compete with the run.
  let work = start().catch(() => undefined);
  const then = (next: () => Promise<void>) => {
    work = work.then(next).catch(() => undefined);
  };
  return {
    add: (folder) => then(() => add(folder).then(trim)),
    close: (last) => {
      then(async () => {
        if (last !== null) await add(last);
        const folder = join(runs, run);
        const own = kept.reduce((sum, { path, bytes }) => path.startsWith(folder) ? sum + bytes : sum, 0);
        await writeFile(join(folder, sizeFile), `${own}\n`);
      });
      return work;
    },
  };
}

/** The folders of earlier runs, the oldest first: their names begin with the time. Symbolic links are none. */
async function runsIn(runs: string, current: string): Promise<string[]> {
  const entries = await readdir(runs, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && runName.test(entry.name) && entry.name !== current)
    .map(({ name }) => name).toSorted().map((name) => join(runs, name));
}

async function notedSize(run: string): Promise<number | null> {
  const noted = (await readFile(join(run, sizeFile), "utf8").catch(() => "")).trim();
  return /^\d+$/.test(noted) ? Number(noted) : null;
}

async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true }).catch(() => [])) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) bytes += await sizeOf(inner);
    else bytes += (await lstat(inner).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => undefined);
}
