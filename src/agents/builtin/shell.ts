import { z } from "zod";
import type { Exit } from "../../model/process.ts";
import { exec } from "../../system/exec.ts";
import { defineTool, firstLine, type Tool } from "./tool.ts";

const maxShownChars = 30_000;
/** A command that prints more than this is stopped: it belongs into a file. */
const maxOutputBytes = 16 * 1024 * 1024;

/** Runs a shell command in a process group of its own; it dies with the agent. */
export const runTool: Tool = defineTool({
  name: "run",
  description: "Run a shell command (`sh -c`) in the working directory and get its output and exit code. " +
    "Every call is a fresh shell, nobody can type an answer, and the middle of long output is left out.",
  input: z.strictObject({
    command: z.string().min(1),
    timeoutSeconds: z.int().min(1).max(1800).default(120).describe("The command is killed after this time"),
  }),
  describe: (input) => input.command,
  run: async (input, { root, env, signal }) => {
    const { exit, stdout } = await exec(["sh", "-c", 'exec sh -c "$1" 2>&1', "sh", input.command], {
      cwd: root,
      env,
      signal,
      timeoutMs: input.timeoutSeconds * 1000,
      maxBytes: maxOutputBytes,
    });
    const end = endOf(exit);
    const output = ends(stdout.toString("utf8").trimEnd());
    return {
      ok: exit.kind === "code" && exit.code === 0 && exit.why === undefined,
      text: output === "" ? `[${end}]` : `${output}\n[${end}]`,
      detail: firstLine(end),
    };
  },
});

function endOf(exit: Exit): string {
  if (exit.kind === "spawn-failed") return exit.message;
  if (exit.why?.kind === "timeout") return `killed after ${exit.why.limitMs / 1000} seconds`;
  if (exit.why?.kind === "output-limit") {
    return `killed: it printed more than ${maxOutputBytes} bytes, send them to a file`;
  }
  return exit.kind === "code" ? `exit code ${exit.code}` : `killed by ${exit.signal}`;
}

/** Both ends of a long text: the beginning says what ran, the end says how it went. */
function ends(text: string): string {
  if (text.length <= maxShownChars) return text;
  const head = text.slice(0, maxShownChars / 3);
  const tail = text.slice(-2 * maxShownChars / 3);
  return `${head}\n[${text.length - head.length - tail.length} characters left out]\n${tail}`;
}
