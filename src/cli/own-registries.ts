import { join } from "node:path";
import { readRegular } from "../lanes/control.ts";
import type { Place } from "../lanes/locate.ts";
import { registryNames, type RegistryTexts } from "../registries/load.ts";

/** The texts of the registries that lie beside the plan in the checkout, edits that nobody committed included. */
export async function ownRegistries({ root, registriesPath }: Place): Promise<Partial<RegistryTexts>> {
  const found = await Promise.all(registryNames.map(async (name) => {
    const file = `${registriesPath}/${name}.json`;
    const bytes = await readRegular(join(root, file));
    return bytes === null ? [] : [[name, { file, text: bytes.toString("utf8") }] as const];
  }));
  return Object.fromEntries(found.flat());
}
