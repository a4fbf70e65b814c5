import type { StopReason } from "../model/process.ts";
import { splitLines } from "./lines.ts";
import { secrets } from "./redact.ts";
import { openRawLog } from "./raw-log.ts";
import { keepTail } from "./tail.ts";

export interface OutputOptions {
  onStdoutLine?: (line: string) => void;
  onStderrLine?: (line: string) => void;
  /** Longer lines are cut. @default 1 MiB */
  maxLineBytes?: number;
  /** Both streams as they come, the first `maxBytes`. */
  rawLog?: { path: string; maxBytes: number };
  /** @default 64 KiB */
  tailBytes?: number;
  /** Of both streams together; more stops the process. */
  maxOutputBytes?: number;
}

/** Where the bytes of one process go, without the secrets in them. Everything here takes bounded memory and works at once, so the pipe slows the writer. */
export interface Output {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
  /** Delivers half last lines, closes the raw log. Bytes that come later are dropped. */
  end(): { stdoutTail: string; stderrTail: string; stdoutBytes: number };
}

export function createOutput(options: OutputOptions, stop: (reason: StopReason) => void): Output {
  const { maxLineBytes = 1024 * 1024, tailBytes = 64 * 1024, maxOutputBytes = Infinity, rawLog } = options;
  const log = rawLog === undefined ? null : openRawLog(rawLog.path, rawLog.maxBytes);
  let total = 0;
  let isOpen = true;

  const sink = (onLine: ((line: string) => void) | undefined) => {
    const lines = onLine === undefined ? null : splitLines(onLine, maxLineBytes);
    const tail = keepTail(tailBytes);
    const redacted = secrets.stream();
    let bytes = 0;
    const pass = (shown: Buffer) => {
      if (shown.length === 0) return;
      log?.write(shown);
      tail.push(shown);
      if (total <= maxOutputBytes) lines?.write(shown);
    };
    const write = (chunk: Buffer) => {
      if (!isOpen) return;
      bytes += chunk.length;
      total += chunk.length;
      // A process over its limit is being stopped: what it goes on writing is nobody's input any more.
      if (total > maxOutputBytes) stop({ kind: "output-limit", limitBytes: maxOutputBytes });
      pass(redacted.write(chunk));
    };
    const end = () => {
      pass(redacted.end());
      lines?.end();
    };
    return { write, tail, bytes: () => bytes, end };
  };
  const stdout = sink(options.onStdoutLine);
  const stderr = sink(options.onStderrLine);

  return {
    stdout: stdout.write,
    stderr: stderr.write,
    end: () => {
      isOpen = false;
      stdout.end();
      stderr.end();
      log?.close();
      return { stdoutTail: stdout.tail.text(), stderrTail: stderr.tail.text(), stdoutBytes: stdout.bytes() };
    },
  };
}
