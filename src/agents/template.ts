import type { AgentEntry } from "../model/agents.ts";

/** What placeholders stand for; an absent or empty value counts as unknown. */
export type Values = Readonly<Record<string, string | undefined>>;

const placeholder = /\{([A-Za-z][A-Za-z0-9_.]*)(?:\|([^{}]*))?\}/g;

/** The text with its placeholders replaced, or `null` when one of them is unknown and has no fallback. Other braces stay. */
export function fill(template: string, values: Values): string | null {
  let known = true;
  const text = template.replace(placeholder, (_, name: string, fallback: string | undefined) => {
    const value = values[name];
    if (value !== undefined && value !== "") return value;
    if (fallback === undefined) known = false;
    return fallback ?? "";
  });
  return known ? text : null;
}

/** The same for every string inside a JSON value; an object key whose string stays unknown is left out. */
export function fillDeep(value: unknown, values: Values): unknown {
  if (typeof value === "string") return fill(value, values) ?? undefined;
  if (Array.isArray(value)) return value.map((item) => fillDeep(item, values));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillDeep(item, values)]));
}

/**
 * The arguments of one run. A group appears only when the value in its `when` is known; a plain argument with an unknown placeholder
 * is a mistake in the registry and is passed on as it stands, so that the agent's own error shows it.
 */
export function argumentsOf(entry: Pick<AgentEntry, "args">, values: Values): string[] {
  return entry.args.flatMap((part) => {
    if (typeof part === "string") return [fill(part, values) ?? part];
    const value = values[part.when];
    if (value === undefined || value === "") return [];
    return part.args.map((argument) => fill(argument, values) ?? argument);
  });
}

/** The person's variables as values: `{env.NAME}`. */
export function environmentValues(env: Readonly<Record<string, string | undefined>>): Values {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [`env.${name}`, value]));
}

/** Long flags in the arguments, for `doctor`: what the installed version must know. */
export function flagsOf(entry: Pick<AgentEntry, "args" | "undocumented">): string[] {
  const all = entry.args.flatMap((part) => typeof part === "string" ? [part] : part.args);
  return [...new Set(all.filter((part) => /^--[a-z]/.test(part) && !entry.undocumented.includes(part)))];
}
