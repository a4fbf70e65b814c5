import { resolve } from "node:path";
import type { Halt } from "../model/halt.ts";
import { exitCodeOf } from "../model/halt.ts";
import { haltMessage } from "../report/halt-text.ts";
import { type Message, messageLines } from "../report/message.ts";
import { type Paste, pasteFor } from "../report/paste.ts";
import { carriedInvocation, invocationOf, startDir } from "./invocation.ts";
import type { Io } from "./io.ts";

/** What every command gets. */
export interface Context {
  io: Io;
  /** Absolute. */
  dir: string;
  /** As the person named it, relative to `dir`. */
  plan?: string;
  /** In place of the plan's. */
  branch?: string;
  /** With `-C`, `--plan` and `--branch` where they were given. */
  invocation: string;
  paste: Paste;
}

/** The context of a command with these global options. */
export function createContext(io: Io, options: { dir?: string; plan?: string; branch?: string }): Context {
  const invocation = carriedInvocation(invocationOf(io), options);
  return {
    io,
    dir: resolve(startDir(io), options.dir ?? "."),
    ...(options.plan === undefined ? {} : { plan: options.plan }),
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    invocation,
    paste: pasteFor(invocation),
  };
}

/** Prints why a command did nothing, on standard error, and gives its exit code. */
export function printHalt(context: Pick<Context, "io" | "paste">, halt: Halt): number {
  printMessage(context, haltMessage(halt, { paste: context.paste, now: context.io.now() }));
  return exitCodeOf(halt);
}

/** Prints a message on standard error. */
export function printMessage({ io }: Pick<Context, "io">, message: Message): void {
  io.err.write(`${messageLines(message, io.err.style, io.err.columns()).join("\n")}\n`);
}

/** Prints one thing that the person got wrong, with what to do; the exit code of a usage error. */
export function printUsage(context: Pick<Context, "io">, title: string, hint: string | null): number {
  const lines = [`${context.io.err.style.mark("bad")} ${title}`, ...(hint === null ? [] : [`Hint: ${hint}`])];
  context.io.err.write(`${lines.join("\n")}\n`);
  return 2;
}
