import { expect, test } from "vitest";
import { earlierThan, inOrder, isList } from "../../src/model/order.ts";
import { type Plan, planSchema } from "../../src/model/plan.ts";

function planOf(...steps: { id: string; priority?: number; needs?: string[] }[]): Plan {
  return planSchema.parse({ steps: steps.map((step) => ({ title: step.id, ...step })) });
}

test("steps are taken by priority, then as they stand in the file, and those without a priority last", () => {
  const plan = planOf({ id: "none" }, { id: "b", priority: 2 }, { id: "a", priority: 1 }, { id: "c", priority: 2 });
  expect(inOrder(plan).map(({ id }) => id)).toEqual(["a", "b", "c", "none"]);
  expect(plan.steps[0]!.id).toBe("none");
});

test("earlier means earlier in that order; nothing is earlier than a step that the plan does not have", () => {
  const plan = planOf({ id: "late", priority: 9 }, { id: "gate", priority: 5 }, { id: "first", priority: 1 });
  expect(earlierThan(plan, "gate").map(({ id }) => id)).toEqual(["first"]);
  expect(earlierThan(plan, "nowhere")).toEqual([]);
});

test("one step with needs makes a graph of a list", () => {
  expect(isList(planOf({ id: "a" }, { id: "b" }))).toBe(true);
  expect(isList(planOf({ id: "a" }, { id: "b", needs: ["a"] }))).toBe(false);
});
