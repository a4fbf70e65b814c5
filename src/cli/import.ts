import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { importPlan as convertPlan } from "../plan/import.ts";
import { count } from "../report/units.ts";
import { writeFileAtomic } from "../system/atomic.ts";
import { pathExists } from "../system/files.ts";
import { type Context, printHalt, printUsage } from "./context.ts";

/** Converts a plan of another format into one of ours. Never overwrites. */
export async function importPlan(context: Context, file: string, flags: { out?: string }): Promise<number> {
  const { io, dir, paste } = context;
  const from = resolve(dir, file);
  const to = resolve(dir, flags.out ?? "prd.json");
  const text = await readFile(from, "utf8").catch((error: NodeJS.ErrnoException) => error);
  if (typeof text !== "string") return printUsage(context, `Cannot read ${file}: ${text.message}`, null);
  if (to !== from && await pathExists(to)) {
    return printUsage(
      context,
      `${relative(dir, to)} exists already`,
      `${paste("import", file, "--out", "prd-2.json")} writes elsewhere`,
    );
  }
  const imported = convertPlan(text, file);
  if (!imported.ok) return printHalt(context, { reason: "invalid", problems: imported.problems });
  if (to === from) {
    return printUsage(
      context,
      `${file} would be overwritten`,
      `${paste("import", file, "--out", "prd-2.json")} writes elsewhere`,
    );
  }
  await writeFileAtomic(to, imported.text);
  const { style } = io.out;
  const name = relative(dir, to);
  const validators = Object.entries(imported.validators);
  const lines = [
    `${style.mark("ok")} Wrote ${name}`,
    ...imported.changes.map((change) => `    ${style.paint("dim", change)}`),
    ...(validators.length === 0 ? [] : [
      "",
      `The plan had ${
        count(validators.length, "check")
      } of its own; put what you want into registries/validators.json:`,
      JSON.stringify(imported.validators, null, 2),
    ]),
    "",
    style.paint("strong", "Next"),
    `  ${style.paint("accent", name === "prd.json" ? paste("validate") : paste("--plan", name, "validate"))}  ${
      style.paint("dim", "checks it")
    }`,
  ];
  io.out.write(`${lines.join("\n")}\n`);
  return 0;
}
