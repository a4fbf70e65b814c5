import { planLimits } from "../model/limit-schema.ts";
import { gateSchema, planLease, planSchema, type Problem, stepOptions, stepSchema } from "../model/plan.ts";
import { type PlanLayout, rootAliases, stepAliases } from "./dialect.ts";
import { isObject, type JsonDocument, problemAt, type Segments } from "./json.ts";
import { nearName } from "./names.ts";

/**
 * Keys that other tools keep in a plan and that look like ours. They are theirs, not typing mistakes.
 * From ralph-tui, iannuttall/ralph, RalfPretzel and what models like to add.
 */
const foreignKeys = new Set([
  "mode",
  "node",
  "tags",
  "test",
  "tests",
  "file",
  "files",
  "phase",
  "labels",
  "platforms",
  "version",
  "metadata",
]);

/** Keys that look like a mistyped key of ours which the object lacks. All other unknown keys are kept silently. */
export function mistypedKeys(document: JsonDocument, layout: PlanLayout): Problem[] {
  const problems: Problem[] = [];
  const check = (object: unknown, known: KnownKeys, segments: Segments): void => {
    const present = isObject(object) ? Object.keys(object) : [];
    for (const key of present) {
      if (known.names.has(key) || foreignKeys.has(key) || /^[$_#/]|^x-/.test(key)) continue;
      const near = nearName(key, known.names);
      const ours = near === null ? null : known.canonical.get(near) ?? near;
      if (near === null || ours === null || known.spellings(ours).some((name) => present.includes(name))) continue;
      problems.push(
        problemAt(document, [...segments, key], `The key \`${key}\` is unknown`, `Did you mean \`${ours}\`?`),
      );
    }
  };
  check(layout.root, planKeys, layout.wrapper);
  check(layout.root["defaults"], optionKeys, [...layout.wrapper, "defaults"]);
  check(layout.root["lease"], leaseKeys, [...layout.wrapper, "lease"]);
  check(layout.root["limits"], limitKeys, [...layout.wrapper, "limits"]);
  layout.list.forEach((step, index) => {
    const segments = [...layout.wrapper, layout.listKey, index];
    check(step, stepKeys, segments);
    if (!isObject(step)) return;
    check(step["when"], whenKeys, [...segments, "when"]);
    check(step["onFail"], onFailKeys, [...segments, "onFail"]);
    check(step["gate"], gateKeys, [...segments, "gate"]);
  });
  return problems;
}

interface KnownKeys {
  names: ReadonlySet<string>;
  canonical: ReadonlyMap<string, string>;
  spellings(key: string): readonly string[];
}

function knownKeys(shape: object, aliases: Record<string, readonly string[]> = {}): KnownKeys {
  const canonical = new Map(
    Object.entries(aliases).flatMap(([key, names]) => names.map((name) => [name, key] as const)),
  );
  return {
    names: new Set([...Object.keys(shape), ...canonical.keys()]),
    canonical,
    spellings: (key) => aliases[key] ?? [key],
  };
}

const planKeys = knownKeys({ ...planSchema.shape, prd: true }, rootAliases);
const stepKeys = knownKeys(stepSchema.shape, stepAliases);
const optionKeys = knownKeys(stepOptions.shape);
const limitKeys = knownKeys(planLimits.shape);
const leaseKeys = knownKeys(planLease.shape);
const gateKeys = knownKeys(gateSchema.shape);
const whenKeys = knownKeys(stepSchema.shape.when.unwrap().shape);
const onFailKeys = knownKeys(stepSchema.shape.onFail.unwrap().shape);
