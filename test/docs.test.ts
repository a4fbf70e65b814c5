import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { agentSchema } from "../src/model/agents.ts";
import { failureClasses, failureSchema, policySchema } from "../src/model/failure.ts";
import { exitCodes } from "../src/model/halt.ts";
import { limitKeys } from "../src/model/limits.ts";
import { planSchema, stepOptions, stepSchema } from "../src/model/plan.ts";
import { validatorSchema } from "../src/model/validator.ts";
import { readPlan } from "../src/plan/read.ts";
import { readBuiltInRegistries } from "../src/registries/built-in.ts";
import { loadRegistries } from "../src/registries/load.ts";

const root = resolve(import.meta.dirname, "..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const pages = [
  "README.md",
  "AGENTS.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** The names in backticks of the first cells below a heading, up to the next heading. */
function rows(page: string, heading: string): string[] {
  const section = read(page).split(`\n${heading}\n`)[1]?.split(/\n#+ /)[0] ?? "";
  return [...section.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
  );
}

/** The JSON blocks of a page. */
function blocks(page: string): string[] {
  return [...read(page).matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, text]) => text!);
}

const sorted = (names: Iterable<string>) => [...new Set(names)].toSorted((a, b) => a < b ? -1 : 1);

describe("docs/plan.md", () => {
  test("names every key of the plan and no other", () => {
    const { steps: _, ...rest } = planSchema.shape;
    expect(sorted(rows("docs/plan.md", "## The root"))).toEqual(sorted([...Object.keys(rest), "steps", "userStories"]));
  });

  test("names every key of a step and no other", () => {
    const [own, shared] = read("docs/plan.md").split("## A step")[1]!.split("These may stand in `defaults` too:");
    const first = (text: string) =>
      [...text.split("\n## ")[0]!.matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) =>
        [...cell!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
      );
    expect(sorted(first(shared!))).toEqual(sorted(Object.keys(stepOptions.shape)));
    expect(sorted([...first(own!), ...first(shared!)])).toEqual(sorted(Object.keys(stepSchema.shape)));
  });
});

describe("the registries' pages", () => {
  test("docs/agents.md names every key of an entry", () => {
    const text = read("docs/agents.md");
    expect(Object.keys(agentSchema.shape).filter((key) => !text.includes(`\`${key}`))).toEqual([]);
  });

  test("docs/validators.md names every key of an entry and no other", () => {
    const [table] = read("docs/validators.md").split("Exactly one of");
    const keys = [...table!.matchAll(/^\| `([^`]+)` \|/gm)].map(([, key]) => key!);
    expect(sorted(keys)).toEqual(sorted(Object.keys(validatorSchema.shape)));
  });

  test("docs/failures.md names every class, every key and every policy", () => {
    const [classes, rest] = read("docs/failures.md").split("## Waiting");
    const [keys, kinds] = rest!.split("| `kind` |");
    const cells = (text: string) => [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name!);
    expect(sorted(cells(classes!))).toEqual(sorted(failureClasses));
    expect(sorted(cells(keys!))).toEqual(sorted(Object.keys(failureSchema.shape)));
    expect(sorted(cells(kinds!))).toEqual(sorted(policySchema.options.map(({ shape }) => shape.kind.value)));
  });

  test.each(
    [
      ["docs/agents.md", "agents"],
      ["docs/validators.md", "validators"],
      ["docs/failures.md", "failures"],
    ] as const,
  )(
    "every example of %s is valid as it stands",
    async (page, registry) => {
      const builtIn = await readBuiltInRegistries();
      expect(blocks(page).length).toBeGreaterThan(0);
      for (const text of blocks(page)) {
        const loaded = loadRegistries(builtIn, { [registry]: { file: page, text } });
        expect(loaded.ok ? [] : loaded.problems).toEqual([]);
      }
    },
  );
});

describe("docs/limits.md", () => {
  test("its examples are valid as they stand, and the first has every key of every scope", async () => {
    const builtIn = await readBuiltInRegistries();
    const [limits = "", prices = ""] = blocks("docs/limits.md");
    const loaded = loadRegistries(builtIn, {
      limits: { file: "docs/limits.md", text: limits },
      prices: { file: "docs/limits.md", text: prices },
    });
    expect(loaded.ok ? [] : loaded.problems).toEqual([]);
    const keys = Object.fromEntries(
      Object.entries(JSON.parse(limits) as object).map(([scope, values]) => [scope, Object.keys(values as object)]),
    );
    expect(keys).toEqual(limitKeys);
  });
});

test("the README's step is one, and its table has every exit code", () => {
  const step = blocks("README.md").find((text) => text.includes("acceptanceCriteria"))!;
  const plan = readPlan(`{"userStories": [${step.replace(`["US-001"]`, "[]")}]}`, "prd.json");
  expect(plan.ok ? [] : plan.problems).toEqual([]);
  const codes = [...read("README.md").matchAll(/^\| (\d[\d, ]*) \|/gm)].flatMap(([, cell]) => cell!.split(", "));
  expect(sorted(Object.values(exitCodes).map(String)).filter((code) => !codes.includes(code))).toEqual([]);
});

test("no link between pages is broken", () => {
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
      .map(([, target]) => join(dirname(page), target!))
      .filter((target) => !existsSync(join(root, target)))
      .map((target) => `${page}: ${target}`)
  );
  expect(broken).toEqual([]);
});

test("AGENTS.md stays a map", () => {
  expect(read("AGENTS.md").split("\n").length).toBeLessThan(120);
});
