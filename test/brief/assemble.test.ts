import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBriefs } from "../../src/brief/assemble.ts";
import type { BriefRequest } from "../../src/loop/ports.ts";
import { planSchema } from "../../src/model/plan.ts";
import { ledgerOf, stepState } from "./facts.ts";
import { failures } from "../support/failures.ts";

let dir = "";
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "capstan-brief-"))));
afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
}

const ralph = "You are an agent. Read `prd.json` and `progress.txt`. Reply <promise>COMPLETE</promise>.";

function request(more: Partial<BriefRequest["observation"]> = {}, step: object = {}): BriefRequest {
  const plan = planSchema.parse({
    steps: [
      { id: "US-001", title: "Add", ...step },
      { id: "G", title: "Look", type: "gate" },
    ],
  });
  const observation = {
    plan,
    planText: "",
    progressText: "",
    tip: "0",
    branch: "main",
    ledger: ledgerOf({}),
    validators: [],
    failures,
    ...more,
  };
  return { observation, step: plan.steps[0]!, attempt: 1, maxAttempts: 5, lane: { dir } };
}

const assemble = (planPath: string, given: BriefRequest) =>
  createBriefs({ planPath, progressPath: "progress.txt" }).assemble(given);

describe("assemble", () => {
  it("points to the guides near the work, from the root down, without pasting them", async () => {
    await write({
      "AGENTS.md": "xyzzy of the root",
      "src/AGENTS.md": "xyzzy of src",
      "src/deep/CLAUDE.md": "x",
      "docs/AGENTS.md": "x",
    });
    const { text } = await assemble("prd.json", request({}, { paths: ["src/deep/**/*.ts", "gone/x.ts"] }));
    expect(text).toContain("## Read before you start\n\n- AGENTS.md\n- src/AGENTS.md\n- src/deep/CLAUDE.md\n");
    expect(text).not.toContain("docs/AGENTS.md");
    expect(text).not.toContain("xyzzy");
  });

  it("takes Ralph's own prompt from beside the plan", async () => {
    await write({ "scripts/ralph/prompt.md": ralph, "CLAUDE.md": "ordinary" });
    const { text } = await assemble("scripts/ralph/prd.json", request());
    expect(text).toContain("The person's own instructions (scripts/ralph/prompt.md)");
    expect(text).toContain("You are an agent.");
    expect(text).toContain("- CLAUDE.md");
  });

  it("leaves an ordinary CLAUDE.md beside the plan to the agent", async () => {
    await write({ "CLAUDE.md": "Use tabs." });
    const { text } = await assemble("prd.json", request());
    expect(text).not.toContain("Use tabs.");
    expect(text).not.toContain("own instructions");
  });

  it("takes patterns and the entries that matter from the progress", async () => {
    const progressText = [
      "# Ralph Progress Log",
      "## Codebase Patterns",
      "- Dates are UTC",
      "---",
      "## 2026-01-01T00:00:00Z - US-001",
      "- Tried floats",
      "---",
      "",
    ].join("\n");
    const { text, sections } = await assemble("prd.json", request({ progressText }));
    expect(text).toContain("## Codebase Patterns\n\n- Dates are UTC");
    expect(text).toContain("- Tried floats");
    expect(sections.map(({ name }) => name)).toEqual(expect.arrayContaining(["patterns", "progress"]));
  });

  it("brings a rejected gate's note to the step that the gate waits for", async () => {
    const gate = { state: "rejected", by: "Ada", at: "2026-01-01T00:00:00Z", note: "Names are unclear." } as const;
    const { text } = await assemble("prd.json", request({ ledger: ledgerOf({ G: stepState({ gate }) }) }));
    expect(text).toContain("- Rejected at G (Ada): Names are unclear.");
  });
});
