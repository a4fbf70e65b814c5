import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Failures, failuresSchema } from "../../src/model/failure.ts";

const file = join(import.meta.dirname, "../../registries/failures.json");

/** The text of the built-in registry of failures. */
export const failuresText = readFileSync(file, "utf8");

/** The failure classes that come with Capstan. */
export const failures = failuresSchema.parse(JSON.parse(failuresText)) as Failures;
