import { describe, expect, it } from "vitest";
import type { Collected } from "../../src/loop/ports.ts";
import { planSchema } from "../../src/model/plan.ts";
import type { Validator } from "../../src/model/validator.ts";
import { isLock, lockPassed } from "../../src/validators/lock.ts";
import { selectValidators } from "../../src/validators/select.ts";
import { createRig } from "./rig.ts";

const unit: Validator = { id: "unit", origin: "registry", command: "npm test", timeoutMinutes: 1, protects: [] };
const docs: Validator = { ...unit, id: "docs", command: "lint docs", paths: ["docs/**"] };
const edited: Collected["changed"] = [{ path: "src/a.ts", status: "modified" }];

type Steps = Record<string, unknown>[];

/** What is required of the last step: `id<steps that it guards`, and `!` where it runs for them alone. */
function locked(steps: Steps, changed = edited, validators = [unit, docs]): string[] {
  const plan = planSchema.parse({ steps: steps.map((step) => ({ title: "t", ...step })) });
  const step = plan.steps.at(-1)!;
  const { selected } = selectValidators(step, validators, changed.map(({ path }) => path));
  return lockPassed(plan, step, selected, changed).map((one) =>
    `${one.validator.id}<${one.guards.join()}${isLock(one) ? "!" : ""}`
  );
}

const passed = { passes: true };

describe("what earlier steps passed on", () => {
  it.each<[string, Steps, string[]]>([
    ["guards the steps that named it", [{ id: "A", ...passed, validators: ["unit"] }, { id: "B" }], ["unit<A"]],
    ["guards nothing while its paths do not match", [{ id: "A", ...passed, validators: ["docs"] }, { id: "B" }], [
      "unit<",
    ]],
    ["is required as a criterion", [{ id: "A", ...passed, completionCriteria: ["x"] }, { id: "B" }], [
      "unit<",
      "A:criterion-1<A!",
    ]],
    ["runs once for equal commands", [
      { id: "A", ...passed, completionCriteria: ["x", "npm test"] },
      { id: "B", ...passed, completionCriteria: ["x"] },
      { id: "C" },
    ], ["unit<A", "B:criterion-1<A,B!"]],
    ["does not bind before it passed", [{ id: "A", completionCriteria: ["x"] }, { id: "B" }], ["unit<"]],
    ["does not bind its own step", [{ id: "A", ...passed, completionCriteria: ["x"] }], [
      "unit<",
      "A:criterion-1<",
    ]],
    ["is retired by the step itself", [
      { id: "A", ...passed, completionCriteria: ["x", "y"] },
      { id: "B", retires: ["A:criterion-1", "unit"] },
    ], ["A:criterion-2<A!"]],
    ["stays retired for what comes after", [
      { id: "A", ...passed, completionCriteria: ["x"], validators: ["unit"] },
      { id: "B", ...passed, retires: ["A:criterion-1", "unit"] },
      { id: "C" },
    ], ["unit<"]],
    ["binds again when a later step passed on it", [
      { id: "A", ...passed, validators: ["unit"] },
      { id: "B", ...passed, retires: ["unit"] },
      { id: "C", ...passed, validators: ["unit"] },
      { id: "D" },
    ], ["unit<C"]],
    ["is not retired by a step that has not passed", [
      { id: "A", ...passed, completionCriteria: ["x"] },
      { id: "B", retires: ["A:criterion-1"] },
      { id: "C" },
    ], ["unit<", "A:criterion-1<A!"]],
    ["a step may name what it retires", [
      { id: "A", ...passed, validators: ["unit"] },
      { id: "B", retires: ["unit"], validators: ["unit"] },
    ], ["unit<"]],
  ])("%s", (_, steps, expected) => expect(locked(steps)).toEqual(expected));

  it("must not be deleted when it was produced", () => {
    const steps = [{ id: "A", ...passed, produces: ["docs/*.md"] }, { id: "B" }];
    expect(locked(steps, [{ path: "docs/a.md", status: "modified" }], [])).toEqual([]);
    expect(locked(steps, [{ path: "src/a.md", status: "deleted" }], [])).toEqual([]);
    expect(locked(steps, [{ path: "docs/a.md", status: "deleted" }], [])).toEqual(["A:produces<A!"]);
  });
});

describe("verification of a later step", () => {
  const earlier = { id: "US-001", title: "Greet", passes: true };
  const later = (more = {}) => ({ id: "US-002", title: "Rename", priority: 9, ...more });
  const broken = {
    base: { "greet.txt": "hello", "other.txt": "1" },
    result: { "greet.txt": "bye", "other.txt": "2" },
    validators: [{ id: "other", command: "test -f other.txt" }],
  };
  const criterion = { ...earlier, completionCriteria: ["grep -q hello greet.txt"] };

  it("fails when it breaks a criterion of a passed step, and names the step", async () => {
    await using rig = await createRig();
    const found = await rig.verify({ ...broken, plan: { steps: [later(), criterion] } });
    expect(found.passed).toBe(false);
    expect(found.verdicts.find(({ validator }) => validator === "US-001:criterion-1")).toMatchObject({
      blocks: true,
      attribution: "regressed",
      breaks: ["US-001"],
    });
    const retiring = await rig.verify({
      ...broken,
      plan: { steps: [later({ retires: ["US-001:criterion-1"] }), criterion] },
    });
    expect(retiring).toMatchObject({ passed: true, evidence: "repo" });
    expect(retiring.verdicts.map(({ validator }) => validator)).toEqual(["other"]);
  });

  it("names the steps that a validator of the repository guards", async () => {
    await using rig = await createRig();
    const validators = [{ id: "greets", command: "grep -q hello greet.txt", paths: ["greet.txt"] }];
    const found = await rig.verify({
      ...broken,
      validators,
      plan: { steps: [later(), { ...earlier, validators: ["greets"] }] },
    });
    expect(found.verdicts).toMatchObject([{ validator: "greets", blocks: true, breaks: ["US-001"] }]);
  });

  it("fails when it deletes what a passed step produced", async () => {
    await using rig = await createRig();
    const given = {
      ...broken,
      result: { "other.txt": "2" },
      plan: { steps: [later(), { ...earlier, produces: ["greet.*"] }] },
    };
    const found = await rig.verify(given);
    expect(found.passed).toBe(false);
    expect(found.verdicts.at(-1)).toMatchObject({
      validator: "US-001:produces",
      breaks: ["US-001"],
      digest: expect.stringContaining('No file matches "greet.*"'),
    });
    const moved = await rig.verify({ ...given, result: { ...given.result, "greet.md": "hello" } });
    expect(moved.passed).toBe(true);
  });

  it("is not held up by what was red before, or fails by turns there", async () => {
    await using rig = await createRig();
    const red = { ...earlier, completionCriteria: ["false"] };
    const found = await rig.verify({ ...broken, plan: { steps: [later(), red] } });
    expect(found).toMatchObject({ passed: true, evidence: "repo" });
    expect(found.verdicts.at(-1)).toMatchObject({ attribution: "broken-before", blocks: false });

    // Red on the result, and on the base every other time.
    const byTurns = `grep -q hello greet.txt && { test -e ${rig.dir}/turn || { : > ${rig.dir}/turn; false; }; }`;
    const flaky = await rig.verify({
      ...broken,
      plan: { steps: [later(), { ...earlier, completionCriteria: [byTurns] }] },
    });
    expect(flaky.passed).toBe(true);
    expect(flaky.verdicts.at(-1)).toMatchObject({ status: "flaky", blocks: false });
  });

  it("takes green ones of earlier steps for no evidence", async () => {
    await using rig = await createRig();
    const found = await rig.verify({
      ...broken,
      validators: [],
      result: { ...broken.base, "other.txt": "2" },
      plan: { steps: [later(), criterion] },
    });
    expect(found.passed).toBe(false);
    expect(found.verdicts).toMatchObject([{ validator: "US-001:criterion-1", status: "pass" }]);
  });
});
