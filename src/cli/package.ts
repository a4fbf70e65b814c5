import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Our own package: a checkout, or the folder that npm installed. Sources and compiled files lie at different depths. */
export function packageRoot(): string {
  let dir = import.meta.dirname;
  while (!existsSync(join(dir, "package.json"))) {
    const parent = dirname(dir);
    if (parent === dir) throw new Error("Internal error: no package.json above the program");
    dir = parent;
  }
  return dir;
}

/** The version in our package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { version: string }).version;
}

/** Whether this is a checkout of Capstan itself and not an installed package. */
export function isCheckout(): boolean {
  return existsSync(join(packageRoot(), "loop.ts"));
}
