import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { start } from "../../test/e2e/rig.ts";
import { type GitFate, type GitShim, installGitShim } from "../../test/support/git-shim.ts";
import { createRepo, type TestRepo } from "../../test/support/repo.ts";
import { arm, commandOf, drawKill, type Kill, placesOf, pointOf, processesOf } from "./kill.ts";
import { meddle, newPerson, type Person } from "./person.ts";
import { branch, drawScenario, mine, type Scenario } from "./scenario.ts";
import { violations } from "./whole.ts";

/** What one seed came to. */
export interface RunResult {
  seed: number;
  name: string;
  kills: number;
  starts: number;
  /** Kills that the harness did not do. */
  strange: number;
  durationMs: number;
  /** The points that were hit, one for each kill. */
  points: string[];
  /** What the restarts said that they recovered. */
  recovered: string[];
  violations: string[];
  /** What happened, in order, for people. */
  story: string[];
}

export interface RunOptions {
  fates: readonly GitFate[];
  /** Whether the repository stays when something is wrong. */
  keep: boolean;
}

/** A runner that needs more starts than this does not come to an end. */
const maxStarts = 60;
const hangMs = 90_000;

/** Plays one seed: kills and restarts the runner until the plan is complete, then looks at everything. */
export async function playSeed(seed: number, options: RunOptions): Promise<RunResult> {
  const began = performance.now();
  const repo = await createRepo({ files: false });
  const witnesses = join(repo.base, "witnesses");
  for (const name of ["began", "done", "patterns"]) await mkdir(join(witnesses, name), { recursive: true });
  await copyFile(join(import.meta.dirname, "agent.sh"), join(witnesses, "agent.sh"));
  const scenario = drawScenario(seed, witnesses);
  const result: RunResult = {
    seed,
    name: scenario.name,
    kills: 0,
    starts: 0,
    strange: 0,
    durationMs: 0,
    points: [],
    recovered: [],
    violations: [],
    story: [],
  };
  const person = newPerson(scenario);
  const remote = await furnish(repo, scenario, person);
  const shim = await installGitShim(join(repo.base, "bin"), repo.env);
  const args = scenario.plan === "prd.json" ? [] : ["--plan", join(repo.dir, scenario.plan)];
  const game: Game = { repo, scenario, person, shim, witnesses, args, options, result, calls: 60 };
  if (await play(game)) {
    const places = await placesOf(repo, scenario.plan, witnesses);
    result.violations.push(...await violations({ repo, scenario, places, person, remote, args }));
  }
  result.durationMs = performance.now() - began;
  if (result.violations.length === 0 || !options.keep) await repo[Symbol.asyncDispose]();
  else result.story.push(`kept at ${repo.base}`);
  return result;
}

interface Game {
  repo: TestRepo;
  scenario: Scenario;
  person: Person;
  shim: GitShim;
  witnesses: string;
  args: readonly string[];
  options: RunOptions;
  result: RunResult;
  /** The most git calls that a run made so far. */
  calls: number;
}

async function furnish(repo: TestRepo, scenario: Scenario, person: Person): Promise<string | null> {
  await repo.commit("chore: start", scenario.files);
  const remote = scenario.push ? await repo.remote() : null;
  if (scenario.branchExists) {
    await repo.git("switch", "-q", "-c", branch);
    const old = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`old/${at}.txt`, `old ${at}\n`]));
    await repo.commit("chore: old branch", { ...old, "README.md": "# Chaos on the branch\n" });
    await repo.git("switch", "-q", "main");
  }
  if (scenario.dirty) await repo.write({ [mine]: person.mineText });
  // So that there is something to watch from the beginning.
  for (const dir of ["capstan", "refs/heads/capstan", "refs/capstan/ledger", "refs/capstan/attempts"]) {
    await mkdir(join(repo.dir, ".git", dir), { recursive: true });
  }
  return remote;
}

/** Returns whether the plan came to its end. */
async function play(game: Game): Promise<boolean> {
  const { scenario, result, args } = game;
  const { dice } = scenario;
  const flags = [...args, ...scenario.checkout ? [] : ["--no-checkout"], ...scenario.push ? ["--push"] : []];
  for (;;) {
    if (result.starts >= maxStarts) return fail(game, `not complete after ${maxStarts} starts`);
    if (result.kills > 0 && dice.chance(0.15)) {
      const did = await meddle(game.repo, scenario, game.person);
      if (did !== null) result.story.push(`the person ${did}`);
    }
    const ended = await once(game, ["--json", ...flags]);
    if (ended.killed || (ended.hurt && (ended.code === 2 || ended.code === 7))) continue;
    if (ended.code === 0) return true;
    if (ended.code !== 3) return fail(game, `a run ended with ${ended.code}:\n${ended.output.slice(-3000)}`);
    // A gate: the person approves, and may be cut off too.
    const push = scenario.push ? ["--push"] : [];
    const approved = await once(game, ["approve", scenario.gates[0] ?? "none", ...args, ...push]);
    if (!approved.killed && !approved.hurt && approved.code !== 0) {
      return fail(game, `approve ended with ${approved.code}:\n${approved.output.slice(-2000)}`);
    }
  }
}

function fail({ result }: Game, why: string): boolean {
  result.violations.push(why);
  return false;
}

interface Ended {
  killed: boolean;
  /** One of its git processes was killed, and it lived. */
  hurt: boolean;
  code: number | null;
  output: string;
}

/** One process from its start to its end, killed or not. */
async function once(game: Game, argv: readonly string[]): Promise<Ended> {
  const { repo, scenario, shim, result, options } = game;
  const { dice } = scenario;
  const kill: Kill | null = result.kills < scenario.kills ? drawKill(dice, game.calls, options.fates) : null;
  const places = await placesOf(repo, scenario.plan, game.witnesses);
  result.starts += 1;
  const started = start(repo, argv, { PATH: shim.path });
  const armed = kill === null ? null : await arm(kill, { pid: started.pid, base: repo.base, shim, places });
  let hung = false;
  const hang = setTimeout(() => {
    hung = true;
    result.story.push(...processesOf(repo.base).map((pid) => `  hangs: ${pid} ${commandOf(pid)}`));
    started.kill("SIGKILL");
  }, hangMs);
  const { code, signal, stdout, stderr } = await started.done;
  clearTimeout(hang);
  armed?.stop();
  const fired = await shim.fired();
  if (kill?.at === "git") game.calls = Math.max(game.calls, await shim.calls());
  await shim.disarm();
  const killed = signal === "SIGKILL" && kill !== null;
  const hurt = !killed && fired !== null;
  result.recovered.push(...recoveredIn(stdout));
  const fate = killed || hurt ? ` (${pointOf(kill!, fired)})` : "";
  const what = `${argv.filter((arg) => !arg.startsWith("/")).join(" ")}: ${code ?? signal}${fate}`;
  result.story.push(what, ...recoveredIn(stdout).map((line) => `  ${line}`));
  if (killed || hurt) {
    result.kills += 1;
    result.points.push(pointOf(kill!, fired));
    if (dice.chance(0.3)) await delay(dice.int(10, 1500));
  } else if (hung) {
    return { killed, hurt, code: null, output: `no end after ${hangMs} ms\n${stdout}${stderr}` };
  } else if (signal === "SIGKILL") {
    // Process ids come round again on a busy machine, and whoever kills by a stale one may hit ours: a kill like any other.
    result.strange += 1;
    result.story.push(`  process ${started.pid} was killed by somebody else at ${new Date().toISOString()}`);
    return { killed: true, hurt, code, output: stdout + stderr };
  }
  return { killed, hurt, code, output: stdout + stderr };
}

/** What the events of a run say about an earlier one. */
function recoveredIn(stdout: string): string[] {
  return stdout.split("\n").filter((line) => line.includes('"kind":"notice"')).flatMap((line) => {
    try {
      const { notice } = JSON.parse(line) as { notice: { kind: string; what?: string; count?: number } };
      if (notice.kind === "recovered") return [`recovered: ${notice.what ?? ""}`];
      return notice.kind === "processes-swept" ? [`swept ${notice.count ?? 0}`] : [];
    } catch {
      return [];
    }
  });
}
