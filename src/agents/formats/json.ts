import { createHash } from "node:crypto";
import type { AgentEvent } from "../../model/agent-event.ts";

export type Json = Record<string, unknown>;

/** The caps of what parsers put into events, in characters. */
export const caps = { text: 16_384, detail: 500, unknown: 2_000, finalText: 65_536 } as const;

/** The object on a line, or `null` for anything else: half a line, prose, a number. */
export function jsonObject(line: string): Json | null {
  if (!line.trimStart().startsWith("{")) return null;
  try {
    const value: unknown = JSON.parse(line);
    return asObject(value);
  } catch {
    return null;
  }
}

export function asObject(value: unknown): Json | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Json : null;
}

/** The object below `key`, empty when there is none: chains of lookups need no checks. */
export function child(value: Json, key: string): Json {
  return asObject(value[key]) ?? {};
}

export function objects(value: unknown): Json[] {
  return Array.isArray(value) ? value.map(asObject).filter((item) => item !== null) : [];
}

export function string(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

export function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Whether a tool reports an exit code that means failure. None means nothing: not every tool is a process. */
export function saysFailure(exitCode: unknown): boolean {
  return number(exitCode) !== undefined && exitCode !== 0;
}

/** A count that is missing or nonsense counts as zero. */
export function count(value: unknown): number {
  return Math.max(0, number(value) ?? 0);
}

export function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}…`;
}

/** The end of a text: what an agent says last counts. */
export function clipStart(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(text.length - limit);
}

export function unknownLine(line: string): AgentEvent[] {
  return line.trim() === "" ? [] : [{ kind: "unknown", line: clip(line, caps.unknown) }];
}

export function textEvent(text: string): AgentEvent[] {
  return text === "" ? [] : [{ kind: "text", text: clip(text, caps.text) }];
}

/** What a tool call is about, for people: its command, path or first plain value. */
export function callDetail(input: unknown): string {
  const values = asObject(input);
  if (values === null) return clip(string(input) ?? "", caps.detail);
  const keys = ["command", "cmd", "file_path", "filePath", "path", "pattern", "query", "url", "description"];
  const key = keys.find((name) => typeof values[name] === "string");
  return clip(key === undefined ? JSON.stringify(values) : String(values[key]), caps.detail);
}

/** What a tool call is about, and all of its arguments as one short word that is equal for equal ones. */
export function callFacts(input: unknown): { detail: string; input: string } {
  const values = asObject(input);
  const whole = values === null ? input : Object.entries(values).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256").update(JSON.stringify(whole) ?? "").digest("hex");
  return { detail: callDetail(input), input: digest.slice(0, 16) };
}

/** The plain text of a tool result: a string, or a list of blocks. */
export function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return objects(content).map((block) => string(block.text) ?? "").filter((text) => text !== "").join("\n");
}

/** Names at most five things and counts the rest. */
export function listed(names: readonly string[]): string {
  const distinct = [...new Set(names)];
  const more = distinct.length - 5;
  return distinct.slice(0, 5).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
