import { isDeepStrictEqual } from "node:util";
import { planSchema, stepSchema } from "../model/plan.ts";
import { convert, layoutOf } from "./dialect.ts";
import { parseJson } from "./json.ts";
import { patchOf } from "./patch.ts";

/** What an agent did to the plan in its lane. Nothing of it counts by itself: the runner writes the plan. */
export interface AgentPlan {
  /** The notes that it left on its own step; `null` when it left them alone. */
  notes: string | null;
  /** It set its own step to passed: a hint. */
  claimedPasses: boolean;
  /** Sentences about what does no harm and is dropped. */
  benign: string[];
  /** Sentences about what no agent may do. */
  tampering: string[];
  /** For people: a unified diff of the plan in even formatting when there was tampering, else "". */
  diff: string;
}

type Values = Record<string, unknown>;

interface PlanValues {
  root: Values;
  /** By id, in file order. */
  steps: Map<string, Values>;
}

/**
 * Compares the plan that was put into a lane with what the agent left there. Ralph's own habits are benign: setting the
 * step's own `passes` and `notes`, time stamps, formatting the file anew. `before` must be a readable plan.
 */
export function normalizeAgentPlan(texts: { before: string; after: string | null; step: string }): AgentPlan {
  const { before, after, step } = texts;
  const result: AgentPlan = { notes: null, claimedPasses: false, benign: [], tampering: [], diff: "" };
  if (after === before) return result;
  const old = readValues(before);
  if (old === null) throw new Error("Internal error: the plan of a lane cannot be read");
  if (after === null) return { ...result, tampering: ["deleted the plan"] };
  const now = readValues(after);
  if (now === null) {
    return { ...result, tampering: ["left a plan that cannot be read"], diff: patchOf("prd.json", before, after) };
  }
  compareOwn(result, step, old.steps.get(step) ?? {}, now.steps.get(step) ?? {});
  compareOthers(result, step, old, now);
  if (result.tampering.length > 0) result.diff = patchOf("prd.json", even(old), even(now));
  else if (!result.claimedPasses && result.notes === null && result.benign.length === 0) {
    result.benign.push("formatted the plan anew");
  }
  result.tampering = capped(result.tampering);
  return result;
}

function readValues(text: string): PlanValues | null {
  const parsed = parseJson(text, "");
  const found = parsed.ok ? layoutOf(parsed.document) : null;
  if (!parsed.ok || !found?.ok) return null;
  const { steps, ...root } = convert(parsed.document, found.layout).raw;
  const list = Array.isArray(steps) ? steps as unknown[] : [];
  const byId = new Map<string, Values>();
  for (const [index, value] of list.entries()) {
    const step = typeof value === "object" && value !== null ? value as Values : {};
    const id = typeof step["id"] === "string" ? step["id"] : `(step ${index + 1}, without an id)`;
    byId.set(byId.has(id) ? `${id} (again)` : id, step);
  }
  return { root, steps: byId };
}

function compareOwn(result: AgentPlan, id: string, old: Values, now: Values): void {
  const [wasPassed, isPassed] = [old["passes"] === true, now["passes"] === true];
  if (isPassed && !wasPassed) {
    result.claimedPasses = true;
    result.benign.push(`set \`passes\` of ${id} itself`);
  } else if (wasPassed !== isPassed) result.benign.push(`set \`passes\` of ${id} back`);
  const notes = now["notes"] ?? "";
  if (typeof notes === "string" && notes !== (old["notes"] ?? "")) result.notes = notes;
}

function compareOthers(result: AgentPlan, own: string, old: PlanValues, now: PlanValues): void {
  compareKeys(result, "", old.root, now.root, rootKeys);
  for (const [id, step] of old.steps) {
    const after = now.steps.get(id);
    if (after === undefined) result.tampering.push(`removed the step ${id}`);
    else compareKeys(result, ` of ${id}`, step, after, id === own ? ownKeys : stepKeys);
  }
  const added = [...now.steps.keys()].filter((id) => !old.steps.has(id));
  result.tampering.push(...added.map((id) => `added the step ${id}`));
  const order = (ids: Iterable<string>, other: PlanValues) => [...ids].filter((id) => other.steps.has(id)).join("\n");
  if (order(old.steps.keys(), now) !== order(now.steps.keys(), old)) {
    result.tampering.push("changed the order of the steps");
  }
}

const rootKeys: ReadonlySet<string> = new Set(Object.keys(planSchema.shape));
const stepKeys: ReadonlySet<string> = new Set(Object.keys(stepSchema.shape));
const ownKeys: ReadonlySet<string> = new Set([...stepKeys].filter((key) => key !== "passes" && key !== "notes"));

/** Keys that mean something to the runner may not change; what only other tools read is dropped in silence or told. */
function compareKeys(result: AgentPlan, of: string, old: Values, now: Values, keys: ReadonlySet<string>): void {
  for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
    if (key === "id" || isSame(key, old[key], now[key])) continue;
    if (keys.has(key)) result.tampering.push(change(key, of, old[key], now[key]));
    else if (key !== "passes" && key !== "notes") result.benign.push(`changed \`${key}\`${of}`);
  }
}

/** A flag or text that is absent means the same as `false` or "". */
function isSame(key: string, old: unknown, now: unknown): boolean {
  if (key === "passes") return (old ?? false) === (now ?? false);
  if (key === "notes") return (old ?? "") === (now ?? "");
  return isDeepStrictEqual(old, now);
}

function change(key: string, of: string, old: unknown, now: unknown): string {
  if (key === "passes") return `set \`passes\`${of} to ${JSON.stringify(now ?? false)}`;
  const verb = old === undefined ? "added" : now === undefined ? "removed" : "changed";
  return `${verb} \`${key}\`${of}`;
}

const shown = 20;

function capped(sentences: string[]): string[] {
  if (sentences.length <= shown) return sentences;
  return [...sentences.slice(0, shown), `and ${sentences.length - shown} more changes of the plan`];
}

function even({ root, steps }: PlanValues): string {
  return JSON.stringify({ ...root, userStories: [...steps.values()] }, null, 2);
}
