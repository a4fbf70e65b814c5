import type { Problem } from "../model/plan.ts";
import { isObject, type JsonDocument, type JsonObject, problemAt, type Segments } from "./json.ts";

/** The keys under which other tools keep the same thing, ours first. The first one present in a file counts. */
export const rootAliases: Record<string, readonly string[]> = {
  project: ["project", "name"],
  steps: ["steps", "userStories", "stories", "tasks"],
};

export const stepAliases: Record<string, readonly string[]> = {
  needs: ["needs", "dependsOn"],
  passes: ["passes", "completed", "status"],
  notes: ["notes", "completionNotes"],
};

const openWords = ["open", "in_progress", "in-progress", "todo", "pending"];
const doneWords = ["done", "completed", "complete"];

/** Where the parts of a plan stand in a file of any accepted dialect. */
export interface PlanLayout {
  /** `["prd"]` when a wrapper holds the plan, else empty. */
  wrapper: Segments;
  root: JsonObject;
  /** The key that holds the list of steps, as the file spells it. */
  listKey: string;
  list: unknown[];
}

/** Finds the plan in a document; what is wrong with its shape otherwise. */
export function layoutOf(document: JsonDocument): { ok: true; layout: PlanLayout } | { ok: false; problem: Problem } {
  const root = document.value;
  const fail = (segments: Segments, message: string, hint: string) => ({
    ok: false as const,
    problem: problemAt(document, segments, message, hint),
  });
  if (!isObject(root)) {
    return fail([], "A plan is an object, this file holds something else", "Convert it with `capstan import FILE`");
  }
  const inner = listKeys(root).length === 0 ? root["prd"] : undefined;
  const [planRoot, wrapper] = isObject(inner) ? [inner, ["prd"]] : [root, []];
  const keys = listKeys(planRoot);
  const [listKey, second] = keys;
  if (listKey === undefined) {
    return fail(wrapper, "The plan has no list of steps", 'Add `"userStories": [...]` with at least one step');
  }
  if (second !== undefined) {
    return fail(
      [...wrapper, second],
      `The plan has two lists of steps, \`${listKey}\` and \`${second}\``,
      "Keep one of them",
    );
  }
  const list = planRoot[listKey];
  if (!Array.isArray(list)) {
    return fail([...wrapper, listKey], `\`${listKey}\` is not a list`, "Write the steps as `[{ ... }, { ... }]`");
  }
  return { ok: true, layout: { wrapper, root: planRoot, listKey, list } };
}

function listKeys(root: JsonObject): string[] {
  return (rootAliases["steps"] ?? []).filter((key) => Object.hasOwn(root, key));
}

/** The key under which `object` keeps our `key`: an alias when that is what is there, else our own. */
export function spelledKey(object: unknown, key: string, aliases: Record<string, readonly string[]>): string {
  return isObject(object) ? aliases[key]?.find((name) => Object.hasOwn(object, name)) ?? key : key;
}

/** The path in the file of a path in the plan: `steps.2.needs.0` is `userStories[2].dependsOn[0]` there. */
export function fileSegments(layout: PlanLayout, path: readonly PropertyKey[]): Segments {
  const [head, index, key, ...rest] = path.map((part) => (typeof part === "number" ? part : String(part)));
  if (head === undefined) return layout.wrapper;
  if (head !== "steps") {
    const own = typeof head === "string" ? spelledKey(layout.root, head, rootAliases) : head;
    return [...layout.wrapper, own, ...[index, key, ...rest].filter((part) => part !== undefined)];
  }
  const base = [...layout.wrapper, layout.listKey];
  if (typeof index !== "number") return base;
  if (typeof key !== "string") return [...base, index];
  return [...base, index, spelledKey(layout.list[index], key, stepAliases), ...rest];
}

/** A plan in our own keys, not yet checked, and what was converted to get there. */
export interface Converted {
  raw: JsonObject;
  changes: string[];
  problems: Problem[];
}

/** Reads any accepted dialect into our own keys. `null` counts as absent, numbers as ids become text. */
export function convert(document: JsonDocument, layout: PlanLayout): Converted {
  const problems: Problem[] = [];
  const used = new Map<string, number>();
  const note = (change: string): void => void used.set(change, (used.get(change) ?? 0) + 1);
  if (layout.wrapper.length > 0) note("What `prd` wraps is read as the plan");
  if (layout.listKey !== "steps" && layout.listKey !== "userStories") {
    note(`\`${layout.listKey}\` is read as \`userStories\``);
  }
  const raw = renamed(layout.root, rootAliases, (key, spelled, value) => {
    if (key === "project" && spelled !== key) note("`name` is read as `project`");
    return value;
  });
  raw["steps"] = layout.list.map((step, index) => {
    if (!isObject(step)) return step;
    if (Object.hasOwn(step, "needs") && Object.hasOwn(step, "dependsOn")) {
      const where = fileSegments(layout, ["steps", index, "dependsOn"]);
      problems.push(problemAt(document, where, "The step has both `needs` and `dependsOn`", "Keep one of them"));
    }
    return renamed(step, stepAliases, (key, spelled, value) => {
      if (key === "id" && typeof value === "number") return String(value);
      if (spelled !== key) {
        note(`\`${spelled}\` is read as \`${key}\`${spelled === "status" ? " (`done` is true)" : ""}`);
      }
      if (key === "needs" && Array.isArray(value)) return value.map((id) => (typeof id === "number" ? String(id) : id));
      if (spelled !== "status" || key !== "passes") return value;
      const passes = statusPasses(value);
      if (passes === null) {
        const where = fileSegments(layout, ["steps", index, "passes"]);
        problems.push(
          problemAt(
            document,
            where,
            `The status ${JSON.stringify(value)} is unknown`,
            "Write `open`, `in_progress` or `done`",
          ),
        );
      }
      return passes ?? false;
    });
  });
  const changes = [...used].map(([change, times]) => (times > 1 ? `${change} (in ${times} steps)` : change));
  return { raw, changes, problems };
}

function statusPasses(value: unknown): boolean | null {
  if (typeof value !== "string") return null;
  if (doneWords.includes(value.toLowerCase())) return true;
  return openWords.includes(value.toLowerCase()) ? false : null;
}

/** The JSON of a pass flag under the key that a step keeps it. */
export function passesJson(spelled: string, passes: boolean): string {
  if (spelled === "status") return passes ? '"done"' : '"open"';
  return String(passes);
}

/** The pass flag that a value means; `null` when it means none. */
export function passesValue(spelled: string, value: unknown): boolean | null {
  if (spelled === "status") return statusPasses(value);
  return typeof value === "boolean" ? value : null;
}

/** Renames aliases; one that is not in use (`completed` beside `passes`) stays what it is: an unknown key. */
function renamed(
  object: JsonObject,
  aliases: Record<string, readonly string[]>,
  convertValue: (key: string, spelled: string, value: unknown) => unknown,
): JsonObject {
  const ours = new Map<string, string>();
  for (const [key, names] of Object.entries(aliases)) {
    const spelled = names.find((name) => Object.hasOwn(object, name));
    if (spelled !== undefined) ours.set(spelled, key);
  }
  const result: JsonObject = {};
  for (const [spelled, value] of Object.entries(object)) {
    const key = ours.get(spelled) ?? spelled;
    if (value !== null) result[key] = convertValue(key, spelled, value);
  }
  return result;
}
