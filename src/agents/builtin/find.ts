import { readFile, stat } from "node:fs/promises";
import { basename, join, matchesGlob, relative } from "node:path";
import { z } from "zod";
import { outside } from "./files.ts";
import { entriesBelow, pathInside } from "./paths.ts";
import { defineTool, failed, type Tool } from "./tool.ts";

const maxEntries = 500;
const maxMatches = 200;
const maxLineChars = 300;
const maxSearchedBytes = 1024 * 1024;

const folder = z.string().min(1).default(".").describe("Where to look, relative to the working directory");

/** Lists what is in a folder. */
export const listTool: Tool = defineTool({
  name: "list",
  description: "List files and folders. Folders end with `/`; `.git` and `node_modules` are left out.",
  input: z.strictObject({ path: folder, depth: z.int().min(1).max(20).default(3).describe("How many levels") }),
  describe: (input) => input.path,
  run: async (input, { root, signal }) => {
    const start = await pathInside(root, input.path);
    if (start === null) return outside(input.path);
    const found: string[] = [];
    for await (const entry of entriesBelow(root, start, input.depth)) {
      if (signal.aborted || found.length > maxEntries) break;
      found.push(entry.path);
    }
    return listing(found, maxEntries, "entries", "[nothing here]");
  },
});

/** Finds lines by a regular expression. */
export const searchTool: Tool = defineTool({
  name: "search",
  description: "Find lines that match a JavaScript regular expression. Prints `path:line: text`.",
  input: z.strictObject({
    pattern: z.string().min(1),
    path: folder,
    glob: z.string().optional().describe("Only files whose path or name matches this glob, such as `*.ts`"),
  }),
  describe: (input) => input.glob === undefined ? input.pattern : `${input.pattern} in ${input.glob}`,
  run: async (input, { root, signal }) => {
    const start = await pathInside(root, input.path);
    if (start === null) return outside(input.path);
    const pattern = regExpOrNull(input.pattern);
    if (pattern === null) return failed(`Not a regular expression: ${input.pattern}`);
    const found: string[] = [];
    for await (const file of filesAt(root, start)) {
      if (signal.aborted || found.length > maxMatches) break;
      if (input.glob !== undefined && !matchesGlob(file, input.glob) && !matchesGlob(basename(file), input.glob)) {
        continue;
      }
      found.push(...await matchesIn(root, file, pattern));
    }
    return listing(found, maxMatches, "matches", "[no matches]");
  },
});

async function* filesAt(root: string, start: string): AsyncGenerator<string> {
  if ((await stat(start)).isFile()) {
    yield relative(root, start);
    return;
  }
  for await (const entry of entriesBelow(root, start)) if (!entry.isFolder) yield entry.path;
}

async function matchesIn(root: string, file: string, pattern: RegExp): Promise<string[]> {
  // A link may lead outside, and a pipe would be read for ever.
  const path = await pathInside(root, file).catch(() => null);
  if (path === null) return [];
  const stats = await stat(path).catch(() => null);
  if (stats === null || !stats.isFile() || stats.size > maxSearchedBytes) return [];
  const text = await readFile(join(root, file), "utf8");
  if (text.includes("\0")) return [];
  return text.split("\n").flatMap((line, index) =>
    pattern.test(line) ? [`${file}:${index + 1}: ${line.slice(0, maxLineChars)}`] : []
  );
}

function listing(found: string[], limit: number, what: string, none: string) {
  const shown = found.slice(0, limit);
  const cut = found.length > limit ? `\n[more than ${limit} ${what}: look at a smaller part]` : "";
  return { ok: true, text: shown.length === 0 ? none : shown.join("\n") + cut, detail: `${shown.length} ${what}` };
}

function regExpOrNull(source: string): RegExp | null {
  try {
    return new RegExp(source);
  } catch {
    return null;
  }
}
