import type { Event } from "../model/event.ts";
import { json } from "../report/json.ts";
import { line } from "../report/line.ts";
import { quiet } from "../report/quiet.ts";
import { maySignal } from "../system/signals.ts";
import { type Context, printUsage } from "./context.ts";
import { dryRun } from "./dry-run.ts";
import { conflictIn, type LoopFlags, loopOptions, type OutputOptions, outputOptions } from "./options.ts";
import { runLoop } from "./run.ts";

/** Runs the loop and shows its events in the form that was asked for or that fits the output. */
export async function loop(context: Context, flags: LoopFlags): Promise<number> {
  const conflict = conflictIn(flags);
  if (conflict !== null) return printUsage(context, conflict, null);
  const place = {
    dir: context.dir,
    invocation: context.invocation,
    ...(context.plan === undefined ? {} : { plan: context.plan }),
  };
  const options = loopOptions(flags, place);
  if (options.dryRun) return await dryRun(context, options);
  if (!maySignal()) {
    const hint = "give --allow-run without a list, or -A: docs/deno.md has the narrowest flags that work";
    return printUsage(context, "These permissions of Deno do not let the loop stop what it starts", hint);
  }
  return await runLoop(options, await renderer(context, outputOptions(flags)));
}

async function renderer({ io, paste }: Context, options: OutputOptions): Promise<(event: Event) => void> {
  const { out } = io;
  const { style } = out;
  if (options.format === "json") return json(out.write);
  if (options.format === "quiet") return quiet(out.write, { style, paste, columns: out.columns() });
  const { verbose, timestamps } = options;
  if (!out.terminal.live || timestamps) {
    return line(out.write, { style, paste, columns: out.columns(), verbose, timestamps });
  }
  const { live } = await import("../report/live.ts");
  const size = () => ({ columns: out.columns(), rows: io.rows() });
  return live(out.write, { style, paste, size, now: io.now, every: io.every, verbose });
}
