import { type FailureClass, failureClasses, type Failures, failuresSchema } from "../model/failure.ts";
import { isObject, type JsonObject } from "../plan/json.ts";

/** What a repository says about a class joins what is said about it already. */
const lists = ["aliases", "statuses", "phrases"];

/**
 * A repository's entries over the built-in ones, class by class and key by key: lists join the built-in ones, everything
 * else replaces. What is no entry comes back as it is, for the schema to refuse.
 */
export function mergeFailures(own: JsonObject, shipped: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(own).map(([name, entry]) => {
      const base = shipped[name];
      if (!isObject(entry) || !isObject(base)) return [name, entry];
      const joined = lists
        .filter((key) => Array.isArray(entry[key]) && Array.isArray(base[key]))
        .map((key) => [key, [...base[key] as unknown[], ...entry[key] as unknown[]]]);
      return [name, { ...base, ...entry, ...Object.fromEntries(joined) }];
    }),
  );
}

/** All classes. The built-in registry declares every one, and each status belongs to one class. */
export function completeFailures(shipped: JsonObject, own: ReturnType<typeof failuresSchema.parse>): Failures {
  const all = { ...failuresSchema.parse(shipped), ...own };
  return Object.fromEntries(failureClasses.map((name): [FailureClass, unknown] => {
    if (all[name] === undefined) throw new Error(`Internal error: the built-in failures lack ${name}`);
    return [name, all[name]];
  })) as Failures;
}
