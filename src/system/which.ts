import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

type Environment = Record<string, string | undefined>;

/**
 * The absolute path of the program that `name` starts with this PATH, or `null`.
 * A name with a slash is a path already and only checked.
 */
export function which(name: string, env: Environment): Promise<string | null> {
  return Promise.resolve(whichSync(name, env));
}

/** `which` for a caller that can't wait. */
export function whichSync(name: string, env: Environment): string | null {
  if (name === "") return null;
  if (name.includes("/")) return isProgram(name) ? resolve(name) : null;
  for (const dir of (env.PATH ?? "").split(delimiter)) {
    // An empty entry means the current directory: never start a program from there by accident.
    if (dir === "") continue;
    const path = resolve(join(dir, name));
    if (isProgram(path)) return path;
  }
  return null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
