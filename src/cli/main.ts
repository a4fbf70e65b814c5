import { CommanderError } from "commander";
import { nearName } from "../plan/names.ts";
import { pasteFor } from "../report/paste.ts";
import { type Context, createContext, printHalt, printUsage } from "./context.ts";
import { invocationOf } from "./invocation.ts";
import { type Io, processIo } from "./io.ts";
import { packageVersion } from "./package.ts";
import { createProgram, type Invoked } from "./program.ts";

type Flags = Record<string, unknown>;
type Run = (context: Context, words: string[], flags: Flags) => Promise<number>;

/** Every command in its own file, loaded when it is asked for: `--help` loads none of them. */
const commands: Record<string, Run> = {
  loop: async (context, _words, flags) => (await import("./loop.ts")).loop(context, flags),
  status: async (context, _words, flags) => (await import("./status.ts")).status(context, flags),
  approve: async (context, [gate = ""], flags) =>
    (await import("./decide.ts")).decide(context, "approved", gate, flags),
  reject: async (context, [gate = ""], flags) => (await import("./decide.ts")).decide(context, "rejected", gate, flags),
  answer: async (context, [step = "", text = ""], flags) =>
    (await import("./answer.ts")).answer(context, step, text, flags),
  retry: async (context, [step = ""], flags) => (await import("./retry.ts")).retry(context, step, flags),
  reopen: async (context, [step = ""], flags) => (await import("./reopen.ts")).reopen(context, step, flags),
  brief: async (context, _words, flags) => (await import("./brief.ts")).brief(context, flags),
  explain: async (context, [step = ""], flags) => (await import("./explain.ts")).explain(context, step, flags),
  log: async (context, _words, flags) => (await import("./log.ts")).log(context, flags),
  validate: async (context) => (await import("./validate.ts")).validate(context),
  init: async (context) => (await import("./init.ts")).init(context),
  import: async (context, [file = ""], flags) => (await import("./import.ts")).importPlan(context, file, flags),
  quickstart: async (context, [dir], flags) =>
    (await import("./quickstart.ts")).quickstart(context, dir ?? null, flags),
  doctor: async (context, _words, flags) => (await import("./doctor.ts")).doctor(context, flags),
};

/** Runs one command line and gives its exit code. Never rejects: a bug is reported here, with exit code 70. */
export async function main(argv: readonly string[]): Promise<number> {
  const io = processIo();
  try {
    return await run(argv, io);
  } catch (error) {
    const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
    const paste = pasteFor(invocationOf(io));
    const versions = `Capstan ${packageVersion()}, ${
      io.deno ? "Deno" : `Node ${process.version}`
    }, ${process.platform} ${process.arch}`;
    return printHalt({ io, paste }, { reason: "internal", message, stack: `${versions}\n${stack}` });
  }
}

async function run(argv: readonly string[], io: Io): Promise<number> {
  const asked: { invoked: Invoked | null } = { invoked: null };
  const program = createProgram({
    version: packageVersion(),
    write: { out: io.out.write, err: io.err.write },
    columns: Math.min(io.out.columns(), 110),
    paste: pasteFor(invocationOf(io)),
    invoke: (invoked) => {
      asked.invoked = invoked;
    },
  });
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    return printUsage({ io }, ...usageText(error.message, io));
  }
  const { invoked } = asked;
  if (invoked === null) return 2;
  const { command, words, flags } = invoked;
  const [unknown] = words;
  if (command === "loop" && unknown !== undefined) {
    const names = Object.keys(commands);
    const near = nearName(unknown, names) ?? names.find((name) => unknown.length > 2 && name.startsWith(unknown)) ??
      null;
    return printUsage({ io }, `Unknown command "${unknown}"`, near === null ? helpHint(io) : `did you mean ${near}?`);
  }
  const context = createContext(io, {
    ...(typeof flags.C === "string" ? { dir: flags.C } : {}),
    ...(typeof flags.plan === "string" ? { plan: flags.plan } : {}),
    ...(typeof flags.branch === "string" ? { branch: flags.branch } : {}),
  });
  return await commands[command]!(context, words, flags);
}

/** Commander's message in the form of all others: what is wrong, and a hint. */
function usageText(message: string, io: Io): [title: string, hint: string] {
  const [, text = message, near] = /^(?:error: )?([\s\S]*?)(?:\s*\(Did you mean (?:one of )?(.*)\?\))?$/.exec(message)!;
  const title = text.charAt(0).toUpperCase() + text.slice(1).replaceAll("'", `"`).replace(/\.$/, "");
  return [title, near === undefined ? helpHint(io) : `did you mean ${near}?`];
}

function helpHint(io: Io): string {
  return `${pasteFor(invocationOf(io))("--help")} lists commands and options`;
}
