import { type Node, visit } from "jsonc-parser";
import type { Segments } from "./json.ts";

/**
 * The syntax tree of a valid JSON text, as far down as `isOpen` lets it: objects and lists that it refuses are there
 * without what is in them. The whole tree takes thirty times the memory of the text, and an edit looks at little of it.
 */
export function outline(body: string, isOpen: (path: Segments) => boolean): Node {
  const top: Growing = { type: "array", offset: 0, length: 0, children: [] };
  let parent = top;
  const add = (node: Growing): void => void parent.children.push(node);
  const end = (offset: number): void => {
    if (parent.type !== "property") return;
    parent.length = offset - parent.offset;
    parent = parent.parent ?? top;
  };
  const begin = (type: "object" | "array") => (offset: number, _: number, _line: number, _at: number, path: Path) => {
    const node: Growing = { type, offset, length: 0, children: [], ...parent !== top && { parent } };
    add(node);
    parent = node;
    return isOpen(path());
  };
  const close = (offset: number, length: number): void => {
    parent.length = offset + length - parent.offset;
    parent = parent.parent ?? top;
    end(offset + length);
  };
  visit(body, {
    onObjectBegin: begin("object"),
    onArrayBegin: begin("array"),
    onObjectEnd: close,
    onArrayEnd: close,
    onObjectProperty: (name, offset, length) => {
      const node: Growing = { type: "property", offset, length: 0, children: [], parent };
      add(node);
      parent = node;
      add({ type: "string", value: name, offset, length, children: [], parent });
    },
    onLiteralValue: (value, offset, length) => {
      add({ type: literalType(value), value, offset, length, children: [], parent });
      end(offset + length);
    },
  });
  const [root] = top.children;
  if (root === undefined) throw new Error("Internal error: valid JSON without a syntax tree");
  return root;
}

type Path = () => Segments;

/** A node whose end is not known yet. */
interface Growing {
  type: NonNullable<Node["type"]>;
  value?: unknown;
  offset: number;
  length: number;
  children: Growing[];
  parent?: Growing;
}

function literalType(value: unknown): "null" | "boolean" | "number" | "string" {
  if (value === null) return "null";
  return typeof value === "boolean" ? "boolean" : typeof value === "number" ? "number" : "string";
}
