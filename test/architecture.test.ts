import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** Which folders of src each folder may import; `types` may only be imported as types. Design section 8. */
const rules: Record<string, { imports: string[]; types?: string[]; packages: RegExp }> = {
  model: { imports: [], packages: /^(zod|node:(path|util))$/ },
  plan: { imports: ["model"], packages: /^(jsonc-parser|zod|diff|node:(crypto|path|util))$/ },
  loop: { imports: ["model", "plan"], packages: /^$/ },
  system: { imports: ["model"], types: ["loop"], packages: /./ },
  agents: { imports: ["model", "plan", "system"], types: ["loop"], packages: /./ },
  lanes: { imports: ["model", "plan", "system"], types: ["loop"], packages: /./ },
  validators: { imports: ["model", "plan", "system"], types: ["loop"], packages: /./ },
  gates: { imports: ["model", "plan", "system"], types: ["loop"], packages: /./ },
  brief: { imports: ["model", "plan", "system"], types: ["loop"], packages: /./ },
  registries: { imports: ["model", "plan", "system"], types: ["loop"], packages: /./ },
  report: { imports: ["model"], types: ["loop"], packages: /./ },
  cli: {
    imports: [
      "model",
      "plan",
      "loop",
      "agents",
      "lanes",
      "validators",
      "gates",
      "brief",
      "registries",
      "report",
      "system",
    ],
    packages: /./,
  },
};

/** Only these may start processes: everything else asks src/system. */
const spawners = /^node:(child_process|worker_threads|cluster)$|^execa$/;

interface Import {
  file: string;
  specifier: string;
  isType: boolean;
}

function importsOf(file: string, text: string): Import[] {
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/gm;
  return [...text.matchAll(pattern)].map((match) => ({
    file,
    specifier: match[2] ?? match[3] ?? "",
    isType: match[1] !== undefined,
  }));
}

/** Everything wrong with the imports of one file. `file` is relative to src. */
function violations(file: string, text: string): string[] {
  const folder = file.split("/")[0]!;
  const rule = rules[folder];
  if (rule === undefined) return [`${file}: the folder "${folder}" has no import rule`];
  return importsOf(file, text).flatMap(({ specifier, isType }) => {
    if (!specifier.startsWith(".")) {
      if (folder !== "system" && spawners.test(specifier) && !isType) {
        return [`${file}: starts processes by ${specifier}`];
      }
      return rule.packages.test(specifier) ? [] : [`${file}: imports the package ${specifier}`];
    }
    const target = relative(join(root, "src"), resolve(root, "src", dirname(file), specifier)).split("/")[0]!;
    if (target === folder || rule.imports.includes(target)) return [];
    if (isType && rule.types?.includes(target)) return [];
    if (specifier.endsWith(".json")) return [];
    return [`${file}: imports ${specifier}`];
  });
}

const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => file.replaceAll("\\", "/"));

const read = (file: string) => readFileSync(join(root, "src", file), "utf8");

test("every folder imports only what its rule allows", () => {
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.flatMap((file) => violations(file, read(file)))).toEqual([]);
});

test("no file is longer than 300 lines, no folder deeper than two", () => {
  const long = sources.filter((file) => read(file).split("\n").length > 301);
  expect(long).toEqual([]);
  expect(sources.filter((file) => file.split("/").length > 3)).toEqual([]);
});

test("nothing exits the process or prints outside of the command line", () => {
  const offenders = sources.filter((file) => /\bprocess\.exit\(|\bDeno\.exit\(/.test(read(file)));
  expect(offenders).toEqual([]);
  const printers = sources.filter((file) => !file.startsWith("cli/") && /\bconsole\.\w+\(/.test(read(file)));
  expect(printers).toEqual([]);
});

test.each([
  ["an adapter that imports another adapter", "agents/x.ts", `import { a } from "../lanes/git.ts";`],
  ["an adapter that imports the loop's code", "lanes/x.ts", `import { decide } from "../loop/decide.ts";`],
  ["a core that imports an adapter", "loop/x.ts", `import { exec } from "../system/exec.ts";`],
  ["a model with a dependency", "model/x.ts", `import { execa } from "execa";`],
  ["a dynamic import", "loop/x.ts", `const x = await import("../cli/main.ts");`],
  ["a re-export", "model/x.ts", `export { drive } from "../loop/driver.ts";`],
  ["an adapter that starts processes itself", "agents/x.ts", `import { spawn } from "node:child_process";`],
  ["a folder without a rule", "utils/x.ts", ``],
])("the rule bites: %s", (_what, file, text) => {
  expect(violations(file, text)).toHaveLength(1);
});

test.each([
  ["types of the ports", "agents/x.ts", `import type { AgentPort } from "../loop/ports.ts";`],
  ["what lies beside it", "lanes/x.ts", `import { git } from "./git.ts";`],
])("the rule allows: %s", (_what, file, text) => {
  expect(violations(file, text)).toEqual([]);
});
