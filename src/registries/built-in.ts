import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pathExists } from "../system/files.ts";
import { registryNames, type RegistryTexts } from "./load.ts";

/** The texts of the registries that come with Capstan. */
export async function readBuiltInRegistries(): Promise<RegistryTexts> {
  const folder = await builtInFolder();
  const texts = await Promise.all(registryNames.map(async (name) => {
    const file = join(folder, `${name}.json`);
    return [name, { file, text: await readFile(file, "utf8") }] as const;
  }));
  return Object.fromEntries(texts) as RegistryTexts;
}

/** `registries/` beside `src/` in a checkout, and beside `dist/` in the published package. */
async function builtInFolder(): Promise<string> {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let dir = start; dirname(dir) !== dir; dir = dirname(dir)) {
    if (await pathExists(join(dir, "registries", "agents.json"))) return join(dir, "registries");
  }
  throw new Error(`Internal error: no registries folder above ${start}`);
}
