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

const clis: [Cli, { reportsCost: boolean }][] = [
  ["gemini", { reportsCost: false }],
  ["copilot", { reportsCost: false }],
  ["opencode", { reportsCost: true }],
  ["pi", { reportsCost: true }],
];

for (const [cli, { reportsCost }] of clis) {
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
      expect(report!.costUsd !== null).toBe(reportsCost);
    });
  });
}
