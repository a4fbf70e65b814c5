import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "./files.ts";

/** A fresh place for HOME and TMPDIR of one process, readable by nobody else. */
export interface Home {
  /** Holds `home` and `tmp`, and room for what an adapter puts beside them. */
  dir: string;
  home: string;
  tmp: string;
  /** Removes all of it, read-only directories included. Throws the `ErrnoException` of what stays. */
  remove: () => Promise<void>;
}

/** Makes a home below `parent`, which is created when it is missing. Never one that was used before. */
export async function createHome(parent: string): Promise<Home> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const dir = await mkdtemp(join(parent, "home-"));
  const home = join(dir, "home");
  const tmp = join(dir, "tmp");
  await mkdir(home, { mode: 0o700 });
  await mkdir(tmp, { mode: 0o700 });
  return { dir, home, tmp, remove: () => removeTree(dir) };
}
