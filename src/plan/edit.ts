import type { Node } from "jsonc-parser";
import { layoutOf, passesJson, passesValue, type PlanLayout, spelledKey, stepAliases } from "./dialect.ts";
import { elementsOf, isObject, type JsonDocument, nodeAt, parseJson, property, propertyNodes } from "./json.ts";
import { outline } from "./outline.ts";

/** What to set on one step; `undefined` leaves it alone. */
export interface StepEdit {
  passes?: boolean | undefined;
  notes?: string | undefined;
}

/** The values that the runner owns. `steps` is keyed by step id; ids that the plan lacks are ignored. */
export interface PlanEdits {
  planId?: string | undefined;
  steps?: Record<string, StepEdit>;
}

/**
 * Sets owned values and leaves every other byte as it is, in every accepted dialect (`status` and `completed` are the pass
 * flag where a file keeps it there). A value that is already right is not touched; a key that is missing is added in the
 * style of its neighbors. `text` must be one that `readPlan` accepts.
 */
export function editPlan(text: string, edits: PlanEdits): string {
  const { planId, steps = {} } = edits;
  if (planId === undefined && Object.keys(steps).length === 0) return text;
  const { document, layout } = openPlan(text);
  const { wrapper, listKey } = layout;
  const wanted = new Map(
    layout.list.flatMap((step, index): [number, StepEdit][] => {
      const id = stepId(step);
      return id !== null && Object.hasOwn(steps, id) ? [[index, steps[id]!]] : [];
    }),
  );
  if (wanted.size === 0 && (planId === undefined || layout.root["planId"] === planId)) return text;

  const listDepth = wrapper.length + 1;
  const root = outline(document.body, (path) => {
    const index = path[listDepth];
    if (path.length <= wrapper.length) return path.every((segment, at) => segment === wrapper[at]);
    return path[wrapper.length] === listKey && (typeof index !== "number" || wanted.has(index));
  });
  const outlined = { ...document, root: () => root };
  const replacements = planId === undefined ? [] : planIdReplacement(outlined, layout, planId);
  const nodes = elementsOf(nodeAt(outlined, [...wrapper, listKey]));
  for (const [index, edit] of wanted) {
    replacements.push(...stepReplacements(document.body, layout.list[index], nodes[index]!, edit));
  }
  return document.bom + apply(document.body, replacements);
}

/** The pass flag of every step, by id, in file order. */
export function passFlags(text: string): Map<string, boolean> {
  const flags = new Map<string, boolean>();
  const parsed = parseJson(text, "");
  const found = parsed.ok ? layoutOf(parsed.document) : null;
  for (const step of found?.ok ? found.layout.list : []) {
    const id = stepId(step);
    const spelled = spelledKey(step, "passes", stepAliases);
    if (id !== null && isObject(step)) flags.set(id, passesValue(spelled, step[spelled]) ?? false);
  }
  return flags;
}

/**
 * The steps whose pass flag differs between two texts of a plan. A step that is new counts as open before; one that is gone
 * is not mentioned. A text that is no plan differs in nothing.
 */
export function diffPasses(beforeText: string, afterText: string): { passed: string[]; reopened: string[] } {
  const before = passFlags(beforeText);
  const after = [...passFlags(afterText)];
  if (before.size === 0) return { passed: [], reopened: [] };
  return {
    passed: after.filter(([id, passes]) => passes && before.get(id) !== true).map(([id]) => id),
    reopened: after.filter(([id, passes]) => !passes && before.get(id) === true).map(([id]) => id),
  };
}

interface Replacement {
  offset: number;
  length: number;
  text: string;
}

function openPlan(text: string): { document: JsonDocument; layout: PlanLayout } {
  const parsed = parseJson(text, "the plan");
  const found = parsed.ok ? layoutOf(parsed.document) : null;
  if (!parsed.ok || !found?.ok) {
    throw new Error("Internal error: a plan that was not read successfully cannot be edited");
  }
  return { document: parsed.document, layout: found.layout };
}

function stepId(step: unknown): string | null {
  const value = isObject(step) ? step["id"] : null;
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

function stepReplacements(body: string, step: unknown, object: Node, edit: StepEdit): Replacement[] {
  const replacements: Replacement[] = [];
  const missing: [string, string][] = [];
  if (edit.passes !== undefined) {
    const spelled = spelledKey(step, "passes", stepAliases);
    const node = property(object, spelled);
    if (node === undefined) missing.push(["passes", String(edit.passes)]);
    else if (passesValue(spelled, node.value) !== edit.passes) {
      replacements.push(replace(node, passesJson(spelled, edit.passes)));
    }
  }
  if (edit.notes !== undefined) {
    const node = property(object, spelledKey(step, "notes", stepAliases));
    if (node === undefined) missing.push(["notes", JSON.stringify(edit.notes)]);
    else if (node.value !== edit.notes) replacements.push(replace(node, JSON.stringify(edit.notes)));
  }
  return [...replacements, ...appendProperties(body, object, missing)];
}

/** A new plan id stands before the list of steps, where a person sees it. */
function planIdReplacement(document: JsonDocument, layout: PlanLayout, planId: string): Replacement[] {
  const root = nodeAt(document, layout.wrapper);
  const node = property(root, "planId");
  if (node !== undefined) return node.value === planId ? [] : [replace(node, JSON.stringify(planId))];
  const list = nodeAt(document, [...layout.wrapper, layout.listKey]).parent;
  if (list === undefined) throw new Error("Internal error: the list of steps stands nowhere");
  const { separator, colon } = style(document.body, root);
  return [{ offset: list.offset, length: 0, text: `"planId"${colon}${JSON.stringify(planId)}${separator}` }];
}

function appendProperties(body: string, object: Node, properties: readonly [string, string][]): Replacement[] {
  const last = propertyNodes(object).at(-1);
  if (last === undefined || properties.length === 0) return [];
  const { separator, colon } = style(body, object);
  const text = properties.map(([key, json]) => `${separator}"${key}"${colon}${json}`).join("");
  return [{ offset: last.offset + last.length, length: 0, text }];
}

/** How an object separates its members and their values, taken from the last ones it has. */
function style(body: string, object: Node): { separator: string; colon: string } {
  const members = propertyNodes(object);
  const [last, other] = [members.at(-1), members.at(-2)];
  if (last === undefined) return { separator: ",", colon: ":" };
  const [key, value] = (members.findLast(isScalar) ?? last).children ?? [];
  const between = key === undefined || value === undefined ? ":" : body.slice(key.offset + key.length, value.offset);
  const colon = /[\r\n]/.test(between) ? ": " : between;
  if (other !== undefined) return { separator: body.slice(other.offset + other.length, last.offset), colon };
  const indent = body.slice(object.offset + 1, last.offset);
  return { separator: `,${indent}`, colon };
}

function isScalar(member: Node): boolean {
  const type = member.children?.[1]?.type;
  return type !== "object" && type !== "array";
}

function replace(node: Node, text: string): Replacement {
  return { offset: node.offset, length: node.length, text };
}

function apply(body: string, replacements: readonly Replacement[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { offset, length, text } of replacements.toSorted((a, b) => a.offset - b.offset)) {
    parts.push(body.slice(end, offset), text);
    end = offset + length;
  }
  return parts.join("") + body.slice(end);
}
