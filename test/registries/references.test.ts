import { expect, test } from "vitest";
import { readPlan } from "../../src/plan/read.ts";
import { checkReferences } from "../../src/registries/references.ts";

const known = { agents: ["claude", "codex"], validators: ["unit-tests", "lint"] };

function check(value: unknown) {
  const text = JSON.stringify(value, null, 2);
  const read = readPlan(text, "prd.json");
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return checkReferences(read.plan, { text, file: "prd.json" }, known);
}

test("known names, and `auto`, are fine", () => {
  expect(check({ defaults: { agent: "codex" }, steps: [{ id: "A", title: "a", agent: "auto", validators: ["lint"] }] }))
    .toEqual([]);
});

test("an unknown name is told at its place, with the nearest one", () => {
  expect(check({ stories: [{ id: "A", title: "a", agent: "cluade", validators: ["lint", "unit-test", "e2e"] }] }))
    .toEqual([
      {
        file: "prd.json",
        path: "stories[0].agent",
        line: 6,
        message: "No agent is called `cluade`",
        hint: "Did you mean `claude`?",
      },
      {
        file: "prd.json",
        path: "stories[0].validators[1]",
        line: 9,
        message: "No validator is called `unit-test`",
        hint: "Did you mean `unit-tests`?",
      },
      {
        file: "prd.json",
        path: "stories[0].validators[2]",
        line: 10,
        message: "No validator is called `e2e`",
        hint: "Declare it in registries/validators.json",
      },
    ]);
});

test("a name in `defaults` is told once, where it stands", () => {
  const steps = [{ id: "A", title: "a" }, { id: "B", title: "b" }];
  expect(check({ defaults: { validators: ["nope"] }, steps })).toMatchObject([{
    path: "defaults.validators[0]",
    line: 4,
  }]);
});

test("every agent of a list must exist, and is told at its place", () => {
  expect(check({ defaults: { agent: ["claude", "codex"] }, steps: [{ id: "A", title: "a" }] })).toEqual([]);
  expect(check({ steps: [{ id: "A", title: "a", agent: ["claude", "codx"] }] })).toMatchObject([{
    path: "steps[0].agent[1]",
    line: 8,
    hint: "Did you mean `codex`?",
  }]);
});

test("a passed step may name what was retired since", () => {
  expect(check({ steps: [{ id: "A", title: "a", passes: true, validators: ["gone"] }] })).toEqual([]);
});

test("a validator that a step may replace must exist", () => {
  expect(check({ steps: [{ id: "A", title: "a", retires: ["lint", "nope"] }] })).toMatchObject([{
    path: "steps[0].retires[1]",
    message: "No validator is called `nope`",
  }]);
});

test("what a step brings itself may be replaced by its name", () => {
  const steps = [
    { id: "A", title: "a", completionCriteria: ["true"], produces: ["a.md"] },
    { id: "B", title: "b", retires: ["A:criterion-1", "A:produces", "A:criterion-2", "B:produces"] },
  ];
  expect(check({ steps }).map(({ path, message, hint }) => [path, message, hint])).toEqual([
    ["steps[1].retires[2]", "No validator is called `A:criterion-2`", "Did you mean `A:criterion-1`?"],
    ["steps[1].retires[3]", "No validator is called `B:produces`", "Did you mean `A:produces`?"],
  ]);
});
