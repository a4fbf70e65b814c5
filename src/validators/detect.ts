import { parse } from "jsonc-parser";
import type { Validator } from "../model/validator.ts";

/** What detection may look at: files at the root of the tree, and the programs of this machine. */
export interface DetectInput {
  /** The names of the entries at the root. */
  names: readonly string[];
  /** The text of a file at the root, `null` when there is none. */
  read: (name: string) => string | null;
  has: (program: string) => boolean;
}

/** The files whose text detection reads, for callers that read them beforehand. */
export const detectFiles = [
  "package.json",
  "Makefile",
  "makefile",
  "GNUmakefile",
  "Cargo.toml",
  "go.mod",
  "pyproject.toml",
  "setup.cfg",
  "requirements.txt",
  "requirements-dev.txt",
  "deno.json",
  "deno.jsonc",
] as const;

type Found = Pick<Validator, "id" | "title" | "command"> & { protects?: string[] };

/**
 * The validators that a repository without a registry evidently has, from its own files. Pure; only the root counts.
 * Ids are unique: of two tools that offer the same check, the first of the list below is taken.
 */
export function detectValidators(input: DetectInput): Validator[] {
  const found = [
    ...packageScripts(input),
    ...denoTasks(input),
    ...python(input),
    ...cargo(input),
    ...go(input),
    ...terraform(input),
    ...makeTargets(input),
  ];
  const byId = new Map<string, Found>();
  for (const one of found) if (!byId.has(one.id)) byId.set(one.id, one);
  return [...byId.values()].map((one) => ({ timeoutMinutes: 10, protects: [], ...one, origin: "detected" }));
}

function packageScripts({ read, names }: DetectInput): Found[] {
  const scripts = stringsAt(read("package.json"), "scripts");
  const run = names.includes("pnpm-lock.yaml")
    ? "pnpm run"
    : names.includes("yarn.lock")
    ? "yarn run"
    : names.includes("bun.lock") || names.includes("bun.lockb")
    ? "bun run"
    : "npm run";
  const wanted = [
    ["test", "test"],
    ["lint", "lint"],
    ["typecheck", "typecheck"],
    ["type-check", "typecheck"],
    [
      "check-types",
      "typecheck",
    ],
    ["check", "check"],
    ["build", "build"],
  ] as const;
  return wanted
    .filter(([name]) => scripts[name] !== undefined && !endsNever(scripts[name]) && !isPlaceholder(scripts[name]))
    .map(([name, id]) => ({
      id,
      title: `Package script "${name}"`,
      command: run === "npm run" && name === "test" ? "npm test" : `${run} ${name}`,
    }));
}

/** What `npm init` writes. */
function isPlaceholder(script: string): boolean {
  return /no test specified/.test(script);
}

function endsNever(script: string): boolean {
  return /--watch(?:All)?(?!=false)\b|\s-w(?:\s|$)|\bnodemon\b/.test(script);
}

function denoTasks({ read }: DetectInput): Found[] {
  const tasks = stringsAt(read("deno.json") ?? read("deno.jsonc"), "tasks");
  return ["test", "lint", "check"]
    .filter((name) => tasks[name] !== undefined && !endsNever(tasks[name]))
    .map((name) => ({ id: name, title: `Deno task "${name}"`, command: `deno task ${name}` }));
}

function python({ read, names }: DetectInput): Found[] {
  const project = read("pyproject.toml") ?? "";
  const listed = [project, read("requirements.txt") ?? "", read("requirements-dev.txt") ?? ""].join("\n");
  const uses = (tool: string) =>
    new RegExp(`^\\[tool\\.${tool}\\b`, "m").test(project) ||
    new RegExp(`^\\s*["']?${tool}(?:["'\\s,;\\[=<>~!]|$)`, "m").test(listed) ||
    new RegExp(`[\\[,]\\s*["']${tool}["'\\s;\\[=<>~!]`).test(project);
  const prefix = names.includes("uv.lock") ? "uv run " : names.includes("poetry.lock") ? "poetry run " : "";
  const tool = (name: string, args: string) => prefix === "" ? `python3 -m ${name}${args}` : `${prefix}${name}${args}`;
  const pytest = uses("pytest") || names.includes("pytest.ini") || /^\[tool:pytest\]/m.test(read("setup.cfg") ?? "");
  return [
    ...pytest ? [{ id: "pytest", title: "Python tests", command: tool("pytest", "") }] : [],
    ...uses("ruff") || names.includes("ruff.toml")
      ? [{ id: "ruff", title: "Python lint", command: tool("ruff", " check .") }]
      : [],
    ...uses("mypy") || names.includes("mypy.ini")
      ? [{ id: "mypy", title: "Python types", command: tool("mypy", " .") }]
      : [],
  ];
}

function cargo({ read }: DetectInput): Found[] {
  return read("Cargo.toml") === null ? [] : [{ id: "cargo-test", title: "Rust tests", command: "cargo test" }];
}

function go({ read }: DetectInput): Found[] {
  if (read("go.mod") === null) return [];
  return [
    { id: "go-vet", title: "Go build and vet", command: "go vet ./..." },
    { id: "go-test", title: "Go tests", command: "go test ./..." },
  ];
}

/** `validate` needs the providers, which `init` would fetch: without a backend it needs no login. */
function terraform({ names, has }: DetectInput): Found[] {
  if (!names.some((name) => name.endsWith(".tf")) || !has("terraform")) return [];
  return [
    { id: "terraform-fmt", title: "Terraform format", command: "terraform fmt -check -recursive" },
    {
      id: "terraform-validate",
      title: "Terraform configuration",
      command: "terraform init -backend=false -input=false && terraform validate",
    },
  ];
}

/** A Makefile is itself the definition of its checks, so a change may not redefine them while they judge it. */
function makeTargets({ read }: DetectInput): Found[] {
  const file = ["GNUmakefile", "makefile", "Makefile"].find((name) => read(name) !== null);
  if (file === undefined) return [];
  const text = read(file) ?? "";
  return ["test", "check", "lint"]
    .filter((target) => new RegExp(`^(?:[\\w.-]+ +)*${target}(?: +[\\w.-]+)*\\s*:(?![=:])`, "m").test(text))
    .map((target) => ({ id: target, title: `Make target "${target}"`, command: `make ${target}`, protects: [file] }));
}

/** The members of an object in a JSON file (comments allowed) that are text; a task of Deno may hold its command. */
function stringsAt(text: string | null, key: string): Record<string, string> {
  const json: unknown = text === null ? null : parse(text);
  const members = typeof json === "object" && json !== null ? (json as Record<string, unknown>)[key] : null;
  if (typeof members !== "object" || members === null) return {};
  const strings: Record<string, string> = {};
  for (const [name, value] of Object.entries(members as Record<string, unknown>)) {
    const command = typeof value === "object" && value !== null ? (value as { command?: unknown }).command : value;
    if (typeof command === "string" && command.trim() !== "") strings[name] = command;
  }
  return strings;
}
