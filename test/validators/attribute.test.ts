import { describe, expect, it } from "vitest";
import type { Validator } from "../../src/model/validator.ts";
import { type BaseResult, evidenceOf, type Execution, type Tried, verdictOf } from "../../src/validators/attribute.ts";

const validator: Validator = { id: "test", origin: "registry", command: "x", timeoutMinutes: 1, protects: [] };
const hygiene: Validator = { ...validator, command: undefined, builtin: "json" };

function run(status: Execution["status"]): Execution {
  const exit = { kind: "code", code: status === "pass" ? 0 : 1 } as const;
  return { status, exit, durationMs: 5, digest: `digest of ${status}`, log: null, cached: false };
}

function tried(statuses: Execution["status"][], base: BaseResult = null, more: Partial<Tried> = {}): Tried {
  return { validator, named: false, guards: [], runs: statuses.map(run), base, ...more };
}

describe("verdictOf", () => {
  it.each<
    [Execution["status"][], BaseResult, named: boolean, status: string, attribution: string | null, blocks: boolean]
  >(
    [
      [["pass"], null, false, "pass", "clean", false],
      [["pass"], "green", true, "pass", "clean", false],
      [["pass"], "red", true, "pass", "fixed", false],
      [["pass"], "unknown", true, "pass", null, false],
      [["fail", "pass"], null, false, "flaky", null, false],
      [["fail", "pass"], null, true, "flaky", null, false],
      [["error", "pass"], null, false, "flaky", null, false],
      [["fail", "fail"], "green", false, "fail", "regressed", true],
      [["fail", "fail"], "red", false, "fail", "broken-before", false],
      [["fail", "fail"], "red", true, "fail", "broken-before", true],
      [["fail", "fail"], "unknown", false, "fail", null, true],
      [["error", "error"], "green", false, "error", "regressed", true],
      [["error", "error"], "red", false, "error", "broken-before", false],
      [["fail"], null, false, "fail", null, true],
    ],
  )(
    "%j on the result, %s on the base, named %s: %s, %s, blocks %s",
    (runs, base, named, status, attribution, blocks) => {
      expect(verdictOf(tried(runs, base, { named }))).toMatchObject({ status, attribution, blocks, named });
    },
  );

  it.each<[BaseResult, named: boolean, status: string, blocks: boolean, breaks: string[] | undefined]>([
    ["green", false, "fail", true, ["US-001"]],
    ["red", false, "fail", false, undefined],
    ["unknown", false, "fail", true, undefined],
    ["flaky", false, "flaky", false, undefined],
    ["flaky", true, "fail", true, ["US-001"]],
  ])(
    "what guards a passed step, red now, %s on the base, named %s: %s, blocks %s, breaks %j",
    (base, named, status, blocks, breaks) => {
      const verdict = verdictOf(tried(["fail", "fail"], base, { named, guards: ["US-001"] }));
      expect([verdict.status, verdict.blocks, verdict.breaks]).toEqual([status, blocks, breaks]);
    },
  );

  it("shows what failed when it was flaky", () => {
    expect(verdictOf(tried(["fail", "pass"])).digest).toContain("digest of fail");
  });
});

describe("evidenceOf", () => {
  const facts = { unchanged: false, proven: false, redFirst: true, trust: undefined };
  const named = { named: true };

  it.each<[name: string, all: Tried[], more: object, expected: string | null]>([
    ["nothing ran", [], {}, null],
    ["nothing ran, the agent is trusted", [], { trust: "agent" }, "agent"],
    ["only hygiene passed", [tried(["pass"], null, { validator: hygiene })], {}, null],
    ["a validator of the repository passed", [tried(["pass"])], {}, "repo"],
    ["it is trusted and checked", [tried(["pass"])], { trust: "agent" }, "repo"],
    ["only a flaky one", [tried(["fail", "pass"])], {}, "repo"],
    ["a named one was red before", [tried(["pass"], "red", named)], {}, "step"],
    ["a named one was green before", [tried(["pass"], "green", named)], {}, "vacuous"],
    ["a named one was green before, and nobody asks", [tried(["pass"], "green", named)], { redFirst: false }, "repo"],
    ["a named one was red in another way", [tried(["pass"], "other-red", named)], {}, "vacuous"],
    [
      "a named one was green before and another red",
      [
        tried(["pass"], "green", named),
        tried(["pass"], "red", named),
      ],
      {},
      "step",
    ],
    ["nobody knows how a named one was before", [tried(["pass"], "unknown", named)], {}, "repo"],
    ["a named one was green before, a test proves it", [tried(["pass"], "green", named)], { proven: true }, "step"],
    ["a named one is flaky and was red", [tried(["fail", "pass"], "red", named)], {}, "repo"],
    ["one that is not named was red before", [tried(["pass"], "red")], {}, "repo"],
    ["a test of the change proves it", [tried(["pass"])], { proven: true }, "step"],
    [
      "nothing changed, named ones green",
      [tried(["pass"], null, named), tried(["pass"])],
      { unchanged: true },
      "already-true",
    ],
    ["nothing changed, one named one red", [tried(["pass"], null, named), tried(["fail", "fail"], "red", named)], {
      unchanged: true,
    }, "repo"],
    ["nothing changed, none named", [tried(["pass"])], { unchanged: true }, "repo"],
    ["everything was and is red", [tried(["fail", "fail"], "red")], {}, null],
  ])("%s", (_, all, more, expected) => expect(evidenceOf(all, { ...facts, ...more })).toBe(expected));
});
