import { applyEdits, modify, parse } from "jsonc-parser";

/** Where scripts are defined: the file at the root of what is verified, and the key that holds them. */
export const scriptFiles = [
  { file: "package.json", key: "scripts" },
  { file: "deno.json", key: "tasks" },
  { file: "deno.jsonc", key: "tasks" },
] as const;

/** A manifest whose scripts mean what they meant on the base. */
export interface FrozenScripts {
  text: string;
  /** The names of the scripts whose change was set aside. */
  restored: string[];
}

/** Texts of `scripts`; a task of Deno may also be an object. */
type Scripts = Record<string, unknown>;

const runners = [
  /\b(?:npm|pnpm|yarn|bun)\s+(?:--?[\w-]+(?:=\S+)?\s+)*(?:run(?:-script)?\s+)?(?:--?[\w-]+(?:=\S+)?\s+)*([\w:.@/-]+)/g,
  /\bnode\s+--run[=\s]+([\w:.@/-]+)/g,
  /\bdeno\s+task\s+(?:--?[\w-]+(?:=\S+)?\s+)*([\w:.@/-]+)/g,
];
const shorthands: Record<string, string> = { t: "test", tst: "test" };

/**
 * Freezes the scripts that these commands come down to: `result` with the texts that `base` has for them, and for every
 * script that those call. `null` when the change altered none of them.
 *
 * A change may add scripts; it may not redefine `npm test` while `npm test` judges it.
 */
export function freezeScripts(
  commands: readonly string[],
  key: "scripts" | "tasks",
  base: string | null,
  result: string | null,
): FrozenScripts | null {
  if (base === null || result === null || base === result) return null;
  const before = scriptsOf(base, key) ?? {};
  const after = scriptsOf(result, key);
  // What cannot be read as an object can't be edited either; its validators fail by themselves.
  if (after === null) return null;
  const restored = [...reachable(commands, before)].filter((name) => textOf(before[name]) !== textOf(after[name]));
  if (restored.length === 0) return null;
  return { text: withScripts(result, key, restored, before), restored: restored.toSorted() };
}

/** Whether a command runs a script of a manifest. */
export function runsScripts(command: string): boolean {
  return runners.some((runner) => command.search(runner) !== -1);
}

/** Endings and whole scripts that succeed whatever happens before. */
const hollow = /^\s*$|(^|[;\n]|\|\||&&)\s*(true|:|exit(\s+0)?)\s*;?\s*$|^\s*(echo|printf)\b[^;&|\n]*$/;

/**
 * Puts back scripts that these commands come down to where the change removed them, or made them succeed whatever
 * happens. Any other change of a script is work, though its validator runs the text of the base. `null`: there is none.
 */
export function refillScripts(
  commands: readonly string[],
  key: "scripts" | "tasks",
  base: string,
  result: string,
): { text: string; names: string[] } | null {
  const before = scriptsOf(base, key) ?? {};
  const after = scriptsOf(result, key);
  if (after === null) return null;
  const names = [...reachable(commands, before)].filter((name) =>
    textOf(before[name]) !== "" && !hollow.test(textOf(before[name])) && hollow.test(textOf(after[name]))
  );
  return names.length === 0 ? null : { text: withScripts(result, key, names, before), names: names.toSorted() };
}

function withScripts(text: string, key: string, names: readonly string[], scripts: Scripts): string {
  const formattingOptions = { insertSpaces: true };
  return names.reduce(
    (json, name) => applyEdits(json, modify(json, [key, name], scripts[name], { formattingOptions })),
    text,
  );
}

/** Every script that running the commands may run, `pre` and `post` hooks that only the change has included. */
function reachable(commands: readonly string[], before: Scripts): Set<string> {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (!Object.hasOwn(before, name) || found.has(name)) return;
    const hooks = [name, `pre${name}`, `post${name}`];
    for (const hook of hooks) found.add(hook);
    for (const hook of hooks) {
      // Too many is harmless: `run-s lint unit` and the like call scripts in ways of their own.
      for (const word of textOf(before[hook]).split(/[^\w:.@/-]+/)) visit(word);
    }
  };
  for (const command of commands) {
    for (const runner of runners) {
      for (const [, name = ""] of command.matchAll(runner)) visit(shorthands[name] ?? name);
    }
  }
  return found;
}

function scriptsOf(text: string, key: string): Scripts | null {
  const json: unknown = parse(text);
  if (typeof json !== "object" || json === null) return null;
  const scripts: unknown = (json as Record<string, unknown>)[key];
  return typeof scripts === "object" && scripts !== null ? scripts as Scripts : {};
}

function textOf(script: unknown): string {
  return typeof script === "string" ? script : script === undefined ? "" : JSON.stringify(script);
}
