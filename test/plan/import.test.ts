import { describe, expect, test } from "vitest";
import { importPlan } from "../../src/plan/import.ts";
import { readPlan } from "../../src/plan/read.ts";

function imported(text: string) {
  const result = importPlan(text, "theirs");
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const read = readPlan(result.text, "prd.json");
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  expect(read.changes).toEqual([]);
  return { ...result, plan: read.plan };
}

describe("markdown", () => {
  test("snarktank's PRD: stories with criteria, needs and what is done already", () => {
    const { plan, changes } = imported(`# PRD: Task Priority

## Introduction
Priorities for tasks,
so that the team knows.

## User Stories

### US-001: Add priority field
**Description:** As a developer, I want a field.

**Acceptance Criteria:**
- [ ] Column added
- [x] Typecheck passes

### US-002: Show it
**Depends on:** US-001
**Priority:** 5
- [x] Badge

## Non-Goals
- [ ] No sorting
\`\`\`
### US-009: an example
\`\`\`
`);
    expect(plan).toMatchObject({
      project: "Task Priority",
      branchName: "ralph/task-priority",
      description: "Priorities for tasks, so that the team knows.",
    });
    expect(plan.steps).toMatchObject([
      {
        id: "US-001",
        title: "Add priority field",
        description: "As a developer, I want a field.",
        acceptanceCriteria: ["Column added", "Typecheck passes"],
        passes: false,
        priority: 1,
      },
      { id: "US-002", needs: ["US-001"], priority: 5, passes: true },
    ]);
    expect(plan.steps).toHaveLength(2);
    expect(changes).toContain("Named the branch `ralph/task-priority`");
  });

  test("a ralphex plan, its commands as validators", () => {
    const { plan, validators } = imported(
      "# Plan: Move\r\n## Validation Commands\r\n- `go test ./...`\r\n- prose\r\n### Task 1: First\r\n- [ ] a\r\n### Task 2\r\n- [ ] b\r\n",
    );
    expect(plan.steps.map(({ id, title }) => [id, title])).toEqual([["task-1", "First"], ["task-2", "Task 2"]]);
    expect(validators).toEqual({ "go-test": { command: "go test ./..." } });
  });

  test("a checklist, nested lines as criteria, later sections left out", () => {
    const { plan, changes } = imported(
      "- [ ] one\n  - [ ] inner\n  - plain\n- [X] two\n## Nice to have\n- [ ] later\n",
    );
    expect(plan.steps).toMatchObject([
      { id: "US-001", title: "one", acceptanceCriteria: ["inner", "plain"], passes: false },
      { id: "US-002", title: "two", passes: true },
    ]);
    expect(changes).toContain('The section "Nice to have" is left out');
  });
});

describe("JSON", () => {
  test("iannuttall's stories with gates; an id that can not stay is renamed everywhere", () => {
    const { plan, validators, text } = imported(JSON.stringify({
      version: 1,
      project: "P",
      qualityGates: ["npm test"],
      stories: [{ id: "S 1", title: "a", status: "done" }, {
        id: "US-001",
        title: "b",
        status: "open",
        dependsOn: ["S 1"],
        startedAt: "x",
      }],
    }));
    expect(plan.steps.map(({ id, passes, needs }) => [id, passes, needs])).toEqual([["US-002", true, []], [
      "US-001",
      false,
      ["US-002"],
    ]]);
    expect(validators).toEqual({ "npm-test": { command: "npm test" } });
    expect(text).toContain('"startedAt": "x"');
    expect(text).not.toMatch(/dependsOn|status|qualityGates/);
  });

  test("ralphy's bare list without ids, and words for priorities", () => {
    const { plan } = imported(
      '[{"title": "a", "completed": true, "parallel_group": 1}, {"title": "b", "priority": "high"}, {"description": "c\\nd"}]',
    );
    expect(plan.steps.map(({ id, title, passes, priority }) => [id, title, passes, priority])).toEqual([
      ["US-001", "a", true, 1],
      ["US-002", "b", false, 1],
      ["US-003", "c", false, 3],
    ]);
  });

  test("RalfPretzel's shell criteria are kept", () => {
    const { plan } = imported(
      '{"title": "T", "userStories": [{"id": "A", "title": "a", "completionCriteria": ["npm test"], "platforms": ["web"]}]}',
    );
    expect(plan.steps[0]?.completionCriteria).toEqual(["npm test"]);
  });
});

test("what can not be imported is a problem with a hint", () => {
  expect(importPlan("just prose", "x.md")).toMatchObject({
    ok: false,
    problems: [{ message: "No steps were found in this file", hint: expect.stringContaining("- [ ]") }],
  });
  expect(importPlan('{"tasks": [{"title": "a",', "x.json")).toMatchObject({ ok: false, problems: [{ line: 1 }] });
  expect(importPlan('{"tasks": [{"x": 1}]}', "x.json")).toMatchObject({
    ok: false,
    problems: [{ path: "userStories[0].title", line: null }],
  });
});
