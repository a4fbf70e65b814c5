import { describe, expect, it } from "vitest";
import type { Validator } from "../../src/model/validator.ts";
import { selectValidators, verifiable } from "../../src/validators/select.ts";
import { isTestFile } from "../../src/validators/test-files.ts";

function command(id: string, more: Partial<Validator> = {}): Validator {
  return { id, origin: "registry", command: "true", timeoutMinutes: 10, protects: [], ...more };
}

const step = { id: "US-001", type: "agent" as const };
const markers: Validator = { ...command("markers"), command: undefined, builtin: "conflict-markers" };
const produces: Validator = { ...command("produces"), command: undefined, builtin: "produces" };

describe("selectValidators", () => {
  const all = [command("all"), command("docs", { paths: ["docs/**"] }), command("off", { paths: [] }), produces];
  const chosen = (asks: object, changed: string[]) =>
    selectValidators({ ...step, ...asks }, all, changed).selected.map(({ validator, named }) => [validator.id, named]);

  it("runs those without paths, and those whose paths match a changed path", () => {
    expect(chosen({}, ["src/a.ts"])).toEqual([["all", false]]);
    expect(chosen({}, ["src/a.ts", "docs/.hidden/x.md"])).toEqual([["all", false], ["docs", false]]);
  });

  it("always runs what the step names, whatever changed", () => {
    expect(chosen({ validators: ["docs", "off"] }, [])).toEqual([["all", false], ["docs", true], ["off", true]]);
  });

  it("turns criteria into validators that the step names", () => {
    const { selected } = selectValidators({ ...step, completionCriteria: ["test -f a", "false"] }, [], []);
    expect(selected.map(({ validator, named }) => [validator.id, validator.command, validator.origin, named])).toEqual([
      ["US-001:criterion-1", "test -f a", "step", true],
      ["US-001:criterion-2", "false", "step", true],
    ]);
  });

  it("treats what the step must produce as named by the step", () => {
    expect(chosen({ produces: ["a.md"] }, [])).toEqual([["all", false], ["produces", true]]);
  });

  it("tells about names that no validator has", () => {
    expect(selectValidators({ ...step, validators: ["all", "gone"] }, all, []).unknown).toEqual(["gone"]);
  });
});

describe("verifiable", () => {
  it.each<[name: string, asks: object, validators: Validator[], expected: boolean]>([
    ["nothing at all", {}, [], false],
    ["only hygiene", {}, [markers], false],
    ["hygiene that the step names", { validators: ["markers"] }, [markers], false],
    ["a command of the repository", {}, [command("all")], true],
    ["a command with paths", {}, [command("all", { paths: ["src/**"] })], true],
    ["a command that is turned off", {}, [command("all", { paths: [] })], false],
    ["a command that is turned off but named", { validators: ["all"] }, [command("all", { paths: [] })], true],
    ["a criterion", { completionCriteria: ["true"] }, [], true],
    ["the built-in for products without products", {}, [produces], false],
    ["something to produce", { produces: ["a"] }, [produces], true],
    ["trust in the agent", { trust: "agent" }, [], true],
    ["a gate", { type: "gate" }, [], true],
  ])("%s", (_, asks, validators, expected) => {
    expect(verifiable({ ...step, ...asks }, validators)).toBe(expected);
  });

  it("is told of every step of a large plan in time, with a validator for each", () => {
    const many = Array.from({ length: 2000 }, (_, at) => command(`made-${at}`, { paths: [`out/${at}/**/*.ts`] }));
    const started = performance.now();
    for (const { id } of many) expect(verifiable({ ...step, validators: [id] }, many)).toBe(true);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

describe("isTestFile", () => {
  it.each([
    "src/a.test.ts",
    "src/a.spec.jsx",
    "pkg/a_test.go",
    "test_a.py",
    "pkg/tests/data.json",
    "src/__tests__/a.js",
    "spec/a_spec.rb",
    "src/test/java/AppTest.java",
    "tests/x.rs",
    "main.tftest.hcl",
    "web/a.cy.ts",
    "a-test.js",
  ])("knows %s", (path) => expect(isTestFile(path)).toBe(true));

  it.each(["src/a.ts", "src/contest.ts", "latest.go", "docs/testing.md", "src/protest/a.ts", "spec.md", "Tester.java"])(
    "leaves %s alone",
    (path) => expect(isTestFile(path)).toBe(false),
  );
});
