import { describe, expect, test } from "vitest";
import { normalizeAgentPlan } from "../../src/plan/agent-plan.ts";

const plan = {
  project: "x",
  userStories: [
    { id: "US-001", title: "a", acceptanceCriteria: ["x"], passes: false, notes: "", validators: ["unit"] },
    { id: "US-002", title: "b", acceptanceCriteria: ["y"], passes: false, notes: "theirs" },
    { id: "GATE", title: "g", type: "gate" },
  ],
};
const before = JSON.stringify(plan, null, 2);

type Plan = { [key: string]: unknown; userStories: Record<string, unknown>[] };

function after(change: (plan: Plan) => void, space: number | string = 2) {
  const changed = structuredClone(plan) as Plan;
  change(changed);
  return normalizeAgentPlan({ before, after: JSON.stringify(changed, null, space), step: "US-001" });
}

const story = (changed: Plan, index: number) => changed.userStories[index] ?? {};

describe("Ralph's own habits are benign", () => {
  test("an untouched plan is nothing at all", () => {
    expect(after(() => undefined)).toEqual({ notes: null, claimedPasses: false, benign: [], tampering: [], diff: "" });
  });

  test("its own passes and notes, time stamps, and new formatting", () => {
    const result = after((changed) => {
      Object.assign(story(changed, 0), { passes: true, notes: "done", completedAt: "now" });
      changed["metadata"] = { updatedAt: "now" };
    }, "\t");
    expect(result).toMatchObject({ notes: "done", claimedPasses: true, tampering: [], diff: "" });
    expect(result.benign).toEqual([
      "set `passes` of US-001 itself",
      "changed `metadata`",
      "changed `completedAt` of US-001",
    ]);
  });

  test("formatting alone", () => {
    expect(after(() => undefined, 0)).toMatchObject({
      benign: ["formatted the plan anew"],
      tampering: [],
      claimedPasses: false,
    });
  });
});

describe("tampering is told in sentences", () => {
  test.each<[string, (plan: Plan) => void, string[]]>([
    ["passes of another step", (p) => void (story(p, 1)["passes"] = true), ["set `passes` of US-002 to true"]],
    ["notes of another step", (p) => void (story(p, 1)["notes"] = ""), ["changed `notes` of US-002"]],
    ["its own criteria", (p) => void (story(p, 0)["acceptanceCriteria"] = []), [
      "changed `acceptanceCriteria` of US-001",
    ]],
    ["its own validators", (p) => void delete story(p, 0)["validators"], ["removed `validators` of US-001"]],
    ["its own trust", (p) => void (story(p, 0)["trust"] = "agent"), ["added `trust` of US-001"]],
    ["a gate opened", (p) => void (story(p, 2)["passes"] = true), ["set `passes` of GATE to true"]],
    ["a gate turned into a step", (p) => void delete story(p, 2)["type"], ["removed `type` of GATE"]],
    ["a removed step", (p) => void p.userStories.pop(), ["removed the step GATE"]],
    ["an added step", (p) => void p.userStories.push({ id: "N", title: "n" }), ["added the step N"]],
    ["a new order", (p) => void (p.userStories = p.userStories.toReversed()), ["changed the order of the steps"]],
    ["a second step of its id", (p) => void p.userStories.push({ id: "US-001", title: "n" }), [
      "added the step US-001 (again)",
    ]],
    ["the branch", (p) => void (p["branchName"] = "main"), ["added `branchName`"]],
    ["defaults", (p) => void (p["defaults"] = { trust: "agent" }), ["added `defaults`"]],
  ])("%s", (_name, change, tampering) => {
    const result = after(change);
    expect(result.tampering).toEqual(tampering);
    expect(result.diff).toMatch(/^[-+] /m);
  });

  test("a deleted or broken file", () => {
    expect(normalizeAgentPlan({ before, after: null, step: "US-001" }).tampering).toEqual(["deleted the plan"]);
    expect(normalizeAgentPlan({ before, after: before.slice(0, 50), step: "US-001" }).tampering).toEqual([
      "left a plan that cannot be read",
    ]);
    expect(normalizeAgentPlan({ before, after: "[]", step: "US-001" }).tampering).toEqual([
      "left a plan that cannot be read",
    ]);
  });

  test("a thousand changes are told in twenty, in time, with no endless diff", () => {
    const userStories = Array.from({ length: 10_000 }, (_, index) => ({ id: `S${index}`, title: `t${index}` }));
    const many = JSON.stringify({ userStories }, null, 2);
    const turned = JSON.stringify({ userStories: userStories.map((step) => ({ ...step, passes: true })) }, null, 2);
    const started = performance.now();
    const { tampering } = normalizeAgentPlan({ before: many, after: turned, step: "S0" });
    expect(tampering).toHaveLength(21);
    expect(tampering.at(-1)).toBe("and 9979 more changes of the plan");
    expect(performance.now() - started).toBeLessThan(3000);
  });
});

test("another dialect is compared by meaning", () => {
  const theirs = { stories: [{ id: 1, title: "a", status: "open" }, { id: 2, title: "b", status: "open" }] };
  const claimed = structuredClone(theirs);
  Object.assign(claimed.stories[0] ?? {}, { status: "done" });
  const result = normalizeAgentPlan({ before: JSON.stringify(theirs), after: JSON.stringify(claimed), step: "1" });
  expect(result).toMatchObject({ claimedPasses: true, tampering: [] });
});
