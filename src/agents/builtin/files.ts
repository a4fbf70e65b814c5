import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { pathInside } from "./paths.ts";
import { defineTool, failed, type Tool, type ToolResult } from "./tool.ts";

const maxFileBytes = 10 * 1024 * 1024;
const maxReadChars = 60_000;
const maxReadLines = 2000;

const path = z.string().min(1).describe("Path relative to the working directory");

/** Reads a text file, or a part of it. */
export const readTool: Tool = defineTool({
  name: "read",
  description: `Read a text file. At most ${maxReadLines} lines at once: use \`offset\` to read on.`,
  input: z.strictObject({
    path,
    offset: z.int().min(1).default(1).describe("First line to read, from 1"),
    limit: z.int().min(1).max(maxReadLines).default(maxReadLines).describe("Number of lines"),
  }),
  describe: (input) => input.path,
  run: async (input, { root }) => {
    const file = await textOf(root, input.path);
    if (!file.ok) return failed(file.message);
    const lines = file.text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    const part = lines.slice(input.offset - 1, input.offset - 1 + input.limit);
    const kept = fitting(part, maxReadChars);
    const last = input.offset - 1 + kept.length;
    const note = kept.length === lines.length
      ? ""
      : `\n[lines ${input.offset}-${last} of ${lines.length}${
        last < lines.length ? `; read on with offset ${last + 1}` : ""
      }]`;
    return { ok: true, text: kept.join("\n") + note || "[the file is empty]", detail: `${kept.length} lines` };
  },
});

/** Creates or replaces a file, with the folders above it. */
export const writeTool: Tool = defineTool({
  name: "write",
  description: "Create a file or replace its whole content. Folders are created as needed.",
  input: z.strictObject({ path, content: z.string() }),
  describe: (input) => input.path,
  run: async (input, { root }) => {
    const target = await pathInside(root, input.path);
    if (target === null) return outside(input.path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, input.content);
    const size = `${Buffer.byteLength(input.content)} bytes`;
    return { ok: true, text: `Wrote ${input.path} (${size})`, detail: size };
  },
});

/** Replaces one exact piece of text in a file. */
export const editTool: Tool = defineTool({
  name: "edit",
  description: "Replace an exact piece of text in a file. It must occur exactly once, unless `all` is true.",
  input: z.strictObject({
    path,
    old: z.string().min(1).describe("The text to replace, exactly as it is in the file"),
    new: z.string().describe("What to put in its place"),
    all: z.boolean().default(false).describe("Replace every occurrence"),
  }),
  describe: (input) => input.path,
  run: async (input, { root }) => {
    const file = await textOf(root, input.path);
    if (!file.ok) return failed(file.message);
    const parts = file.text.split(input.old);
    const count = parts.length - 1;
    if (count === 0) return failed(`The text to replace is not in ${input.path}: read the file again`);
    if (count > 1 && !input.all) {
      return failed(`The text to replace occurs ${count} times in ${input.path}: include more of what is around it`);
    }
    await writeFile(file.path, parts.join(input.new));
    const done = `${count} ${count === 1 ? "replacement" : "replacements"}`;
    return { ok: true, text: `Edited ${input.path} (${done})`, detail: done };
  },
});

type Text = { ok: true; path: string; text: string } | { ok: false; message: string };

async function textOf(root: string, name: string): Promise<Text> {
  const target = await pathInside(root, name);
  if (target === null) return { ok: false, message: outside(name).text };
  const stats = await stat(target);
  if (stats.isDirectory()) return { ok: false, message: `${name} is a folder: use \`list\`` };
  if (!stats.isFile()) return { ok: false, message: `${name} is not a regular file` };
  if (stats.size > maxFileBytes) {
    return { ok: false, message: `${name} is too large (${stats.size} bytes): use \`run\`` };
  }
  const text = await readFile(target, "utf8");
  if (text.includes("\0")) return { ok: false, message: `${name} is not a text file` };
  return { ok: true, path: target, text };
}

/** The refusal of a path that leaves the working directory. */
export function outside(name: string): ToolResult {
  return failed(`${name} is outside the working directory`);
}

/** The first lines that have at most `limit` characters together; one line at least, cut when it alone is longer. */
function fitting(lines: readonly string[], limit: number): string[] {
  const kept: string[] = [];
  let used = 0;
  for (const line of lines) {
    used += line.length + 1;
    if (used > limit && kept.length > 0) break;
    kept.push(line.length > limit ? `${line.slice(0, limit)} [the line is cut]` : line);
  }
  return kept;
}
