/**
 * The tape agent: `node main.ts --tape FILE --attempt N < brief`. The built-in agent, talking over HTTP to a model
 * server in this process that plays a tape instead of thinking.
 */
import process from "node:process";
import type { Problem } from "../../model/plan.ts";
import { readTextOrNull } from "../../system/files.ts";
import { readOptions } from "../builtin/options.ts";
import { fail, runAgent } from "../builtin/program.ts";
import { messagesProtocol } from "./messages.ts";
import { startModelServer } from "./server.ts";
import { readTape, turnAt } from "./tape.ts";

const free = { input: 0, output: 0, cacheWrite: 0, cacheRead: 0 };

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const options = readOptions(args, ["tape", "attempt"]);
  if (!options.ok) return await refuse(options.message);
  const { tape: file, attempt = "1" } = options.values;
  if (file === undefined) return await refuse("Missing option: `--tape FILE`");
  if (!/^[1-9]\d{0,5}$/.test(attempt)) {
    return await refuse(`Expected \`--attempt\` to be a whole number from 1, got "${attempt}"`);
  }

  const text = await readTextOrNull(file);
  if (text === null) return await refuse(`There is no tape at ${file}`);
  const read = readTape(text, file);
  if (!read.ok) return await refuse(read.problems.map(lineOf).join("\n"));

  const server = await startModelServer({
    protocols: [messagesProtocol],
    answer: ({ rounds }) => turnAt(read.tape, Number(attempt), rounds),
  });
  try {
    return await runAgent({ ...options.limits, model: "tape", apiKey: "tape", baseURL: server.url, price: free });
  } finally {
    await server.close();
  }
}

async function refuse(message: string): Promise<number> {
  return await fail({ class: "unknown", message }, 2);
}

function lineOf({ file, path, message }: Problem): string {
  return `${file}: ${path === "" ? "" : `${path}: `}${message}`;
}
