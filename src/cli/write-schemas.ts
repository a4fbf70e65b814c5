import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { jsonSchemas } from "../registries/json-schemas.ts";
import { writeFileAtomic } from "../system/atomic.ts";

const folder = join(import.meta.dirname, "../../schemas");
await mkdir(folder, { recursive: true });
for (const [name, text] of jsonSchemas()) await writeFileAtomic(join(folder, name), text);
