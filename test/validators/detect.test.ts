import { describe, expect, it } from "vitest";
import { validatorsSchema } from "../../src/model/validator.ts";
import { detectValidators } from "../../src/validators/detect.ts";

function detect(files: Record<string, string>, programs: string[] = []): Record<string, string | undefined> {
  const found = detectValidators({
    names: Object.keys(files),
    read: (name) => files[name] ?? null,
    has: (program) => programs.includes(program),
  });
  return Object.fromEntries(found.map(({ id, command }) => [id, command]));
}

const scripts = (all: Record<string, string>) => JSON.stringify({ scripts: all });

describe("detectValidators", () => {
  it.each<[name: string, files: Record<string, string>, expected: Record<string, string>]>([
    ["nothing", { "README.md": "" }, {}],
    ["package scripts", { "package.json": scripts({ test: "vitest run", lint: "x", start: "y" }) }, {
      test: "npm test",
      lint: "npm run lint",
    }],
    ["what npm init writes", {
      "package.json": scripts({ test: `echo "Error: no test specified" && exit 1` }),
    }, {}],
    ["scripts that never end", {
      "package.json": scripts({ test: "jest --watch", build: "tsc -w", lint: "tsc -wide" }),
    }, {
      lint: "npm run lint",
    }],
    ["--watch=false", { "package.json": scripts({ test: "ng test --watch=false" }) }, { test: "npm test" }],
    ["pnpm", { "package.json": scripts({ test: "x", "type-check": "y" }), "pnpm-lock.yaml": "" }, {
      test: "pnpm run test",
      typecheck: "pnpm run type-check",
    }],
    ["yarn", { "package.json": scripts({ test: "x" }), "yarn.lock": "" }, { test: "yarn run test" }],
    ["a broken package.json", { "package.json": "{" }, {}],
    ["make targets", { Makefile: "VAR := test\n.PHONY: test\ntest lint: build\n\tx\ncheck:=1\n" }, {
      test: "make test",
      lint: "make lint",
    }],
    ["a script and a target of the same name", {
      "package.json": scripts({ test: "x" }),
      Makefile: "test:\n\tnpm test\n",
    }, {
      test: "npm test",
    }],
    ["Rust", { "Cargo.toml": "[package]" }, { "cargo-test": "cargo test" }],
    ["Go", { "go.mod": "module x" }, { "go-vet": "go vet ./...", "go-test": "go test ./..." }],
    ["Python without tools", { "pyproject.toml": "[project]\nname = 'pytest-like'\n" }, {}],
    ["Python with configured tools", { "pyproject.toml": "[tool.pytest.ini_options]\n[tool.ruff]\n[tool.mypy]\n" }, {
      pytest: "python3 -m pytest",
      ruff: "python3 -m ruff check .",
      mypy: "python3 -m mypy .",
    }],
    ["Python with dependencies", { "pyproject.toml": `dev = [\n  "pytest>=8",\n  "ruff",\n]`, "uv.lock": "" }, {
      pytest: "uv run pytest",
      ruff: "uv run ruff check .",
    }],
    ["an inline list", { "pyproject.toml": `dev = ["black", "pytest>=8"]` }, { pytest: "python3 -m pytest" }],
    ["requirements", { "requirements-dev.txt": "pytest==8.0\npytest-cov\n" }, { pytest: "python3 -m pytest" }],
    ["a plugin alone", { "requirements.txt": "pytest-cov\n" }, {}],
    ["Deno tasks", {
      "deno.json": `{ // c\n "tasks": { "test": "deno test -A", "lint": { "command": "deno lint" } } }`,
    }, {
      test: "deno task test",
      lint: "deno task lint",
    }],
    ["Terraform that is not installed", { "main.tf": "" }, {}],
  ])("%s", (_, files, expected) => expect(detect(files)).toEqual(expected));

  it("takes Terraform only where it is installed", () => {
    expect(Object.keys(detect({ "main.tf": "" }, ["terraform"]))).toEqual(["terraform-fmt", "terraform-validate"]);
  });

  it("protects the Makefile that defines the check", () => {
    const [found] = detectValidators({
      names: ["Makefile"],
      read: (name) => name === "Makefile" ? "test:\n" : null,
      has: () => false,
    });
    expect(found).toMatchObject({ id: "test", origin: "detected", protects: ["Makefile"] });
  });

  it("finds what a registry accepts", () => {
    const found = detectValidators({
      names: ["go.mod"],
      read: (name) => name === "go.mod" ? "module x" : name === "package.json" ? scripts({ test: "x" }) : null,
      has: () => true,
    });
    const entries = Object.fromEntries(found.map(({ id, title, command }) => [id, { title, command }]));
    expect(Object.keys(validatorsSchema.parse(entries))).toEqual(["test", "go-vet", "go-test"]);
  });
});
