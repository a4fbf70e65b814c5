import { describe, expect, it } from "vitest";
import { planSchema } from "../../src/model/plan.ts";
import type { Validator } from "../../src/model/validator.ts";
import { frozenBy } from "../../src/validators/frozen.ts";

const plan = planSchema.parse({ steps: [{ id: "A", title: "t", completionCriteria: ["npm run e2e"] }] });

function validator(id: string, more: Partial<Validator> = {}): Validator {
  return { id, origin: "registry", command: "true", timeoutMinutes: 1, protects: [], ...more };
}

describe("what validators rest on", () => {
  it("is what a person protects, and not what was only detected", () => {
    const validators = [
      validator("own", { protects: ["check/**"] }),
      validator("test", { origin: "detected", command: "make test", protects: ["Makefile"] }),
    ];
    expect(frozenBy(validators, plan, []).protects).toEqual(["check/**"]);
  });

  it("is what package managers start scripts by, where one runs them, unless the step names it", () => {
    const validators = [validator("test", { command: "npm test" })];
    expect(frozenBy(validators, { ...plan, cwd: "app" }, []).protects).toContain("app/.npmrc");
    expect(frozenBy(validators, plan, [".npmrc"]).protects).not.toContain(".npmrc");
    expect(frozenBy([validator("cargo", { command: "cargo test" })], plan, []).protects).toEqual([]);
  });

  it("is every script that a validator or a criterion runs, in the plan's folder", () => {
    const text = (scripts: object) => JSON.stringify({ scripts });
    const before = text({ test: "vitest", e2e: "playwright", dev: "vite" });
    const after = text({ test: "true", e2e: "playwright || true", dev: "true" });
    const frozen = frozenBy([validator("test", { command: "npm test" })], { ...plan, cwd: "app" }, []);
    expect(frozen.manifests).toContain("app/package.json");
    expect(frozen.emptied("app/package.json", before, after)?.names).toEqual(["e2e", "test"]);
    expect(frozen.emptied("package.json", before, after)).toBeNull();
    expect(frozen.emptied("app/package.json", before, before)).toBeNull();
  });
});
