import { describe, expect, it } from "vitest";
import { createRig } from "./rig.ts";

const given = {
  base: { a: "1" },
  result: { a: "2" },
  validators: [
    { id: "two", command: "grep 2 a || { echo 'expected 2'; exit 1; }" },
    { id: "any", command: "test -f a" },
  ],
};

describe("the step's own validators before the work", () => {
  it("are red: nothing is to be said, and they are not run on the base again after it", async () => {
    await using rig = await createRig();
    const step = { validators: ["two"] };
    expect(await rig.redFirst({ ...given, step })).toEqual({ found: { kind: "red" }, ran: ["base two"] });
    const found = await rig.verify({ ...given, step });
    expect(found).toMatchObject({ passed: true, evidence: "step" });
    expect(found.ran.toSorted()).toEqual(["result any", "result two"]);
  });

  it("are all green: vacuous, before the work and in what the pass rests on", async () => {
    await using rig = await createRig();
    const step = { validators: ["any"] };
    expect(await rig.redFirst({ ...given, step })).toEqual({
      found: { kind: "vacuous", validators: ["any"] },
      ran: ["base any"],
    });
    expect(await rig.verify({ ...given, step })).toMatchObject({ passed: true, evidence: "vacuous" });
    expect(await rig.verify({ ...given, result: given.base, step })).toMatchObject({ evidence: "already-true" });
  });

  it("prove the step when one of several is red", async () => {
    await using rig = await createRig();
    const step = { validators: ["any", "two"] };
    expect((await rig.redFirst({ ...given, step })).found).toEqual({ kind: "red" });
    expect((await rig.verify({ ...given, step })).evidence).toBe("step");
  });

  it("must fail as the step says, or they prove nothing", async () => {
    await using rig = await createRig();
    const asked = (matches: string) => ({ ...given, step: { validators: ["two"], redFirst: { matches } } });
    expect((await rig.redFirst(asked("^expected \\d$"))).found).toEqual({ kind: "red" });
    expect((await rig.verify(asked("^expected \\d$"))).evidence).toBe("step");
    const other = asked("no such function");
    expect((await rig.redFirst(other)).found).toEqual({
      kind: "other-red",
      validators: ["two"],
      matches: "no such function",
    });
    expect(await rig.verify(other)).toMatchObject({ passed: true, evidence: "vacuous" });
  });

  it("are proven by a test that the change adds, although they were green", async () => {
    await using rig = await createRig();
    const tests = { id: "tests", command: 'for file in *_test.py; do [ ! -e "$file" ] || sh "$file"; done' };
    const found = await rig.verify({
      base: given.base,
      result: { a: "2", "a_test.py": "grep -q 2 a" },
      validators: [tests],
      step: { validators: ["tests"] },
    });
    expect(found.evidence).toBe("step");
  });

  it.each([
    ["the step turns it off", { validators: ["any"], redFirst: false }],
    ["the step names none", {}],
  ])("are not asked when %s", async (_, step) => {
    await using rig = await createRig();
    expect(await rig.redFirst({ ...given, step })).toEqual({ found: null, ran: [] });
    expect((await rig.verify({ ...given, step })).evidence).toBe("repo");
  });

  it("say nothing when the base cannot be prepared, or the run was stopped", async () => {
    await using rig = await createRig();
    const step = { validators: ["two"] };
    expect((await rig.redFirst({ ...given, step, unprepared: "a" })).found).toBeNull();
    expect((await rig.redFirst({ ...given, step, signal: AbortSignal.abort() })).found).toBeNull();
  });

  it("are asked again on another base", async () => {
    await using rig = await createRig();
    const step = { validators: ["two"] };
    await rig.redFirst({ ...given, step });
    const other = { ...given, base: { a: "3" } };
    expect((await rig.redFirst({ ...other, step })).ran).toEqual(["base two"]);
    expect((await rig.redFirst({ ...given, step })).ran).toEqual(["base two"]);
  });
});
