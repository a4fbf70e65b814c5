import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Place } from "../lanes/locate.ts";
import type { Validator } from "../model/validator.ts";
import { readTextOrNull } from "../system/files.ts";
import { whichSync } from "../system/which.ts";
import { detectFiles, type DetectInput, detectValidators } from "../validators/detect.ts";

/** The validators that the files of a tree suggest, with the programs of this machine. */
export function detectIn(tree: Omit<DetectInput, "has">, env: Record<string, string>): Validator[] {
  return detectValidators({ ...tree, has: (program) => whichSync(program, env) !== null });
}

/** The same for the files that lie in the checkout. */
export async function detectAt({ root, env }: Pick<Place, "root" | "env">): Promise<Validator[]> {
  const texts = new Map<string, string | null>();
  for (const name of detectFiles) texts.set(name, await readTextOrNull(join(root, name)).catch(() => null));
  return detectIn({ names: await readdir(root), read: (name) => texts.get(name) ?? null }, env);
}
