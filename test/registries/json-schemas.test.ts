import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { newPlan } from "../../src/plan/template.ts";
import { readPlan } from "../../src/plan/read.ts";
import { jsonSchemas } from "../../src/registries/json-schemas.ts";

const folder = join(import.meta.dirname, "../../schemas");

test.each([...jsonSchemas()])("the committed %s is current (else run `npm run schemas`)", async (name, text) => {
  expect(await readFile(join(folder, name), "utf8")).toBe(text);
});

describe("the schema of plans", () => {
  const json = JSON.parse(jsonSchemas().get("prd.schema.json") ?? "") as z.core.JSONSchema.JSONSchema;
  const schema = z.fromJSONSchema(json);
  const step = { id: "US-001", title: "t", passes: false, notes: "", priority: 1, theirs: [1] };

  test("accepts both keys for steps and keys of other tools", () => {
    expect(schema.safeParse({ $schema: "x", project: "p", userStories: [step], theirs: 1 }).success).toBe(true);
    expect(schema.safeParse({ steps: [step] }).success).toBe(true);
  });

  test("refuses a plan without steps and steps of the wrong shape", () => {
    // zod reads no `anyOf` of `required` back, editors do.
    expect(json.anyOf).toEqual([{ required: ["userStories"] }, { required: ["steps"] }]);
    expect(schema.safeParse({ steps: [] }).success).toBe(false);
    expect(schema.safeParse({ userStories: [{ ...step, passes: "yes" }] }).success).toBe(false);
    expect(schema.safeParse({ userStories: [{ ...step, id: "a b" }] }).success).toBe(false);
  });

  test("accepts the plan that `init` writes, and so does the runner", () => {
    const text = newPlan({ project: "x", branchName: "ralph/x", schema: "./prd.schema.json" });
    expect(schema.safeParse(JSON.parse(text)).success).toBe(true);
    expect(readPlan(text, "prd.json")).toMatchObject({ ok: true, changes: [] });
  });
});
