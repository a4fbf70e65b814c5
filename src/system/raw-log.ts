import { closeSync, openSync, writeSync } from "node:fs";

/** A capped record of output, written as it comes. Writing problems (a full disk) end it and nothing else. */
export interface RawLog {
  write(chunk: Buffer): void;
  close(): void;
}

/**
 * Keeps the first `maxBytes` at `path`; a last line says how many bytes were left out.
 *
 * Written synchronously: the bytes are there when the runner is killed, and nothing queues up in memory.
 */
export function openRawLog(path: string, maxBytes: number): RawLog {
  let file: number | null = openOrNull(path);
  let kept = 0;
  let skipped = 0;

  const append = (bytes: Buffer) => {
    if (file === null) return;
    try {
      for (let from = 0; from < bytes.length;) from += writeSync(file, bytes, from);
    } catch {
      close();
    }
  };
  const close = () => {
    if (file === null) return;
    const closing = file;
    file = null;
    closeSync(closing);
  };

  return {
    write: (chunk) => {
      const fitting = chunk.subarray(0, Math.max(0, maxBytes - kept));
      kept += fitting.length;
      skipped += chunk.length - fitting.length;
      if (fitting.length > 0) append(fitting);
    },
    close: () => {
      if (skipped > 0) append(Buffer.from(`\n[${skipped} more bytes left out]\n`));
      close();
    },
  };
}

function openOrNull(path: string): number | null {
  try {
    return openSync(path, "w", 0o600);
  } catch {
    return null;
  }
}
