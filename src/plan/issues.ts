import type { z } from "zod";
import { type JsonDocument, problemAt, type Segments } from "./json.ts";
import { nearName } from "./names.ts";
import type { Problem } from "../model/plan.ts";

type Issue = z.core.$ZodIssue;

/** Where a checked value's parts stand in its file, and what stood there (before defaults). */
export interface IssueContext {
  document: JsonDocument;
  segments(path: readonly PropertyKey[]): Segments;
  value: unknown;
  /** Keys that an unknown one may have been meant as, for strict objects. */
  knownKeys?: readonly string[];
}

/** Puts the findings of a schema into words, each with its place in the file. One issue may give several problems. */
export function issueProblems(context: IssueContext, issues: readonly Issue[]): Problem[] {
  return issues.flatMap((issue) => {
    const at = (path: readonly PropertyKey[], message: string, hint?: string): Problem =>
      problemAt(context.document, context.segments(path), message, hint);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => {
        const meant = nearName(key, context.knownKeys ?? []);
        return at(
          [...issue.path, key],
          `The key \`${key}\` is unknown`,
          meant === null ? undefined : `Did you mean \`${meant}\`?`,
        );
      });
    }
    if (issue.code === "invalid_key" || issue.code === "invalid_element") {
      return [
        at(issue.path, issue.issues.map(({ message }) => `\`${String(issue.path.at(-1))}\` ${message}`).join(", ")),
      ];
    }
    const nearest = issue.code === "invalid_union" ? nearestOption(issue.errors) : null;
    if (nearest !== null) {
      return issueProblems(context, nearest.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
    }
    const { message, hint } = describe(issue, valueAt(context.value, issue.path));
    return [at(issue.path, message, hint)];
  });
}

/** Codes with which a schema says that there is nothing where something should be. */
const missable: ReadonlySet<Issue["code"]> = new Set(["invalid_type", "invalid_value", "invalid_union"]);

function describe(issue: Issue, found: unknown): { message: string; hint?: string } {
  const key = issue.path.at(-1);
  if (found === undefined && typeof key === "string" && missable.has(issue.code)) {
    return { message: `\`${key}\` is missing` };
  }
  if (issue.code === "invalid_type") return { message: `Expected ${typeWord(issue)}, found ${shown(found)}` };
  const choices = choicesOf(issue);
  if (choices !== null) {
    const message = `Expected ${or(choices.map((value) => `\`${value}\``))}, found ${shown(found)}`;
    const meant = typeof found === "string" ? nearName(found, choices) : null;
    return meant === null ? { message } : { message, hint: `Did you mean \`${meant}\`?` };
  }
  if (issue.code === "too_small") {
    if (issue.origin === "string") return { message: "Expected text, found none" };
    if (issue.origin === "array") return { message: key === "steps" ? "The plan has no steps" : "The list is empty" };
    const bound = `${issue.inclusive ? "of at least" : "above"} ${issue.minimum}`;
    return { message: `Expected a number ${bound}, found ${shown(found)}` };
  }
  if (issue.code === "too_big") {
    if (issue.origin === "string") return { message: `Longer than ${issue.maximum} characters` };
    const bound = `${issue.inclusive ? "of at most" : "below"} ${issue.maximum}`;
    return { message: `Expected a number ${bound}, found ${shown(found)}` };
  }
  if (issue.code === "invalid_union") {
    const types = issue.errors.flatMap((errors) => errors.slice(0, 1)).map(typeWord);
    return { message: `Expected ${or([...new Set(types)])}, found ${shown(found)}` };
  }
  return { message: issue.message.startsWith("Invalid") ? issue.message : `${shown(found)} ${issue.message}` };
}

/** What may stand there, where that is a closed set: the values of an enum, the kinds of a union. */
function choicesOf(issue: Issue): string[] | null {
  if (issue.code === "invalid_value") return issue.values.map(String);
  return issue.code === "invalid_union" && "options" in issue && Array.isArray(issue.options)
    ? issue.options.map(String)
    : null;
}

/** The option of a union that the value comes nearest to; `null` when it is of none of their types. */
function nearestOption(options: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const inside = options.filter((issues) =>
    issues.some(({ path, code }) => path.length > 0 || (code !== "invalid_type" && code !== "invalid_value"))
  );
  return inside.toSorted((a, b) => a.length - b.length)[0] ?? null;
}

function typeWord(issue: Issue): string {
  if (issue.code === "invalid_type") return typeWords[issue.expected] ?? issue.expected;
  return issue.code === "invalid_value"
    ? issue.values.map((value) => `\`${String(value)}\``).join(", ")
    : issue.message;
}

const typeWords: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "`true` or `false`",
  array: "a list",
  object: "an object",
  record: "an object",
};

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}

function or(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (
      inner,
      key,
    ) => (typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}
