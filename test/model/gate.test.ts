import { describe, expect, it } from "vitest";
import { gateHalt, gateState, redoable, rejectionsOf } from "../../src/model/gate.ts";
import { planSchema } from "../../src/model/plan.ts";
import { ledgerOf, stepState } from "../brief/facts.ts";

const decided = (state: "approved" | "rejected") =>
  stepState({ gate: { state, by: "Ada", at: "2026-01-01T00:00:00Z", note: "no" } });

describe("gateState", () => {
  it.each(
    [
      ["nothing is known", false, undefined, "closed"],
      ["it was reached", false, stepState({ gate: { state: "closed" } }), "closed"],
      ["it was approved", false, decided("approved"), "open"],
      ["it was rejected", false, decided("rejected"), "rejected"],
      ["it passed", true, undefined, "open"],
      ["a person set it by hand after a rejection", true, decided("rejected"), "open"],
    ] as const,
  )("%s", (_, passes, state, expected) => expect(gateState({ passes }, state).kind).toBe(expected));
});

describe("rejectionsOf", () => {
  const gates = (plan: object[], rejected: string[], step: string) =>
    rejectionsOf(
      planSchema.parse({ steps: plan }),
      ledgerOf(Object.fromEntries(rejected.map((id) => [id, decided("rejected")]))),
      step,
    ).map(({ gate }) => gate);
  const step = (id: string, needs: string[] = []) => ({ id, title: id, needs });
  const gate = (id: string, needs: string[] = []) => ({ ...step(id, needs), type: "gate" });

  it("reach every step before the gate in a list", () => {
    const list = [step("A"), gate("G"), step("B")];
    expect(gates(list, ["G"], "A")).toEqual(["G"]);
    expect(gates(list, ["G"], "B")).toEqual([]);
    expect(gates(list, [], "A")).toEqual([]);
  });

  it("reach what the gate needs in a graph, also through other steps", () => {
    const graph = [step("A"), step("B", ["A"]), step("C"), gate("G", ["B"])];
    expect(["A", "B", "C"].map((id) => gates(graph, ["G"], id))).toEqual([["G"], ["G"], []]);
  });
});

describe("a rejected gate", () => {
  const at = (day: number) => `2026-01-0${day}T00:00:00Z`;
  const list = planSchema.parse({
    steps: [
      { id: "A", title: "a", passes: true },
      { id: "G", title: "g", type: "gate", passes: true },
      { id: "B", title: "b", passes: true },
      { id: "C", title: "c", passes: true },
      { id: "H", title: "h", type: "gate" },
      { id: "D", title: "d" },
    ],
  });
  const gate = list.steps[4]!;
  const ledger = (passedAt: string) =>
    ledgerOf({
      C: stepState({ passed: { evidence: "step", commit: "c", at: passedAt } }),
      H: stepState({ gate: { state: "rejected", by: "Ada", at: at(2), note: "no" } }),
    });

  it("offers what passed since the gate before it, and in a graph what it needs", () => {
    expect(redoable(list, gate).map(({ id }) => id)).toEqual(["B", "C"]);
    const graph = { ...list, steps: list.steps.map((step) => step.id === "H" ? { ...step, needs: ["C", "G"] } : step) };
    expect(redoable(graph, graph.steps[4]!).map(({ id }) => id)).toEqual(["C"]);
  });

  it("says by whom, why and what may be redone, until a step was redone: then it awaits a new decision", () => {
    expect(gateHalt(list, ledger(at(1)), gate, "page")).toEqual({
      reason: "gate",
      step: "H",
      handoff: "page",
      rejected: { by: "Ada", note: "no", redo: ["B", "C"] },
    });
    expect(gateHalt(list, ledger(at(3)), gate, "page")).toEqual({ reason: "gate", step: "H", handoff: "page" });
  });
});
