import { isatty } from "node:tty";
import { createStyle, type Style } from "../report/style.ts";
import { type Terminal, terminalOf } from "../report/terminal.ts";
import { createWriter } from "../report/writer.ts";
import { secrets } from "../system/redact.ts";

/** One output of the program. */
export interface Output {
  write: (text: string) => void;
  terminal: Terminal;
  style: Style;
  /** Columns to keep to; `Infinity` where lines are not shown in a window. */
  columns(): number;
}

/** The outside of the program, as commands see it. */
export interface Io {
  env: Record<string, string | undefined>;
  cwd: string;
  script: string;
  deno: boolean;
  /** Whether a person can be asked. */
  interactive: boolean;
  out: Output;
  err: Output;
  rows: () => number;
  now: () => number;
  every: (ms: number, callback: () => void) => () => void;
}

/** The real one. Made once: it listens for errors of both outputs. */
export function processIo(): Io {
  return {
    env: process.env,
    cwd: process.cwd(),
    script: process.argv[1] ?? "",
    deno: "deno" in process.versions,
    interactive: isatty(0) && isatty(1),
    out: outputOf(process.stdout, isatty(1)),
    err: outputOf(process.stderr, isatty(2)),
    rows: () => process.stdout.rows ?? 24,
    now: () => Date.now(),
    every: (ms, callback) => {
      const timer = setInterval(callback, ms);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

function outputOf(stream: NodeJS.WriteStream, isTty: boolean): Output {
  const terminal = terminalOf(isTty, process.env);
  const write = createWriter(stream);
  return {
    write: (text) => write(secrets.text(text)),
    terminal,
    style: createStyle(terminal),
    columns: () => isTty ? stream.columns ?? 80 : Infinity,
  };
}
