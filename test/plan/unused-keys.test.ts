import { expect, test } from "vitest";
import { readPlan } from "../../src/plan/read.ts";
import { unusedKeys } from "../../src/plan/unused-keys.ts";

function unused(value: unknown) {
  const read = readPlan(JSON.stringify(value), "prd.json");
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  return unusedKeys(read.plan);
}

test("every key that changes nothing yet is named once, with the open steps that have it", () => {
  const onFail = { reopen: ["A"], max: 2 };
  expect(unused({
    workflow: "squad",
    steps: [
      { id: "A", title: "a", tier: "heavy", workflow: "x", onFail },
      { id: "B", title: "b", tier: "heavy" },
      { id: "C", title: "c", tier: "heavy", passes: true },
      { id: "G", title: "g", type: "gate", gate: { kind: "validation" } },
    ],
  })).toEqual([
    { key: "workflow", steps: [] },
    { key: "tier", steps: ["A", "B"] },
    { key: "workflow", steps: ["A"] },
    { key: "onFail", steps: ["A"] },
    { key: 'gate.kind: "validation"', steps: ["G"] },
  ]);
});

test("a key of `defaults` counts for every step, and an ordinary plan has none", () => {
  const steps = [{ id: "A", title: "a", role: "qa" }, { id: "G", title: "g", type: "gate", gate: { question: "ok?" } }];
  expect(unused({ defaults: { tier: "review" }, steps })).toEqual([{ key: "tier", steps: ["A", "G"] }]);
  expect(unused({ steps })).toEqual([]);
});
