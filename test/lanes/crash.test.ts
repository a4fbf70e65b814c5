import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { systemClock } from "../../src/system/clock.ts";
import { exec } from "../../src/system/exec.ts";
import { pathExists } from "../../src/system/files.ts";
import { installGitShim } from "../support/git-shim.ts";
import { onThisRuntime } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, open, planText } from "../support/repository.ts";

const program = fileURLToPath(new URL("land-once.ts", import.meta.url));
const files = {
  "prd.json": planText({ "US-001": false, "US-002": false }, { planId: "plan-abc" }),
  "a.txt": "a\n",
  "gone.txt": "g\n",
  "mine.txt": "m\n",
};

/** Runs the landing in a process that dies by SIGKILL at its n-th git call; says whether it got that far. */
async function landAndDie(repo: TestRepo, call: number, gitGoesOn: boolean): Promise<boolean> {
  const shim = await installGitShim(join(repo.base, "bin"), repo.env);
  const env = {
    ...repo.env,
    PATH: shim.path,
    ARMED: shim.armed,
    KILL: `${call} ${gitGoesOn ? "alone" : "before"} 0 1`,
  };
  const [command = "", ...args] = onThisRuntime(program, repo.base);
  const ended = await exec([command, ...args], { cwd: repo.dir, env });
  if (ended.exit.kind === "code" && ended.exit.code !== 0) throw new Error(ended.stderr);
  return !(await pathExists(join(repo.base, "landed")));
}

/** Branch, ledger, plan and checkout tell the same story, and the run goes on from there. */
async function expectWhole(repo: TestRepo, where: string, gitGoesOn: boolean): Promise<boolean> {
  const run = await open(repo, gitGoesOn ? { clock: systemClock } : {});
  const seen = await run.see();
  const passed = seen.plan.steps[0]!.passes;
  expect(seen.ledger.steps["US-001"]?.passed != null, where).toBe(passed);
  expect(await repo.git("status", "--porcelain"), where).toBe(" M mine.txt");
  expect(await repo.show("HEAD", "new/n.txt"), where).toBe(passed ? "n\n" : null);
  expect(run.kinds(), where).not.toContain("reopened-by-hand");
  expect(run.kinds(), where).not.toContain("passed-by-hand");
  if (!passed) await run.repository.land(await landing(repo, seen, "US-001", { "a.txt": "A\n" }));
  const next = await run.repository.land(await landing(repo, await run.see(), "US-002", { "b.txt": "B\n" }));
  expect(next.kind, where).toBe("landed");
  expect(await repo.git("log", "--format=%s", "--grep=^feat"), where).toBe("feat: US-002\nfeat: US-001");
  return passed;
}

test.each([["and git with it", false], ["while its git goes on", true]] as const)(
  "killed at any moment of a landing (%s), the next run loses nothing and repeats nothing",
  async (_, gitGoesOn) => {
    const passes: boolean[] = [];
    // The calls before this one make objects only.
    for (let call = 8;; call += 1) {
      await using repo = await createRepo({ files });
      await repo.write({ "mine.txt": "edited\n" });
      const died = await landAndDie(repo, call, gitGoesOn);
      const passed = await expectWhole(repo, `killed at git call ${call}`, gitGoesOn);
      if (!died) break;
      passes.push(passed);
    }
    // Nothing before the refs move, everything from then on.
    expect(passes.length).toBeGreaterThan(2);
    expect(passes).toEqual(passes.toSorted((a, b) => Number(a) - Number(b)));
    expect(passes[0]).toBe(false);
    expect(passes.at(-1)).toBe(true);
  },
  60_000,
);
