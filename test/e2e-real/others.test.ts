import { describe, expect, test } from "vitest";
import type { Cli } from "./install.ts";
import { command, outcomes, ready, say, stage, tape, write } from "./rig.ts";

const step = {
  id: "US-001",
  paths: ["*.txt"],
  check: "grep -qx two two.txt && grep -qx one one.txt",
  tape: tape([
    write("one.txt", "one\n"),
    command("echo two > two.txt"),
    say("Both files are there. <promise>COMPLETE</promise>"),
  ]),
};

/** Where the money that an attempt cost is known from: Gemini reports tokens of a model with a list price. */
const clis: [Cli, { cost: "reported" | "estimated" | "unknown" }][] = [
  ["gemini", { cost: "estimated" }],
  ["copilot", { cost: "unknown" }],
  ["opencode", { cost: "reported" }],
  ["pi", { cost: "reported" }],
];

for (const [cli, { cost }] of clis) {
  const { installed, title } = await ready(cli);
  describe.skipIf(!installed.ok)(title, () => {
    test("one step lands", async () => {
      await using at = await stage(cli, installed, [step]);
      const { code, events, stderr } = await at.run();
      expect(code, stderr + JSON.stringify(events.slice(-6))).toBe(0);
      expect(outcomes(events)).toEqual(["US-001 landed"]);
      const [report] = events.flatMap((event) => event.kind === "agent-ended" ? [event.report] : []);
      expect(report).toMatchObject({ end: { kind: "finished", saidComplete: true }, toolCalls: 2 });
      expect(report!.usage?.inputTokens).toBeGreaterThan(0);
      const known = report!.costUsd === null ? "unknown" : report!.costAbout === true ? "estimated" : "reported";
      expect(known).toBe(cost);
    });
  });
}
