import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

/** Folders that are never listed or searched: not the project's own text. */
const skippedFolders = new Set([".git", "node_modules"]);

/**
 * The real path of `path` (relative to `root`, which must be a real path itself), or `null` when it is outside:
 * absolute paths, `..` and symbolic links included, also those that point nowhere yet. The file need not exist.
 *
 * Throws the `ErrnoException` of a path that can't be resolved (a loop of links, no permission).
 */
export async function pathInside(root: string, path: string): Promise<string | null> {
  const missing: string[] = [];
  for (let at = resolve(root, path);; at = dirname(at)) {
    const real = await realPathOrNull(at);
    if (real !== null) {
      const found = join(real, ...missing);
      return found === root || found.startsWith(root + sep) ? found : null;
    }
    // A link to something that does not exist: writing would create its target, wherever that is.
    if (await isLink(at)) return null;
    missing.unshift(basename(at));
  }
}

/** One entry below a folder. `path` is relative to the root, with `/` at the end of a folder. */
export interface Entry {
  path: string;
  isFolder: boolean;
}

/** Everything below `folder`, sorted, folders before their content. Links are entries and are not followed. */
export async function* entriesBelow(root: string, folder: string, depth = Infinity): AsyncGenerator<Entry> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) {
      yield { path: relative(root, path), isFolder: false };
      continue;
    }
    if (skippedFolders.has(entry.name)) continue;
    yield { path: `${relative(root, path)}/`, isFolder: true };
    if (depth > 1) yield* entriesBelow(root, path, depth - 1);
  }
}

async function realPathOrNull(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

async function isLink(path: string): Promise<boolean> {
  return await lstat(path).then((stats) => stats.isSymbolicLink(), () => false);
}
