import { type ChildProcessByStdio, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { isAbsolute } from "node:path";
import type { Readable, Writable } from "node:stream";
import type { Exit } from "../model/process.ts";
import { exitOf, signalGroup, signalOfCode } from "./exit.ts";

/** A command for a fork server: whole environment, no time limit. */
export interface ServedCommand {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  stdin: string | Uint8Array;
  /** More standard output than this ends the command (`output-limit`). */
  maxBytes: number;
}

export interface Served {
  exit: Exit;
  stdout: Buffer;
  stderr: Buffer;
}

type Shell = ChildProcessByStdio<Writable, Readable, Readable>;

/** A shell in a process group of its own, with the end marks of its answers. Runs one command at a time. */
interface Server {
  shell: Shell;
  mark: string;
  /** The variables that it was started with: every command of it has them, with these values or its own. */
  base: Readonly<Record<string, string>>;
}

/** More text than this is not for a pipe that is written at once (64 KiB on Linux and macOS). */
const maxText = 48 * 1024;
const maxStderr = 1024 * 1024;
/**
 * What differs from one command to the next; a shell is started with all other variables. The mark of an iteration is not
 * for a shell that outlives it: a sweep would find it.
 */
const variesByCommand = /^(GIT|CAPSTAN)_/;
/** What every shell reads back unchanged from between quotes. */
const plain = /^[\t\n\x20-\x7e\u00a0-\uffff]*$/;

const markBytes = 16;

/** As many commands as a run starts side by side; more idle shells only pile up in a process that opens many repositories. */
const maxIdle = 8;

/** The one that was used last comes last. */
let idle: Server[] = [];

/**
 * Runs a short command as the child of a small shell that stays: forking this process, with its hundred megabytes, takes
 * 2 to 10 times as long and blocks everything else meanwhile. Never rejects. The shell goes when this process does, and a
 * command that only arrived in part is never run.
 *
 * `null`: not for a shell (control characters in its words, a long input), or none can be started.
 */
export function serve(command: ServedCommand): Promise<Served> | null {
  const known = idle.findLast(({ base }) => Object.keys(base).every((name) => command.env[name] !== undefined));
  const base = known?.base ?? baseOf(command.env);
  // As long as the mark of a server: whether a command fits must not depend on which one answers.
  if (textOf(command, base, "0".repeat(2 * markBytes)) === null) return null;
  if (known !== undefined) drop(known);
  const server = known ?? startServer(base);
  if (server === null) return null;
  return answer(server, textOf(command, base, server.mark)!, command, () => {
    idle.push(server);
    if (idle.length > maxIdle) idle.shift()!.shell.stdin.end();
  });
}

function baseOf(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !variesByCommand.test(name)));
}

function drop(server: Server): void {
  idle = idle.filter((other) => other !== server);
}

/** The lines for the shell: one compound command, so that a part of it does nothing. `null` when it can't be said so. */
export function textOf(
  { argv, cwd, env, stdin }: ServedCommand,
  base: Readonly<Record<string, string>>,
  mark: string,
): string | null {
  const own = Object.entries(env).filter(([name, value]) => base[name] !== value);
  const words = [...own.map(([name, value]) => `${name}=${quote(value)}`), ...argv.map(quote)].join(" ");
  const text = `{ if cd ${quote(cwd)} 2>/dev/null; then ${fed(words, stdin, mark)}
echo "${mark} $?"; else echo "${mark} cd"; fi; echo "${mark}" >&2; }\n`;
  const isWhole = isAbsolute(cwd) && argv.length > 0 && own.every(([name]) => /^\w+$/.test(name));
  return isWhole && text.length < maxText && plain.test(text) ? text : null;
}

/** The command with its input: text of whole lines stands below it, other bytes are spelled for `printf`. */
function fed(words: string, stdin: string | Uint8Array, mark: string): string {
  if (stdin.length === 0) return `${words} </dev/null`;
  if (stdin.length > maxText) return "\0";
  if (typeof stdin === "string" && stdin.endsWith("\n") && plain.test(stdin)) {
    return `${words} <<'${mark}'\n${stdin}${mark}`;
  }
  const spelled = Buffer.from(stdin).toString("latin1").replaceAll(
    /[^\t\n\x20-\x5b\x5d-\x7e]/g,
    (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  return `printf %b ${quote(spelled)} | ${words}`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function startServer(base: Readonly<Record<string, string>>): Server | null {
  try {
    const shell = spawn("sh", ["-s"], { cwd: "/", env: base, detached: true, stdio: ["pipe", "pipe", "pipe"] });
    if (shell.pid === undefined) {
      shell.once("error", () => {});
      return null;
    }
    // It went: whoever waits for an answer hears it by the end of its output.
    shell.stdin.on("error", () => {});
    const server = { shell, mark: randomBytes(markBytes).toString("hex"), base };
    shell.once("exit", () => drop(server));
    hold(server, false);
    shell.unref();
    return server;
  } catch {
    return null;
  }
}

/** Whether an answer is awaited: only then the shell keeps this process from ending. */
function hold({ shell }: Server, isAwaited: boolean): void {
  for (const stream of [shell.stdin, shell.stdout, shell.stderr] as unknown as Socket[]) {
    if (isAwaited) stream.ref();
    else stream.unref();
  }
}

function answer(server: Server, text: string, command: ServedCommand, done: () => void): Promise<Served> {
  const { shell, mark } = server;
  const { maxBytes } = command;
  return new Promise((resolve) => {
    let isOver = false;
    const end = (exit: Exit) => {
      if (isOver) return;
      isOver = true;
      for (const stream of [shell.stdout, shell.stderr]) stream.removeAllListeners("data");
      shell.off("close", died);
      hold(server, false);
      resolve({ exit, stdout: stdout.bytes(), stderr: stderr.bytes() });
    };
    const look = () => {
      const [code, said] = [stdout.word(), stderr.word()];
      if (code === null || said === null) return;
      end(exitOfWord(code, command));
      done();
    };
    const overflow = () => {
      signalGroup(shell.pid!, "SIGTERM");
      end(exitOf(null, "SIGTERM", {
        why: { kind: "output-limit", limitBytes: maxBytes },
        sent: new Set(["SIGTERM"]),
      }));
    };
    const died = (code: number | null, signal: NodeJS.Signals | null) =>
      end(
        signal === null
          ? {
            kind: "spawn-failed",
            errno: "EPIPE",
            message: `the shell that starts ${command.argv[0]} ended (${code})`,
          }
          : exitOf(null, signal, { why: null, sent: new Set() }),
      );
    const stdout = collect(shell.stdout, { mark, maxBytes, overflow, look });
    const stderr = collect(shell.stderr, { mark, maxBytes: maxStderr, overflow: null, look });
    shell.once("close", died);
    hold(server, true);
    shell.stdin.write(text);
  });
}

/** Gathers a stream up to the line that begins with the mark. Without `overflow` what is too much is dropped. */
function collect(
  stream: Readable,
  { mark, maxBytes, overflow, look }: {
    mark: string;
    maxBytes: number;
    overflow: (() => void) | null;
    look: () => void;
  },
) {
  const chunks: Buffer[] = [];
  let size = 0;
  let tail = Buffer.alloc(0);
  let found: RegExpExecArray | null = null;
  const lastLine = new RegExp(`${mark} ?(\\w*)\\n$`);
  stream.on("data", (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-mark.length - 8);
    found = lastLine.exec(tail.toString("latin1"));
    size += chunk.length;
    if (size - chunk.length < maxBytes + tail.length) chunks.push(chunk);
    if (overflow !== null && found === null && size > maxBytes + tail.length) overflow();
    look();
  });
  return {
    word: () => found?.[1] ?? null,
    bytes: () => Buffer.concat(chunks).subarray(0, Math.min(maxBytes, size - (found?.[0].length ?? 0))),
  };
}

function exitOfWord(word: string, { argv: [file], cwd }: ServedCommand): Exit {
  if (word === "cd") {
    return { kind: "spawn-failed", errno: "ENOENT", message: `could not start ${file}: no such directory: ${cwd}` };
  }
  const code = Number(word);
  if (code === 127) return { kind: "spawn-failed", errno: "ENOENT", message: `could not start ${file}: not found` };
  if (code === 126) {
    return { kind: "spawn-failed", errno: "EACCES", message: `could not start ${file}: not executable` };
  }
  const signal = signalOfCode(code);
  return signal === null ? { kind: "code", code } : exitOf(null, signal, { why: null, sent: new Set() });
}
