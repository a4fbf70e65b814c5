import { mkdir, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { applyEdits, findNodeAtLocation, modify, parseTree } from "jsonc-parser";
import { locate, type Place } from "../lanes/locate.ts";
import type { Validator } from "../model/validator.ts";
import { newPlan } from "../plan/template.ts";
import { writeFileAtomic } from "../system/atomic.ts";
import { pathExists, readTextOrNull } from "../system/files.ts";
import { type Context, printHalt } from "./context.ts";
import { detectAt } from "./detect.ts";

interface Change {
  done: boolean;
  text: string;
  details?: string[];
}

/**
 * Makes a repository ready: a first plan, the validators that its own files suggest, a `loop` script where there is a
 * package.json. What exists is left as it is, and nothing is asked. Nothing is committed: the person looks first.
 */
export async function init(context: Context): Promise<number> {
  const { io, dir, plan, paste } = context;
  const located = await locate({ dir, ...(plan === undefined ? {} : { plan }) });
  if (!located.ok) return printHalt(context, { reason: "repository", problem: located.problem });
  const { place } = located;
  const changes = [
    await writePlan(place),
    await writeValidators(place, await detectAt(place)),
    ...(await addScript(place)),
  ];
  const { style } = io.out;
  const lines = changes.flatMap(({ done, text, details = [] }) => [
    `${style.mark(done ? "ok" : "skip")} ${text}`,
    ...details.map((detail) => `    ${style.paint("dim", detail)}`),
  ]);
  const next: [string, string][] = [
    [place.planPath, "describe your steps: small ones, with criteria that can be checked"],
    [paste("validate"), "checks the plan"],
    [paste("doctor"), "which agents are ready"],
    [paste(), "starts the loop; it commits these files first"],
  ];
  const width = Math.max(...next.map(([command]) => command.length));
  lines.push("", style.paint("strong", "Next"));
  lines.push(
    ...next.map(([command, text]) => `  ${style.paint("accent", command.padEnd(width))}  ${style.paint("dim", text)}`),
  );
  io.out.write(`${lines.join("\n")}\n`);
  return 0;
}

async function writePlan({ root, planPath }: Place): Promise<Change> {
  const file = join(root, planPath);
  if (await pathExists(file)) return { done: false, text: `${planPath} exists: left as it is` };
  const project = basename(root);
  const slug = project.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-+|-+$/g, "");
  await writeFileAtomic(file, newPlan({ project, branchName: `capstan/${slug === "" ? "work" : slug}` }));
  return { done: true, text: `Wrote ${planPath}: a plan of one step, as an example` };
}

async function writeValidators({ root, registriesPath }: Place, detected: readonly Validator[]): Promise<Change> {
  const name = `${registriesPath}/validators.json`;
  const file = join(root, name);
  if (await pathExists(file)) return { done: false, text: `${name} exists: left as it is` };
  if (detected.length === 0) {
    return {
      done: false,
      text: "Found nothing that checks this repository (package scripts, Makefile, cargo, go, pyproject, deno.json)",
      details: [`Declare one in ${name}: { "test": { "command": "./test.sh" } }`],
    };
  }
  const entries = Object.fromEntries(detected.map(({ id, title, command, protects }) => [
    id,
    { ...(title === undefined ? {} : { title }), command, ...(protects.length === 0 ? {} : { protects }) },
  ]));
  await mkdir(join(root, registriesPath), { recursive: true });
  await writeFileAtomic(file, `${JSON.stringify(entries, null, 2)}\n`);
  return { done: true, text: `Wrote ${name}`, details: detected.map(({ id, command = "" }) => `${id}: ${command}`) };
}

/** Adds `"loop": "capstan"` to the package's scripts; every other byte stays. */
async function addScript({ root }: Place): Promise<Change[]> {
  const names = await readdir(root);
  if (!names.includes("package.json")) return [];
  const file = join(root, "package.json");
  const text = await readTextOrNull(file) ?? "";
  const tree = parseTree(text);
  if (tree?.type !== "object") return [{ done: false, text: "package.json is not a JSON object: left as it is" }];
  if (findNodeAtLocation(tree, ["scripts", "loop"]) !== undefined) {
    return [{ done: false, text: `package.json has a script "loop": left as it is` }];
  }
  const indent = /^([ \t]+)"/m.exec(text)?.[1] ?? "  ";
  const formattingOptions = {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 1 : indent.length,
    eol: text.includes("\r\n") ? "\r\n" : "\n",
  };
  await writeFileAtomic(file, applyEdits(text, modify(text, ["scripts", "loop"], "capstan", { formattingOptions })));
  return [{ done: true, text: `Added the script "loop" to package.json: npm run loop` }];
}
