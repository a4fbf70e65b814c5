import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import type { Cli } from "./install.ts";
import { command, outcomes, ready, say, stage, tape, write } from "./rig.ts";

/**
 * Three steps. The agent of the first is wrong at first; that of the second lies, then marks every step as passed, then does the
 * work; that of the third commits by itself.
 */
const steps = [
  {
    id: "US-001",
    paths: ["one.txt"],
    check: "grep -qx right one.txt || { echo 'one.txt must say: right'; exit 1; }",
    tape: tape(
      [write("one.txt", "wrong\n"), say("I wrote one.txt. <promise>COMPLETE</promise>")],
      [write("one.txt", "right\n"), say("I wrote one.txt again. <promise>COMPLETE</promise>")],
    ),
  },
  {
    id: "US-002",
    paths: ["two.txt"],
    check: "grep -q right two.txt",
    tape: tape(
      [command("cat one.txt"), say("All done, all tests pass. <promise>COMPLETE</promise>")],
      [command("sed -i 's/: false/: true/' prd.json"), say("All steps pass. <promise>COMPLETE</promise>")],
      [command("cp one.txt two.txt && git status --short"), say("Done. <promise>COMPLETE</promise>")],
    ),
  },
  {
    id: "US-003",
    paths: ["three.txt"],
    check: "test -s three.txt",
    tape: tape([
      write("three.txt", "three\n"),
      command("git add -A && git -c user.name=A -c user.email=a@example.com commit -qm 'my own commit'"),
      say("Committed. <promise>COMPLETE</promise>"),
    ]),
  },
];

/** The promises that hold for every agent that the loop drives over several steps. */
export async function severalSteps(cli: Cli, promises: { reportsCost: boolean }): Promise<void> {
  const { installed, title } = await ready(cli);

  describe.skipIf(!installed.ok)(title, () => {
    test("three steps land; a wrong attempt, a lie and a doctored plan do not", async () => {
      await using at = await stage(cli, installed, steps);
      const { code, events, stderr } = await at.run();
      expect(code, stderr + JSON.stringify(events.slice(-6))).toBe(0);
      expect(outcomes(events)).toEqual([
        "US-001 failed",
        "US-001 landed",
        "US-002 no-change",
        "US-002 tampered",
        "US-002 landed",
        "US-003 landed",
      ]);
      const branch = "capstan/test";
      expect(await at.repo.show(branch, "two.txt")).toBe("right\n");
      expect((await at.repo.git("log", "--format=%s", "-3", branch)).split("\n")).toEqual([
        "feat: US-003 - Step US-003",
        "feat: US-002 - Step US-002",
        "feat: US-001 - Step US-001",
      ]);
      const trailers = await at.repo.git("log", "-1", "--format=%(trailers:only,unfold)", branch);
      expect(trailers).toMatch(/^Capstan-Evidence: step$/m);
      expect(trailers).toMatch(new RegExp(`^Capstan-Agent: ${cli}`, "m"));

      // The failing output went through the real program to the model.
      expect(at.briefs).toHaveLength(6);
      expect(at.briefs[1]).toContain("one.txt must say: right");

      const reports = events.flatMap((event) => event.kind === "agent-ended" ? [event.report] : []);
      for (const { end, exit, usage, costUsd, toolCalls } of reports) {
        expect(end).toMatchObject({ kind: "finished", saidComplete: true });
        expect(exit).toEqual({ kind: "code", code: 0 });
        expect(usage?.inputTokens).toBeGreaterThan(0);
        expect(costUsd !== null).toBe(promises.reportsCost);
        expect(toolCalls).toBeGreaterThan(0);
      }
    });

    test("an interrupt ends the agent with the command that it runs, and the next run goes on", async () => {
      const sleep = `sleep 300.${process.pid}`;
      const step = {
        id: "US-001",
        paths: ["one.txt"],
        check: "grep -q begun one.txt && grep -q done one.txt",
        tape: tape(
          [write("one.txt", "begun\n"), command(sleep), say("never said")],
          [command("echo done >> one.txt"), say("<promise>COMPLETE</promise>")],
        ),
      };
      await using at = await stage(cli, installed, [step]);
      const running = at.start(["--json"]);
      await vi.waitFor(async () => expect(await commandLines()).toContain(sleep), { timeout: 30_000, interval: 100 });
      running.kill("SIGINT");
      const { code, stdout } = await running.done;
      expect(code, stdout.slice(-2000)).toBe(130);
      expect(await commandLines()).not.toContain(sleep);

      // What was begun is kept, and the interrupted attempt does not count.
      const again = await at.run();
      expect(again.code, again.stderr).toBe(0);
      expect(again.events.find(({ kind }) => kind === "iteration-started")).toMatchObject({ attempt: 2, carry: 1 });
    });
  });
}

async function commandLines(): Promise<string> {
  return (await promisify(execFile)("ps", ["-eo", "args"])).stdout;
}
