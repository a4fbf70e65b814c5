import process from "node:process";
import type { StopReason } from "../../src/model/process.ts";
import { endSupervised, killSupervised } from "../../src/system/live.ts";
import { supervise } from "../../src/system/supervise.ts";

/**
 * A runner in small: supervises one command of the shell and passes its lines on. SIGTERM ends everything, SIGUSR2 kills
 * it at once. The last line says how the command ended.
 */
const [mark = "", command = ""] = process.argv.slice(2);
const why: StopReason = { kind: "interrupted", signal: "SIGINT" };
const say = (line: string) => void process.stdout.write(`${line}\n`);
const { pid, done } = supervise({
  argv: ["sh", "-c", command],
  cwd: import.meta.dirname,
  env: { PATH: process.env.PATH ?? "" },
  mark,
  stop: { signal: "SIGTERM", graceMs: 60_000 },
  onStdoutLine: say,
});
const kill = () => killSupervised(why);
const ending: Promise<void>[] = [];
const end = () => void ending.push(endSupervised(why));
process.on("SIGUSR2", kill);
process.on("SIGTERM", end);
say(`agent ${pid}`);
const { exit } = await done;
await Promise.all(ending);
say(`exit ${JSON.stringify(exit)}`);
process.off("SIGUSR2", kill);
process.off("SIGTERM", end);
