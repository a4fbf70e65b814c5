import { mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeTree } from "../../src/system/files.ts";

export interface TempDir extends AsyncDisposable {
  /** Absolute, without symbolic links. */
  path: string;
}

/** A fresh directory that is gone at the end of the block: `await using dir = await tempDir()`. */
export async function tempDir(): Promise<TempDir> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "capstan-test-")));
  return { path, [Symbol.asyncDispose]: () => removeTree(path) };
}
