import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { JournalPort } from "../loop/ports.ts";
import type { Event } from "../model/event.ts";
import { openEventLog } from "./journal-events.ts";
import { createPruner, type JournalLimits, journalLimits } from "./journal-prune.ts";

/** The journal of one run: the port that iterations write through, and the sink of the run's events. */
export interface Journal extends JournalPort {
  /** Where this run's files are. */
  dir: string;
  record(event: Event): void;
  close(): Promise<void>;
}

/**
 * Opens the disposable journal at `<root>/.capstan/runs/<run>/`: `events.jsonl`, and a folder for each iteration. What is
 * over the limits is removed, the oldest first, now and whenever an iteration begins.
 * A journal that can't be written (full disk, no permission) is given up in silence: it decides nothing.
 */
export function openJournal(root: string, run: string, limits: JournalLimits = journalLimits): Journal {
  const runs = join(root, ".capstan", "runs");
  const dir = join(runs, run);
  const events = openEventLog(dir, limits.maxEventBytes);
  const pruner = createPruner(runs, run, limits);
  let last: string | null = null;
  return {
    dir,
    begin: async (iteration, step, attempt) => {
      if (last !== null) pruner.add(last);
      last = join(dir, `${String(iteration).padStart(4, "0")}-${step}-${attempt}`);
      await mkdir(join(last, "validators"), { recursive: true }).catch(() => undefined);
      return last;
    },
    write: (folder, name, text) => writeFile(join(folder, name), text).catch(() => undefined),
    record: (event) => events.write(`${JSON.stringify(event)}\n`),
    close: async () => {
      events.close();
      await pruner.close(last);
    },
  };
}
