import { type Node, type ParseError, parseTree } from "jsonc-parser";
import type { Problem } from "../model/plan.ts";
import { syntaxProblems } from "./json-syntax.ts";
import { maxDepth, readValue, tooDeep } from "./json-value.ts";
import { linePositions, type Position } from "./lines.ts";

/** The keys and indexes that lead to a place in a JSON text, as they are spelled there. */
export type Segments = readonly (string | number)[];

export type JsonObject = Record<string, unknown>;

/** Whether a JSON value is an object: no list, no `null`. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A parsed JSON text that still knows where everything stands. Offsets count from the start of `body`. */
export interface JsonDocument {
  file: string;
  /** A byte order mark, or "". */
  bom: string;
  /** The text without its byte order mark. */
  body: string;
  /** The plain value. A key `__proto__` is left out. */
  value: unknown;
  /** The syntax tree, made when it is first asked for: only problems and edits need to know where things stand. */
  root(): Node;
  position(offset: number): Position;
}

export type JsonParsed = { ok: true; document: JsonDocument } | { ok: false; problems: Problem[] };

const maxMegabytes = 20;
/** Separates a byte order mark from the text behind it. */
function splitBom(text: string): { bom: string; body: string } {
  return text.startsWith("\uFEFF") ? { bom: "\uFEFF", body: text.slice(1) } : { bom: "", body: text };
}

/**
 * Parses strict JSON into a document. All comments, trailing commas and keys that appear twice are reported at once;
 * of any other mistake the first one. A text of more than 20 million characters is refused unread.
 */
export function parseJson(text: string, file: string): JsonParsed {
  if (text.length > maxMegabytes * 1e6) return { ok: false, problems: [tooLong(text, file)] };
  const { bom, body } = splitBom(text);
  if (body.trim() === "") return refuse(file, "The file is empty");
  const value = readValue(body);
  if (value === tooDeep) return refuse(file, `Nests deeper than ${maxDepth} levels`);
  if (value === undefined) return { ok: false, problems: problemsOf(body, file) };
  let root: Node | undefined;
  const tree = (): Node => root ??= parseTree(body) ?? neverRead();
  return { ok: true, document: { file, bom, body, value, root: tree, position: linePositions(body) } };
}

/** All that is wrong with a text that `readValue` refused. */
function problemsOf(body: string, file: string): Problem[] {
  const position = linePositions(body);
  const errors: ParseError[] = [];
  try {
    const root = parseTree(body, errors, { disallowComments: true, allowTrailingComma: false });
    const { problems, isFatal } = syntaxProblems({ body, file, position }, errors);
    if (root === undefined || isFatal) return problems;
    const repeated = repeatedKeys(root).map((node): Problem => {
      const { line } = position(node.offset);
      const message = `The key \`${keyOf(node)}\` appears twice`;
      return {
        file,
        path: formatPath(segmentsOf(node.children?.[1] ?? node)),
        line,
        message,
        hint: "Keep one of them",
      };
    });
    return [...problems, ...repeated];
  } catch (error) {
    // The parser descends recursively, and only absurd nesting ends its stack.
    if (error instanceof RangeError) {
      return [{ file, path: "", line: 1, message: `Nests deeper than ${maxDepth} levels` }];
    }
    throw error;
  }
}

/** The `key: value` nodes whose key their object has before. */
function repeatedKeys(node: Node): Node[] {
  const seen = new Set<string>();
  const repeated = propertyNodes(node).filter((member) => {
    const key = keyOf(member);
    return seen.size === seen.add(key).size;
  });
  return [...repeated, ...(node.children ?? []).flatMap(repeatedKeys)];
}

function neverRead(): never {
  throw new Error("Internal error: valid JSON without a syntax tree");
}

function refuse(file: string, message: string): JsonParsed {
  return { ok: false, problems: [{ file, path: "", line: 1, message }] };
}

function tooLong(text: string, file: string): Problem {
  const message = `The file is ${
    Math.round(text.length / 1e6)
  } MB long and was not read: the most is ${maxMegabytes} MB`;
  return {
    file,
    path: "",
    line: null,
    message,
    hint: "Move what is no plan (logs, pasted files) elsewhere, or split the plan",
  };
}

/** The value of a property; `undefined` when it is absent or `node` is no object. */
export function property(node: Node | undefined, key: string): Node | undefined {
  return node?.type === "object" ? propertyNodes(node).find((child) => keyOf(child) === key)?.children?.[1] : undefined;
}

/** The `key: value` nodes of an object in file order; none for anything else. */
export function propertyNodes(node: Node | undefined): Node[] {
  return node?.type === "object" ? (node.children ?? []).filter((child) => child.children?.length === 2) : [];
}

/** The key of a `key: value` node. */
export function keyOf(propertyNode: Node): string {
  return String(propertyNode.children?.[0]?.value);
}

/** The elements of a list; none for anything else. */
export function elementsOf(node: Node | undefined): Node[] {
  return node?.type === "array" ? node.children ?? [] : [];
}

/** A problem at a place of the document; the line is that of the place, or of the nearest thing around it that exists. */
export function problemAt(document: JsonDocument, segments: Segments, message: string, hint?: string): Problem {
  const { line } = document.position(nodeAt(document, segments).offset);
  return { file: document.file, path: formatPath(segments), line, message, ...(hint === undefined ? {} : { hint }) };
}

/** Whether the document has a value at that place. */
export function hasKey(document: JsonDocument, segments: Segments): boolean {
  return nodeAt(document, segments) !== nodeAt(document, segments.slice(0, -1));
}

/** The node of a place, or of the nearest thing around it that exists. */
export function nodeAt(document: JsonDocument, segments: Segments): Node {
  let node = document.root();
  for (const segment of segments) {
    const next = typeof segment === "number" ? elementsOf(node)[segment] : property(node, segment);
    if (next === undefined) return node;
    node = next;
  }
  return node;
}

/** `userStories[2].needs[0]`; keys that are no plain words stand in brackets, and the whole file is "". */
export function formatPath(segments: Segments): string {
  let path = "";
  for (const segment of segments) {
    if (typeof segment === "number") path += `[${segment}]`;
    else if (!/^[\w$-]+$/.test(segment)) path += `[${JSON.stringify(segment)}]`;
    else path += path === "" ? segment : `.${segment}`;
  }
  return path;
}

function segmentsOf(value: Node): Segments {
  const segments: (string | number)[] = [];
  for (let node = value; node.parent !== undefined; node = node.parent) {
    if (node.parent.type === "property") segments.unshift(keyOf(node.parent));
    else if (node.parent.type === "array") segments.unshift(node.parent.children?.indexOf(node) ?? 0);
  }
  return segments;
}
