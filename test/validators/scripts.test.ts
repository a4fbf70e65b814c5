import { describe, expect, it } from "vitest";
import { freezeScripts } from "../../src/validators/scripts.ts";

const json = (scripts: Record<string, unknown>, key = "scripts") =>
  JSON.stringify({ name: "x", [key]: scripts }, null, 2);
const frozen = (commands: string[], base: Record<string, string>, result: Record<string, string>) => {
  const found = freezeScripts(commands, "scripts", json(base), json(result));
  return found === null ? null : { restored: found.restored, scripts: JSON.parse(found.text).scripts };
};

describe("freezeScripts", () => {
  it.each([
    ["npm test"],
    ["npm t"],
    ["npm run test"],
    ["npm --silent run -s test -- --all"],
    ["pnpm test"],
    ["yarn run test"],
    ["bun run test"],
    ["node --run test"],
    ["cd . && npm test"],
  ])("gives %s the text of the base", (command) => {
    expect(frozen([command], { test: "vitest" }, { test: "true", more: "x" })).toEqual({
      restored: ["test"],
      scripts: { test: "vitest", more: "x" },
    });
  });

  it("follows what a script calls, in whatever way", () => {
    const base = { check: "run-s lint unit:fast", lint: "oxlint", "unit:fast": "npm run -s core", core: "node --test" };
    expect(frozen(["npm run check"], base, { ...base, lint: "true", core: "true" })?.restored).toEqual([
      "core",
      "lint",
    ]);
  });

  it("takes away hooks that only the change has, and restores changed ones", () => {
    expect(frozen(["npm test"], { test: "a", posttest: "b" }, { test: "a", pretest: "cp x y", posttest: "c" })).toEqual(
      {
        restored: ["posttest", "pretest"],
        scripts: { test: "a", posttest: "b" },
      },
    );
  });

  it("brings back a script that the change removed", () => {
    expect(frozen(["npm test"], { test: "a" }, {})?.scripts).toEqual({ test: "a" });
  });

  it("leaves alone what no validator runs, new scripts, and equal texts", () => {
    expect(frozen(["npm test"], { test: "a", dev: "b" }, { test: "a", dev: "c" })).toBeNull();
    expect(frozen(["npm run e2e"], { test: "a" }, { test: "a", e2e: "b" })).toBeNull();
    expect(frozen(["make test"], { test: "a" }, { test: "b" })).toBeNull();
  });

  it("keeps the rest of the file byte for byte", () => {
    const result = `{\n\t"scripts": { "test": "true" }, // odd\n\t"z": [1,2]\n}\n`;
    expect(freezeScripts(["npm test"], "scripts", json({ test: "vitest" }), result)?.text).toBe(
      result.replace(`"true"`, `"vitest"`),
    );
  });

  it("freezes tasks of Deno, also those that are objects", () => {
    const base = json({ test: { command: "deno test", dependencies: ["lint"] }, lint: "deno lint" }, "tasks");
    const result = json({ test: { command: "true" }, lint: "true" }, "tasks");
    const found = freezeScripts(["deno task test"], "tasks", base, result);
    expect(found?.restored).toEqual(["lint", "test"]);
    expect(JSON.parse(found?.text ?? "")).toEqual(JSON.parse(base));
  });

  it.each([[null, "{}"], ["{}", null], ["[]", "{}"], ["{", "}"], [`"x"`, `{"scripts":null}`]])(
    "finds nothing to do between %s and %s",
    (base, result) => expect(freezeScripts(["npm test"], "scripts", base, result)).toBeNull(),
  );
});
