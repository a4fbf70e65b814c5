import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffPasses, editPlan } from "../../src/plan/edit.ts";
import { readPlan } from "../../src/plan/read.ts";

const plan = `{
  "project": "x",
  "custom":   [1,2 , 3],
  "userStories": [
    { "id": "US-001", "title": "a", "passes": false, "notes": "" },
    {
      "notes": "old",
      "passes": true,
      "id": "US-002",
      "title": "b"
    },
    { "id": "US-003", "title": "c" }
  ]
}
`;

describe("only the owned values change", () => {
  test("a pass and a note", () => {
    const edited = editPlan(plan, { steps: { "US-001": { passes: true, notes: 'said "yes"\n' } } });
    expect(edited).toBe(plan.replace('"passes": false, "notes": ""', '"passes": true, "notes": "said \\"yes\\"\\n"'));
  });

  test("a value that is right already is not rewritten, even in another spelling", () => {
    const escaped = plan.replace('"old"', '"\\u006fld"');
    expect(editPlan(escaped, { steps: { "US-002": { passes: true, notes: "old" } } })).toBe(escaped);
  });

  test("a step that the plan lacks is ignored", () => {
    expect(editPlan(plan, { steps: { "US-009": { passes: true } } })).toBe(plan);
    const inherited = plan.replace("US-001", "constructor");
    expect(editPlan(inherited, { steps: { "US-002": { notes: "old" } } })).toBe(inherited);
  });
});

describe("missing keys are added in the style of the file", () => {
  test("on one line", () => {
    const edited = editPlan(plan, { steps: { "US-003": { passes: true, notes: "n" } } });
    expect(edited).toBe(plan.replace('"title": "c" }', '"title": "c", "passes": true, "notes": "n" }'));
  });

  test("on lines of their own, with CRLF and tabs", () => {
    const text = '{\r\n\t"steps" : [\r\n\t\t{\r\n\t\t\t"id" : "A",\r\n\t\t\t"title" : "t"\r\n\t\t}\r\n\t]\r\n}';
    expect(editPlan(text, { planId: "abc-123", steps: { A: { passes: true } } })).toBe(
      '{\r\n\t"planId" : "abc-123",\r\n\t"steps" : [\r\n\t\t{\r\n\t\t\t"id" : "A",\r\n\t\t\t"title" : "t",\r\n\t\t\t"passes" : true\r\n\t\t}\r\n\t]\r\n}',
    );
  });

  test("the plan id stands before the steps, and is replaced where it is", () => {
    const edited = editPlan(plan, { planId: "first-id" });
    expect(edited).toBe(plan.replace('  "userStories"', '  "planId": "first-id",\n  "userStories"'));
    expect(editPlan(edited, { planId: "other-id" })).toBe(edited.replace("first-id", "other-id"));
  });

  test("in a compact file behind a byte order mark", () => {
    expect(editPlan('\uFEFF{"steps":[{"id":"A","title":"t"}]}', { planId: "abcdef", steps: { A: { notes: "" } } }))
      .toBe(
        '\uFEFF{"planId":"abcdef","steps":[{"id":"A","title":"t","notes":""}]}',
      );
  });
});

test("other dialects keep their own flag", () => {
  const text =
    '{"prd":{"stories":[{"id":1,"title":"a","status":"in_progress"},{"id":2,"title":"b","completed":false,"completionNotes":""}]}}';
  expect(editPlan(text, { steps: { 1: { passes: false }, 2: { passes: true, notes: "n" } } })).toBe(
    text.replace('"completed":false,"completionNotes":""', '"completed":true,"completionNotes":"n"'),
  );
  expect(editPlan(text, { steps: { 1: { passes: true } } })).toBe(text.replace('"in_progress"', '"done"'));
});

test("changed passes between two texts are told by step", () => {
  const reset = plan.replace('"passes": true', '"passes": false').replace(
    '"title": "c"',
    '"title": "c", "passes": true',
  );
  expect(diffPasses(plan, reset)).toEqual({ passed: ["US-003"], reopened: ["US-002"] });
  expect(diffPasses(plan, plan)).toEqual({ passed: [], reopened: [] });
  expect(diffPasses(plan, "{")).toEqual({ passed: [], reopened: [] });
  expect(diffPasses("", plan)).toEqual({ passed: [], reopened: [] });
});

test("10,000 steps are edited in one go, in time", () => {
  const userStories = Array.from(
    { length: 10_000 },
    (_, index) => ({ id: `S${index}`, title: "t", description: "x".repeat(200), passes: false }),
  );
  const text = JSON.stringify({ userStories }, null, 2);
  const steps = Object.fromEntries(userStories.map(({ id }) => [id, { passes: true, notes: "n" }]));
  const started = performance.now();
  const edited = editPlan(text, { steps });
  expect(performance.now() - started).toBeLessThan(1500);
  expect(JSON.parse(edited)).toEqual({
    userStories: userStories.map((step) => ({ ...step, passes: true, notes: "n" })),
  });
});

/** JSON in random but valid formatting: any space where space may be. Owned values are marked, so that they can be masked. */
const space = fc.constantFrom("", " ", "  ", "\n", "\r\n", "\t", "\n    ");

function formatted(value: unknown, spaces: () => string): string {
  if (Array.isArray(value)) {
    return `[${spaces()}${value.map((item) => formatted(item, spaces) + spaces()).join(`,${spaces()}`)}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, inner]) =>
    `${JSON.stringify(key)}${spaces()}:${spaces()}${formatted(inner, spaces)}${spaces()}`
  );
  return `{${spaces()}${members.join(`,${spaces()}`)}}`;
}

const unknownKeys = fc.dictionary(fc.string({ minLength: 1 }).map((key) => `x-${key}`), fc.jsonValue(), { maxKeys: 3 });

const anyPlan = fc.record({
  listKey: fc.constantFrom("userStories", "steps", "stories", "tasks"),
  flag: fc.constantFrom("passes", "completed"),
  root: unknownKeys,
  steps: fc.array(
    fc.record({
      title: fc.string({ minLength: 1 }),
      passes: fc.option(fc.boolean()),
      notes: fc.option(fc.string()),
      before: unknownKeys,
      after: unknownKeys,
    }),
    { minLength: 1, maxLength: 6 },
  ),
  bom: fc.constantFrom("", "\uFEFF"),
  spaces: fc.array(space, { minLength: 7, maxLength: 29 }),
  edits: fc.array(
    fc.record({
      passes: fc.option(fc.boolean(), { nil: undefined }),
      notes: fc.option(fc.string(), { nil: undefined }),
    }, { requiredKeys: [] }),
    { maxLength: 6 },
  ),
  planId: fc.constantFrom(undefined, "abc-def"),
}).map(({ listKey, flag, root, steps, bom, spaces, edits, planId }) => {
  const value = {
    ...root,
    [listKey]: steps.map(({ title, passes, notes, before, after }, index) => ({
      ...before,
      id: `S${index}`,
      title,
      ...passes === null ? {} : { [flag]: passes },
      ...notes === null ? {} : { notes },
      ...after,
    })),
  };
  let next = 0;
  const text = bom + formatted(value, () => spaces[next++ % spaces.length] ?? "");
  const wanted = Object.fromEntries(edits.map((edit, index) => [`S${index}`, edit] as const));
  return { value, listKey, flag, text, edits: { ...planId === undefined ? {} : { planId }, steps: wanted } };
});

describe("for any plan in any formatting", () => {
  test("the values are the expected ones, and editing again changes nothing", () => {
    fc.assert(
      fc.property(anyPlan, ({ value, listKey, flag, text, edits }) => {
        const edited = editPlan(text, edits);
        const list = (value as Record<string, unknown>)[listKey] as Record<string, unknown>[];
        const expected = {
          ...value,
          ..."planId" in edits ? { planId: edits.planId } : {},
          [listKey]: list.map((step) => {
            const { passes, notes } = edits.steps[String(step["id"])] ?? {};
            const key = Object.hasOwn(step, flag) ? flag : "passes";
            return {
              ...step,
              ...passes === undefined ? {} : { [key]: passes },
              ...notes === undefined ? {} : { notes },
            };
          }),
        };
        expect(JSON.parse(edited.replace(/^\uFEFF/, ""))).toEqual(JSON.parse(JSON.stringify(expected)));
        expect(editPlan(edited, edits)).toBe(edited);
        expect(readPlan(edited, "prd.json").ok).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test("every byte but those of the owned values stays", () => {
    const complete = fc.array(fc.record({ passes: fc.boolean(), notes: fc.string(), other: fc.jsonValue() }), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(
        complete,
        fc.array(space, { minLength: 7, maxLength: 29 }),
        fc.boolean(),
        fc.string(),
        (steps, spaces, passes, notes) => {
          const text = (edit: object): string => {
            let next = 0;
            const value = {
              planId: "abcdef",
              steps: steps.map((step, index) => ({ id: `S${index}`, ...step, ...index % 2 === 0 ? edit : {} })),
            };
            return formatted(value, () => spaces[next++ % spaces.length] ?? "");
          };
          const edits = Object.fromEntries(
            steps.flatMap((_, index) => (index % 2 === 0 ? [[`S${index}`, { passes, notes }]] : [])),
          );
          expect(editPlan(text({}), { planId: "abcdef", steps: edits })).toBe(text({ passes, notes }));
        },
      ),
      { numRuns: 300 },
    );
  });
});
