import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { globMatcher } from "../model/glob.ts";
import type { Step } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import { secrets } from "../system/redact.ts";
import type { FileChange } from "./guard/changes.ts";
import { loosenings } from "./guard/guard.ts";
import { leakLines, leaksIn } from "./guard/secrets.ts";

/** What a built-in kind looks at. `files` are the paths of the verified tree, asked for only when needed. */
export interface BuiltinInput {
  validator: Pick<Validator, "builtin" | "paths">;
  dir: string;
  changed: readonly string[];
  produces: readonly string[];
  files(): Promise<string[]>;
  /** The texts of the change, before and after; `null` on anything but the change itself. */
  changes: readonly FileChange[] | null;
  step: Pick<Step, "allows" | "paths">;
}

/** Larger files are data, not text that a person or an agent edits. */
const largest = 5 * 1024 * 1024;

/** Runs a built-in kind: one line for each problem, none when it passes. */
export async function runBuiltin(input: BuiltinInput): Promise<string[]> {
  const { validator, dir } = input;
  const concerned = validator.paths === undefined ? input.changed : input.changed.filter(globMatcher(validator.paths));
  switch (validator.builtin) {
    case "produces":
      return missing(input.produces, await input.files());
    case "conflict-markers":
      return await eachText(dir, concerned, conflictMarkers);
    case "json":
      return await eachText(dir, concerned.filter((path) => path.endsWith(".json")), jsonProblems);
    case "test-guard":
      return loosenings(concernedOf(input), input.step);
    case "secrets":
      return input.step.allows?.includes("secrets") ? [] : leakLines(leaksIn(concernedOf(input), secrets), secrets);
    case undefined:
      throw new Error("Internal error: not a built-in validator");
  }
}

function concernedOf({ validator: { paths }, changes }: BuiltinInput): readonly FileChange[] {
  if (changes === null || paths === undefined) return changes ?? [];
  const concerns = globMatcher(paths);
  return changes.filter(({ path, from }) => concerns(path) || concerns(from));
}

function missing(produces: readonly string[], files: readonly string[]): string[] {
  return produces
    .filter((glob) => !files.some(globMatcher([glob])))
    .map((glob) => `No file matches "${glob}", which this step must produce (files that git ignores do not count)`);
}

async function eachText(
  dir: string,
  paths: readonly string[],
  check: (text: string, path: string) => string[],
): Promise<string[]> {
  const problems: string[] = [];
  for (const path of paths) {
    const text = await readText(join(dir, path));
    if (text !== null) problems.push(...check(text, path));
  }
  return problems;
}

/** `null` for what is no text file: missing, a link (it may lead anywhere), binary, huge. */
async function readText(path: string): Promise<string | null> {
  const stats = await lstat(path).catch(() => null);
  if (stats === null || !stats.isFile() || stats.size > largest) return null;
  const text = await readFile(path, "utf8");
  return text.includes("\0") ? null : text;
}

/** All three marks in order: one alone is an underlined heading or a test's text. */
function conflictMarkers(text: string, path: string): string[] {
  const problems: string[] = [];
  let open: number | null = null;
  let divided = false;
  text.split("\n").forEach((line, index) => {
    if (/^<{7}(?: |\r?$)/.test(line)) [open, divided] = [index + 1, false];
    else if (/^={7}\r?$/.test(line)) divided = true;
    else if (/^>{7}(?: |\r?$)/.test(line) && open !== null && divided) {
      problems.push(`${path}:${open}: a conflict marker is left (<<<<<<< … >>>>>>>)`);
      open = null;
    }
  });
  return problems;
}

/** Files with the name .json that their own tools read with comments. */
const withComments = globMatcher([
  "**/{ts,js}config*.json",
  "**/.vscode/**",
  "**/.devcontainer/**",
  "**/{deno,turbo,nx,biome,wrangler,api-extractor,devcontainer}.json",
  "**/.{eslintrc,oxlintrc,swcrc,babelrc,jshintrc}.json",
]);

function jsonProblems(text: string, path: string): string[] {
  const errors: ParseError[] = [];
  const body = text.replace(/^\uFEFF/, "");
  const loose = withComments(path);
  parse(body, errors, { allowTrailingComma: loose, disallowComments: !loose, allowEmptyContent: false });
  const [first] = errors;
  if (first === undefined) return [];
  const line = body.slice(0, first.offset).split("\n").length;
  return [`${path}:${line}: is not valid JSON (${printParseErrorCode(first.error)})`];
}
