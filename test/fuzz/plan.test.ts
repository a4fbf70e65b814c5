import fc from "fast-check";
import { expect, test } from "vitest";
import { normalizeAgentPlan } from "../../src/plan/agent-plan.ts";
import { diffPasses, editPlan, passFlags } from "../../src/plan/edit.ts";
import { importPlan } from "../../src/plan/import.ts";
import { readPlan } from "../../src/plan/read.ts";
import { cases } from "../support/cases.ts";

/** JSON in any formatting: space anywhere, characters of keys and texts as they are or escaped. */
class Writer {
  private next = 0;
  private readonly choices: readonly number[];

  constructor(choices: readonly number[]) {
    this.choices = choices;
  }

  private pick(count: number): number {
    this.next += 1;
    return (this.choices[this.next % this.choices.length] ?? 0) % count;
  }

  space(): string {
    return ["", "", " ", "\n", "\r\n", "\t", "\n    "][this.pick(7)]!;
  }

  text(value: string): string {
    const plain = JSON.stringify(value);
    if (this.pick(9) !== 0) return plain;
    return `"${Array.from({ length: value.length }, (_, at) => escaped(value.charCodeAt(at))).join("")}"`;
  }

  write(value: unknown): string {
    if (value instanceof Verbatim) return value.text;
    if (typeof value === "string") return this.text(value);
    if (typeof value !== "object" || value === null) return JSON.stringify(value);
    const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
    const members = Array.isArray(value)
      ? value.map((item) => this.write(item))
      : Object.entries(value).map(([key, inner]) =>
        `${this.text(key)}${this.space()}:${this.space()}${this.write(inner)}`
      );
    const spaced = members.map((member) => `${this.space()}${member}${this.space()}`);
    return `${open}${spaced.length === 0 ? this.space() : spaced.join(",")}${close}`;
  }
}

function escaped(code: number): string {
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

/** A value whose bytes are given. */
class Verbatim {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const choices = fc.array(fc.nat(255), { minLength: 5, maxLength: 60 });
const anyText = fc.string({ unit: "binary-ascii", maxLength: 12 });
const anyValue = fc.jsonValue({ maxDepth: 2, stringUnit: "grapheme" });
/** Keys that mean nothing to the runner, some of them names that objects have of their own. */
const foreign = fc.dictionary(
  fc.oneof(anyText.map((key) => `x-${key}`), fc.constantFrom("constructor", "toString", "__proto__")),
  anyValue,
  { maxKeys: 3, noNullPrototype: true },
);

const dialect = fc.record({
  wrapped: fc.boolean(),
  list: fc.constantFrom("userStories", "steps", "stories", "tasks"),
  flag: fc.constantFrom("passes", "completed", "status"),
  notes: fc.constantFrom("notes", "completionNotes"),
});

const story = fc.record({
  title: anyText.map((title) => `t${title}`),
  passes: fc.boolean(),
  notes: anyText,
  before: foreign,
  after: foreign,
  numbered: fc.boolean(),
  notesFirst: fc.boolean(),
});

const anyPlan = fc.record({
  dialect,
  stories: fc.array(story, { minLength: 1, maxLength: 4 }),
  root: foreign,
  choices,
  bom: fc.constantFrom("", "\uFEFF"),
});
type AnyPlan = typeof anyPlan extends fc.Arbitrary<infer Value> ? Value : never;

const idOf = ({ stories }: AnyPlan, index: number) => stories[index]!.numbered ? String(index + 1) : `S-${index}`;

/** The text of a plan; given are the bytes of the values that the runner owns, `null` where they are missing. */
function textOf(
  { dialect: spelled, stories, root, choices: picked, bom }: AnyPlan,
  planId: string | null,
  owned: (index: number) => { passes: string; notes: string } | null,
): string {
  const list = stories.map(({ title, before, after, numbered, notesFirst }, index) => {
    const bytes = owned(index);
    const note = bytes === null ? {} : { [spelled.notes]: new Verbatim(bytes.notes) };
    return {
      ...before,
      ...notesFirst ? note : {},
      id: numbered ? index + 1 : `S-${index}`,
      ...bytes === null ? {} : { [spelled.flag]: new Verbatim(bytes.passes) },
      title,
      ...notesFirst ? {} : note,
      ...after,
    };
  });
  const plan = { ...root, ...planId === null ? {} : { planId: new Verbatim(planId) }, [spelled.list]: list };
  return bom + new Writer(picked).write(spelled.wrapped ? { prd: plan } : plan);
}

/** The bytes of a step's owned values. */
function ownedOf({ dialect: { flag } }: AnyPlan, { passes, notes }: { passes: boolean; notes: string }) {
  const word = flag !== "status" ? String(passes) : passes ? '"done"' : '"open"';
  return { passes: word, notes: JSON.stringify(notes) };
}

const complete = (plan: AnyPlan) => textOf(plan, '"abc-def"', (index) => ownedOf(plan, plan.stories[index]!));

test("a plan of any dialect, formatting and spelling keeps every byte but those of the owned values", () => {
  const wanted = fc.record({ passes: fc.boolean(), notes: anyText, planId: fc.constantFrom("abc-def", "other-id") });
  fc.assert(
    fc.property(anyPlan, wanted, fc.nat(), (plan, { planId, ...step }, which) => {
      const before = complete(plan);
      const at = which % plan.stories.length;
      const after = textOf(
        plan,
        JSON.stringify(planId),
        (index) => ownedOf(plan, index === at ? step : plan.stories[index]!),
      );
      const read = readPlan(before, "prd.json");
      expect(read.ok ? [] : read.problems).toEqual([]);
      expect(editPlan(before, { planId, steps: { [idOf(plan, at)]: step } })).toBe(after);
    }),
    cases(4000),
  );
});

test("owned values that are missing come in at one place each, and every byte around them stays", () => {
  fc.assert(
    fc.property(anyPlan, fc.record({ passes: fc.boolean(), notes: anyText }), fc.nat(), (plan, step, which) => {
      const before = textOf(plan, null, () => null);
      const id = idOf(plan, which % plan.stories.length);
      const edited = editPlan(before, { steps: { [id]: step } });
      expect(insertions(before, edited)).toBe(true);
      expect(passFlags(edited).get(id)).toBe(step.passes);
      const named = editPlan(edited, { planId: "abc-def" });
      expect(insertions(edited, named)).toBe(true);
      const read = readPlan(named, "prd.json");
      if (!read.ok) throw new Error(JSON.stringify(read.problems));
      expect(read.plan.planId).toBe("abc-def");
      expect(read.plan.steps.find((other) => other.id === id)).toMatchObject(step);
      expect(editPlan(named, { planId: "abc-def", steps: { [id]: step } })).toBe(named);
    }),
    cases(2000),
  );
});

/** Whether `after` is `before` with one text put in. */
function insertions(before: string, after: string): boolean {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start += 1;
  return after.endsWith(before.slice(start));
}

/** A valid plan with one value at some depth replaced, or a text cut, doubled or changed at some place. */
const damaged = fc.tuple(anyPlan, fc.nat(), fc.nat(), anyValue, fc.string({ maxLength: 4 }), fc.nat(5)).map(
  ([plan, at, length, value, put, how]) => {
    const text = complete(plan);
    const from = at % (text.length + 1);
    const to = Math.min(text.length, from + length % 20);
    if (how === 0) return text.slice(0, from);
    if (how === 1) return text.slice(0, from) + put + text.slice(to);
    if (how === 2) return text.slice(0, from) + JSON.stringify(value) + text.slice(to);
    if (how === 3) return text.slice(0, to) + text.slice(from);
    return changed(text, at, value);
  },
);

/** The text with the value of its n-th key replaced. */
function changed(text: string, at: number, value: unknown): string {
  let seen = 0;
  const total = Math.max(1, [...text.matchAll(/":/g)].length);
  return JSON.stringify(
    JSON.parse(text.replace(/^\uFEFF/, ""), (key, inner: unknown) => {
      if (key === "") return inner;
      seen += 1;
      return seen === at % total ? value : inner;
    }),
  );
}

test("any text is read, imported and compared without a throw, and what is wrong stands on one of its lines", () => {
  const good = '{"steps":[{"id":"A","title":"a"}]}';
  const nearJson = fc.string({ unit: fc.constantFrom(...'{}[]:,"\\/*\n e1-.u00tfn\uFEFF\u2028'.split("")) });
  const anything = fc.oneof(
    { weight: 6, arbitrary: damaged },
    { weight: 2, arbitrary: fc.json({ stringUnit: "binary" }) },
    { weight: 1, arbitrary: nearJson },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  );
  fc.assert(
    fc.property(anything, (text) => {
      const read = readPlan(text, "prd.json");
      if (read.ok) {
        expect(editPlan(text, { steps: { nobody: { passes: true } } })).toBe(text);
        expect(normalizeAgentPlan({ before: text, after: good, step: "A" })).toBeDefined();
      } else {
        expect(read.problems.length).toBeGreaterThan(0);
        const lines = text.split(/\r\n|\r|\n/).length;
        for (const { line, message } of read.problems) {
          expect(message).not.toBe("");
          expect(line === null || (line >= 1 && line <= lines)).toBe(true);
        }
      }
      diffPasses(text, good);
      normalizeAgentPlan({ before: good, after: text, step: "A" });
      const imported = importPlan(text, "plan");
      if (imported.ok) expect(readPlan(imported.text, "prd.json").ok).toBe(true);
      else expect(imported.problems.length).toBeGreaterThan(0);
    }),
    cases(4000),
  );
});
