import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { exec } from "../../src/system/exec.ts";
import { alive } from "../support/processes.ts";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { planText, validatorsText } from "./rig.ts";

const root = resolve(import.meta.dirname, "../..");
const deno = join(root, "node_modules", ".bin", "deno");

/** The command of docs/deno.md with the narrowest permissions, on this repository. */
function narrowest(repo: TestRepo): string[] {
  const page = readFileSync(join(root, "docs/deno.md"), "utf8");
  const command = /^deno (run --no-prompt[\s\S]*?)\n```/m.exec(page)![1]!.replaceAll("\\\n", " ");
  const words = command.replaceAll("$REPO", repo.dir).replaceAll("$HOME/.local/state", repo.env.XDG_STATE_HOME!);
  return words.split(/\s+/).map((word) => word === "loop.ts" ? join(root, "loop.ts") : word);
}

async function run(
  repo: TestRepo,
  args: readonly string[],
): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...repo.env, DENO_DIR: process.env.DENO_DIR ?? join(process.env.HOME ?? "/root", ".cache/deno") };
  const { exit, stdout, stderr } = await exec([deno, ...args], { cwd: repo.dir, env });
  return { code: exit.kind === "code" ? exit.code : null, out: stdout.toString("utf8"), err: stderr };
}

/** A step that leaves two processes behind, one of them in a session of its own; their pids are in `pids`. */
function leaving(): Promise<TestRepo> {
  return createRepo({
    files: {
      "prd.json": planText([{
        id: "US-001",
        command:
          "echo one > one.txt; sleep 600 & echo $! > $PIDS.group; setsid sh -c 'echo $$ > $PIDS.session; exec sleep 600' & " +
          "until [ -s $PIDS.session ]; do sleep 0.02; done",
        validators: ["one"],
      }]),
      "registries/validators.json": validatorsText({ one: "test -f one.txt" }),
    },
  });
}

const left: number[] = [];

afterEach(() => {
  for (const pid of left.splice(0)) if (alive(pid)) process.kill(pid, "SIGKILL");
});

/** Runs it and says which of the two processes outlived the run. */
async function leftBehind(repo: TestRepo, args: readonly string[]): Promise<{ group: boolean; session: boolean }> {
  repo.env.PIDS = join(repo.base, "pid");
  expect(await run(repo, args)).toMatchObject({ code: 0, err: "" });
  const pid = (name: string) => Number(readFileSync(`${repo.env.PIDS}.${name}`, "utf8"));
  const pids = { group: pid("group"), session: pid("session") };
  left.push(pids.group, pids.session);
  return { group: alive(pids.group), session: alive(pids.session) };
}

describe.skipIf(!existsSync(deno))("Deno (from node_modules)", () => {
  test("runs the loop with the permissions that docs/deno.md names, and ends what is left in the group", async () => {
    await using repo = await leaving();
    expect((await leftBehind(repo, narrowest(repo))).group).toBe(false);
    expect(await repo.git("log", "-1", "--format=%s", "capstan/test")).toBe("feat: US-001 - Step US-001");
  });

  test("finds what left the group with all permissions", async () => {
    await using repo = await leaving();
    const found = await leftBehind(repo, ["run", "-A", join(root, "loop.ts"), "-C", repo.dir]);
    expect(found).toEqual({ group: false, session: false });
  });

  test("refuses a list of programs, with which nothing could be stopped", async () => {
    await using repo = await leaving();
    const args = narrowest(repo).map((word) => word === "--allow-run" ? "--allow-run=git,sh" : word);
    const refused = await run(repo, args);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain("do not let the loop stop what it starts");
    expect(await repo.git("branch", "--list", "capstan/*")).toBe("");
  });

  test("deno task loop is the loop, and its hints say so", async () => {
    await using repo = await createRepo();
    const { code, out } = await run(repo, ["task", "--quiet", "--cwd", root, "loop", "-C", repo.dir, "init"]);
    expect(code).toBe(0);
    expect(out).toContain(`deno task loop -C ${repo.dir} validate`);
  });
});
