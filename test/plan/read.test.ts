import { describe, expect, test } from "vitest";
import { readPlan } from "../../src/plan/read.ts";

const snarktankExample = `{
  "project": "MyApp",
  "branchName": "ralph/task-priority",
  "description": "Task Priority System - Add priority levels to tasks",
  "userStories": [
    {
      "id": "US-001",
      "title": "Add priority field to database",
      "description": "As a developer, I need to store task priority so it persists across sessions.",
      "acceptanceCriteria": [
        "Add priority column to tasks table: 'high' | 'medium' | 'low' (default 'medium')",
        "Typecheck passes"
      ],
      "priority": 1,
      "passes": false,
      "notes": ""
    },
    {
      "id": "US-002",
      "title": "Display priority indicator on task cards",
      "description": "As a user, I want to see task priority at a glance.",
      "acceptanceCriteria": ["Each task card shows a colored priority badge", "Typecheck passes"],
      "priority": 2,
      "passes": true,
      "notes": "done by hand"
    }
  ]
}
`;

function read(value: unknown) {
  return readPlan(typeof value === "string" ? value : JSON.stringify(value, null, 2), "prd.json");
}

function planOf(value: unknown) {
  const result = read(value);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result;
}

function problemsOf(value: unknown) {
  const result = read(value);
  return result.ok ? [] : result.problems;
}

const step = (id: string, more: object = {}) => ({ id, title: `Title of ${id}`, ...more });

describe("a plan of snarktank/ralph", () => {
  test("is read as it is, with nothing converted", () => {
    const { plan, changes } = planOf(snarktankExample);
    expect(changes).toEqual([]);
    expect(plan.branchName).toBe("ralph/task-priority");
    expect(plan.steps.map(({ id, passes, priority, notes }) => [id, passes, priority, notes])).toEqual([
      ["US-001", false, 1, ""],
      ["US-002", true, 2, "done by hand"],
    ]);
    expect(plan.steps[0]?.acceptanceCriteria).toHaveLength(2);
  });

  test("is read with a byte order mark, CRLF and keys of other tools", () => {
    const text = `\uFEFF${
      snarktankExample.replace('"project"', '"x-mine": {"deep": [1]}, "phase": 2, "$schema": "s", "project"')
    }`;
    expect(planOf(text.replaceAll("\n", "\r\n")).plan.project).toBe("MyApp");
  });
});

describe("other dialects", () => {
  test("stories with a status and dependsOn", () => {
    const { plan, changes } = planOf({
      version: 1,
      name: "Theirs",
      stories: [step("A", { status: "done" }), step("B", { status: "in_progress", dependsOn: ["A"] })],
    });
    expect(plan.project).toBe("Theirs");
    expect(plan.steps.map(({ passes, needs }) => [passes, needs])).toEqual([[true, []], [false, ["A"]]]);
    expect(changes).toEqual([
      "`stories` is read as `userStories`",
      "`name` is read as `project`",
      "`status` is read as `passes` (`done` is true) (in 2 steps)",
      "`dependsOn` is read as `needs`",
    ]);
  });

  test("a `prd` wrapper around tasks with numbers for ids and `completed`", () => {
    const { plan, changes } = planOf({
      prd: { tasks: [{ id: 1, title: "a", completed: true }, { id: 2, title: "b", needs: [1] }] },
    });
    expect(plan.steps.map(({ id, passes, needs }) => [id, passes, needs])).toEqual([["1", true, []], ["2", false, [
      "1",
    ]]]);
    expect(changes).toContain("What `prd` wraps is read as the plan");
  });

  test("shell criteria, completion notes, and null for what is absent", () => {
    const { plan } = planOf({
      branchName: null,
      metadata: { version: "1" },
      userStories: [step("A", { completionCriteria: ["npm test"], completionNotes: "n", passes: null, files: ["x"] })],
    });
    expect(plan.steps[0]).toMatchObject({ completionCriteria: ["npm test"], notes: "n", passes: false });
  });

  test("`passes` wins over a `status` beside it, whatever that says", () => {
    expect(planOf({ steps: [step("A", { passes: false, status: "shipped" })] }).plan.steps[0]?.passes).toBe(false);
  });
});

test("defaults apply to every step that does not say otherwise", () => {
  const { plan } = planOf({
    defaults: { maxAttempts: 5, agent: "claude" },
    steps: [step("A"), step("B", { maxAttempts: 1 })],
  });
  expect(plan.steps.map(({ maxAttempts, agent }) => [maxAttempts, agent])).toEqual([[5, "claude"], [1, "claude"]]);
});

describe("each problem is told with path, line, message and hint", () => {
  type Row = [
    name: string,
    value: unknown,
    path: string,
    line: number | null,
    message: string | RegExp,
    hint?: string | RegExp,
  ];
  const one = (more: object) => ({ userStories: [step("A"), step("B", more)] });
  const rows: Row[] = [
    ["nothing", "", "", 1, "The file is empty"],
    ["only space", " \n", "", 1, "The file is empty"],
    ["no JSON", "hello", "", 1, /^Not valid JSON: a word that is not in double quotes, found "hello" \(column 1\)$/],
    [
      "truncated",
      '{\n  "userStories": [\n    {"id": "A", "ti',
      "",
      3,
      /the text ends in the middle/,
      /git checkout -- prd.json/,
    ],
    ["truncated between values", '{\n"userStories": [', "", 2, /the text ends in the middle/],
    ["a merge conflict", '{\n<<<<<<< HEAD\n"a": 1\n=======\n', "", 2, /merge conflict/],
    ["a missing comma", '{\n"a": 1\n"b": 2}', "", 3, /a comma is expected, found "\\"b\\"" \(column 1\)/],
    ["a raw line break in text", '{"a": "x\ny"}', "", 1, /Not valid JSON/],
    ["a list", [], "", 1, "A plan is an object, this file holds something else", /capstan import/],
    ["no list of steps", { project: "x" }, "", 1, "The plan has no list of steps"],
    [
      "two lists",
      { steps: [], userStories: [] },
      "userStories",
      3,
      "The plan has two lists of steps, `steps` and `userStories`",
    ],
    ["steps in an object", { steps: {} }, "steps", 2, "`steps` is not a list"],
    ["no steps", { userStories: [] }, "userStories", 2, "The plan has no steps"],
    ["a step that is text", { userStories: ["x"] }, "userStories[0]", 3, 'Expected an object, found "x"'],
    [
      "a key twice",
      '{"steps": [{"id": "A", "title": "t",\n "passes": true,\n "passes": false}]}',
      "steps[0].passes",
      3,
      "The key `passes` appears twice",
    ],
    ["a missing id", { userStories: [{ title: "t" }] }, "userStories[0].id", 3, "`id` is missing"],
    ["a missing title", { userStories: [{ id: "A" }] }, "userStories[0].title", 3, "`title` is missing"],
    ["an id with spaces", { steps: [step("A b")] }, "steps[0].id", 4, /"A b" must start with a letter or digit/],
    ["an id that no ref may have", { steps: [step("A.lock")] }, "steps[0].id", 4, /"A.lock" must not hold/],
    ["an id with two dots", { steps: [step("A..b")] }, "steps[0].id", 4, /"A..b" must not hold/],
    [
      "an id twice",
      { steps: [step("A"), step("A")] },
      "steps[1].id",
      8,
      "The id `A` is taken",
      /steps\[0\].id \(line 4\)/,
    ],
    [
      "ids that differ in case",
      { steps: [step("us-1"), step("US-1")] },
      "steps[1].id",
      8,
      "The id `US-1` differs from `us-1` only in case",
    ],
    [
      "a need of nobody",
      one({ needs: ["A", "AB"] }),
      "userStories[1].needs[1]",
      12,
      "No step has the id `AB`",
      "Did you mean `A`?",
    ],
    [
      "a need in another dialect",
      { stories: [step("US-001"), step("x", { dependsOn: ["US-01"] })] },
      "stories[1].dependsOn[0]",
      11,
      "No step has the id `US-01`",
      "Did you mean `US-001`?",
    ],
    [
      "needs and dependsOn",
      one({ needs: [], dependsOn: [] }),
      "userStories[1].dependsOn",
      11,
      "The step has both `needs` and `dependsOn`",
    ],
    ["a step that needs itself", one({ needs: ["B"] }), "userStories[1].needs[0]", 11, "The step `B` needs itself"],
    [
      "a circle",
      { steps: [step("A", { needs: ["C"] }), step("B", { needs: ["A"] }), step("C", { needs: ["B"] })] },
      "steps[0].needs[0]",
      7,
      "Steps need each other in a circle: A needs C needs B needs A",
    ],
    [
      "a reopen of nobody",
      one({ onFail: { reopen: ["Z"], max: 1 } }),
      "userStories[1].onFail.reopen[0]",
      12,
      "No step has the id `Z`",
    ],
    [
      "an undecided field",
      { decisions: { iac_tool: "x" }, ...one({ when: { field: "iactool", equals: 1 } }) },
      "userStories[1].when.field",
      14,
      "`decisions` has no field `iactool`",
      "Did you mean `iac_tool`?",
    ],
    [
      "a command step without one",
      one({ agent: "command" }),
      "userStories[1].command",
      7,
      "`command` is missing: the agent of the step is `command`",
    ],
    [
      "a mistyped key",
      one({ acceptanceCritera: [] }),
      "userStories[1].acceptanceCritera",
      10,
      "The key `acceptanceCritera` is unknown",
      "Did you mean `acceptanceCriteria`?",
    ],
    [
      "a key in another spelling",
      { branch_name: "x", ...one({}) },
      "branch_name",
      2,
      "The key `branch_name` is unknown",
      "Did you mean `branchName`?",
    ],
    [
      "a mistyped nested key",
      { limits: { iterationz: 3 }, ...one({}) },
      "limits.iterationz",
      3,
      "The key `iterationz` is unknown",
      "Did you mean `iterations`?",
    ],
    [
      "an alias mistyped",
      one({ depends_on: ["A"] }),
      "userStories[1].depends_on",
      10,
      "The key `depends_on` is unknown",
      "Did you mean `needs`?",
    ],
    [
      "an unknown status",
      { stories: [step("A", { status: "weird" })] },
      "stories[0].status",
      6,
      'The status "weird" is unknown',
      /in_progress/,
    ],
    ["text for a number", one({ priority: "high" }), "userStories[1].priority", 10, 'Expected a number, found "high"'],
    ["zero attempts", one({ maxAttempts: 0 }), "userStories[1].maxAttempts", 10, "Expected a number above 0, found 0"],
    [
      "an unknown type",
      one({ type: "gat" }),
      "userStories[1].type",
      10,
      'Expected `agent`, `gate` or `validation`, found "gat"',
      "Did you mean `gate`?",
    ],
    ["a number for a command", one({ command: 3 }), "userStories[1].command", 10, "Expected text or a list, found 3"],
    ["a list of no agents", one({ agent: [] }), "userStories[1].agent", 10, "The list is empty"],
    [
      "`auto` in a list",
      one({ agent: ["claude", "auto"] }),
      "userStories[1].agent[1]",
      12,
      '"auto" stands alone, not in a list',
    ],
    ["an empty command", one({ command: [] }), "userStories[1].command", 10, "The list is empty"],
    [
      "a glob that leaves the repository",
      one({ paths: ["src/**", "../x/**"] }),
      "userStories[1].paths[1]",
      12,
      /"..\/x\/\*\*" must stay inside the repository/,
    ],
    [
      "an absolute glob",
      one({ produces: ["/etc/passwd"] }),
      "userStories[1].produces[0]",
      11,
      /must stay inside the repository/,
    ],
    ["a branch like an option", { branchName: "--force", ...one({}) }, "branchName", 2, /"--force" starts with `-`/],
    ["a branch that is no ref", { branchName: "a b", ...one({}) }, "branchName", 2, /"a b" holds a space/],
    [
      "in a wrapper",
      { prd: { stories: [step("A", { passes: "yes" })] } },
      "prd.stories[0].passes",
      7,
      'Expected `true` or `false`, found "yes"',
    ],
  ];
  test.each(rows)("%s", (_name, value, path, line, message, hint) => {
    const problems = problemsOf(value);
    const wanted = problems.find((problem) => problem.path === path && problem.line === line);
    expect(wanted, JSON.stringify(problems)).toBeDefined();
    expect(problems).toHaveLength(1);
    expect(wanted?.file).toBe("prd.json");
    if (typeof message === "string") expect(wanted?.message).toBe(message);
    else expect(wanted?.message).toMatch(message);
    if (typeof hint === "string") expect(wanted?.hint).toBe(hint);
    else if (hint !== undefined) expect(wanted?.hint).toMatch(hint);
  });
});

test("all problems come at once, in the order of the file", () => {
  const problems = problemsOf({
    branchName: "-x",
    userStories: [step("A", { needs: ["Z"] }), step("A", { title: 3, paths: ["~/x"] }), { passess: true }],
  });
  expect(problems.map(({ path }) => path)).toEqual([
    "branchName",
    "userStories[0].needs[0]",
    "userStories[1].id",
    "userStories[1].title",
    "userStories[1].paths[0]",
    "userStories[2].id",
    "userStories[2].title",
    "userStories[2].passess",
  ].toSorted((a, b) => problems.findIndex(({ path }) => path === a) - problems.findIndex(({ path }) => path === b)));
  expect(problems.map(({ line }) => line)).toEqual(
    problems.map(({ line }) => line).toSorted((a, b) => (a ?? 0) - (b ?? 0)),
  );
});

test("every comment and trailing comma is listed", () => {
  const problems = problemsOf('{ // first\n"steps": [{"id": "A", "title": "t",}, /* second */ ],\n}');
  expect(problems.map(({ line, message }) => [line, message])).toEqual([
    [1, "JSON has no comments"],
    [2, "A comma stands before `}`"],
    [2, "JSON has no comments"],
    [2, "A comma stands before `]`"],
    [3, "A comma stands before `}`"],
  ]);
});

test("two separate circles are both told", () => {
  const problems = problemsOf({
    steps: [
      step("A", { needs: ["B"] }),
      step("B", { needs: ["A", "C"] }),
      step("C", { needs: ["D"] }),
      step("D", { needs: ["C"] }),
    ],
  });
  expect(problems.map(({ message }) => message)).toEqual([
    "Steps need each other in a circle: A needs B needs A",
    "Steps need each other in a circle: C needs D needs C",
  ]);
});

test("keys of other tools that look like ours are left alone", () => {
  expect(
    planOf({ steps: [step("A", { mode: "x", tags: [], node: 1, files: [], _titel: 1, "x-notes": 1 })] }).plan.steps,
  ).toHaveLength(1);
});

test("50 MB are refused unread", () => {
  const started = performance.now();
  const problems = problemsOf(`{"userStories": [], "log": "${"x".repeat(50_000_000)}"}`);
  expect(problems).toEqual([
    expect.objectContaining({ line: null, message: "The file is 50 MB long and was not read: the most is 20 MB" }),
  ]);
  expect(performance.now() - started).toBeLessThan(200);
});

test("absurd nesting is a problem, not a crash", () => {
  expect(problemsOf(`{"steps": ${"[".repeat(100_000)}`)[0]?.message).toMatch(/Nests deeper|ends in the middle/);
  expect(problemsOf(`{"steps": [{"id":"A","title":"t","x":${"[".repeat(1000)}${"]".repeat(1000)}}]}`)).toEqual([
    expect.objectContaining({ message: "Nests deeper than 200 levels" }),
  ]);
});

test("a key `__proto__` changes nothing", () => {
  const inherited = '"__proto__": {"branchName": "evil", "passes": true, "trust": "agent"}';
  const { plan } = planOf(
    `{${inherited}, "defaults": {${inherited}}, "steps": [{"id": "A", "title": "t", ${inherited}}]}`,
  );
  expect(plan.branchName).toBeUndefined();
  expect(plan.steps[0]).toMatchObject({ passes: false });
  expect(plan.steps[0]?.trust).toBeUndefined();
});

test.each(['x" : y', '":', '\\": ', '\\\\":"', '{"c": 1} \\'])(
  "colons and quotes inside of text are no keys: %s",
  (title) => {
    expect(planOf({ steps: [step("A", { title })] }).plan.steps[0]?.title).toBe(title);
  },
);

test("10,000 steps in one chain are read in time, with and without a circle", () => {
  const steps = Array.from(
    { length: 10_000 },
    (_, index) => step(`US-${index}`, { needs: index > 0 ? [`US-${index - 1}`] : [], description: "x".repeat(200) }),
  );
  const text = JSON.stringify({ userStories: steps }, null, 2);
  read(text);
  const started = performance.now();
  expect(planOf(text).plan.steps).toHaveLength(10_000);
  expect(performance.now() - started).toBeLessThan(1500);
  const [first, ...others] = steps;
  const problems = problemsOf({ userStories: [{ ...first, needs: ["US-9999"] }, ...others] });
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^Steps need each other in a circle: US-0 needs US-9999 needs .* needs \.\.\. \(10000 steps\) needs US-0$/,
    ),
  ]);
});

test("how a step must fail is a regular expression, or a problem with its place", () => {
  const plan = (redFirst: unknown) =>
    readPlan(JSON.stringify({ steps: [{ id: "A", title: "a", redFirst }] }, null, 2), "prd.json");
  expect(plan({ matches: "^expected \\d$" }).ok).toBe(true);
  expect(plan(false).ok).toBe(true);
  const wrong = plan({ matches: "(" });
  expect(wrong.ok ? [] : wrong.problems).toMatchObject([{ path: "steps[0].redFirst.matches", line: 7 }]);
  expect(JSON.stringify(wrong)).toContain("is not a valid regular expression");
  expect(plan({ match: "x" }).ok).toBe(false);
});
