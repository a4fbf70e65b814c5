import { closeSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** The stream of a run's events in two files at most: `events.jsonl`, and what was written before it. */
export interface EventLog {
  write(line: string): void;
  close(): void;
}

/**
 * Opens `<dir>/events.jsonl`. At `maxBytes` it becomes `events.1.jsonl`, in place of the one before, and a new one begins.
 * A folder that can't be made or written is given up in silence.
 *
 * Each line is with the kernel when `write` returns: nothing waits in memory, and a killed runner loses none.
 */
export function openEventLog(dir: string, maxBytes: number): EventLog {
  const path = join(dir, "events.jsonl");
  let file: number | null = null;
  let bytes = 0;

  /** Whatever fails, fails for good: the journal decides nothing. */
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch {
      close();
    }
  };
  const close = (): void => {
    const open = file;
    file = null;
    if (open !== null) closeSync(open);
  };
  const rotate = (): void => {
    close();
    renameSync(path, join(dir, "events.1.jsonl"));
    file = openSync(path, "a");
    bytes = 0;
  };
  attempt(() => {
    mkdirSync(dir, { recursive: true });
    file = openSync(path, "a");
  });
  return {
    write: (line) =>
      attempt(() => {
        if (file === null) return;
        const size = Buffer.byteLength(line);
        if (bytes > 0 && bytes + size > maxBytes) rotate();
        writeSync(file, line);
        bytes += size;
      }),
    close,
  };
}
