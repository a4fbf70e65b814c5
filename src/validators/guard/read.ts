import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Collected, Oid } from "../../loop/ports.ts";
import { isTestFile } from "../test-files.ts";
import type { VerifyLane } from "../verify-lane.ts";
import { type FileChange, pairMoved } from "./changes.ts";
import { isConfig } from "./config.ts";

/** Larger files are data: nobody writes tests, configuration or, with care, a secret into them. */
const largest = 2 * 1024 * 1024;
const atOnce = 32;

/**
 * The texts of a change, before and after. `dir` holds the files of after, as nobody has touched them yet. One git call,
 * and none for a change that only adds files.
 */
export async function readChanges(
  lane: Pick<VerifyLane, "texts">,
  base: Oid,
  changed: Collected["changed"],
  dir: string,
): Promise<FileChange[]> {
  const after = new Map<string, string>();
  const present = changed.filter(({ status }) => status !== "deleted");
  for (let from = 0; from < present.length; from += atOnce) {
    await Promise.all(
      present.slice(from, from + atOnce).map(async ({ path }) => {
        const text = await textOf(join(dir, path));
        if (text !== null) after.set(path, text);
      }),
    );
  }
  const asked = changed.filter(({ path, status }) =>
    status === "deleted" ? isTestFile(path) || isConfig(path) : status !== "added"
  ).map(({ path }) => path);
  const texts = asked.length === 0 ? [] : await lane.texts(base, asked);
  const before = new Map(asked.map((path, index) => [path, texts[index] ?? null]));
  return pairMoved(changed, (path, when) => (when === "before" ? before : after).get(path) ?? null);
}

/** `null` for what is no text file: a link (it may lead anywhere), a folder of a submodule, binary, huge. */
async function textOf(path: string): Promise<string | null> {
  const stats = await lstat(path).catch(() => null);
  if (stats === null || !stats.isFile() || stats.size > largest) return null;
  const bytes = await readFile(path);
  // What git checks out as UTF-16 begins with this mark.
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  return bytes.includes(0) ? null : bytes.toString("utf8");
}
