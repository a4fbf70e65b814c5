import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { planText, validatorsText } from "../../test/e2e/rig.ts";
import { createRepo, type TestRepo } from "../../test/support/repo.ts";
import { type Random, random } from "../chaos/random.ts";

export const branch = "capstan/soak";

/** What an agent may do at an attempt that lands, and at one that does not; the numbers are weights. */
const good = { works: 60, "works-commits": 10, "works-notes": 10, "works-leaves": 20 };
const bad = {
  wrong: 30,
  nothing: 10,
  fails: 15,
  dies: 10,
  tampers: 15,
  floods: 8,
  garbles: 8,
  silent: 1,
  forever: 1,
  limited: 1,
};

/** How long an agent may be silent and work, in minutes: those that hang are few, but not to be waited for. */
const patience = { idleMinutes: 0.04, timeoutMinutes: 0.1 };

/** A repository with one plan that takes more than `iterations`, and an agent whose failures the seed decides. */
export async function soakRepo(seed: number, iterations: number): Promise<TestRepo & { path: string }> {
  const repo = await createRepo({ files: false });
  const bin = join(repo.base, "bin");
  await mkdir(join(bin, "modes"), { recursive: true });
  await copyFile(join(import.meta.dirname, "agent.sh"), join(bin, "soak-agent"));
  await chmod(join(bin, "soak-agent"), 0o755);
  const dice = random(seed);
  const ids: string[] = [];
  for (let drawn = 0; drawn <= iterations;) {
    const modes = drawModes(dice);
    const id = `US-${String(ids.length + 1).padStart(5, "0")}`;
    await writeFile(join(bin, "modes", id), `${modes.join("\n")}\n`);
    ids.push(id);
    drawn += modes.length;
  }
  await repo.commit("chore: start", {
    "README.md": "# Soak\n",
    "prd.json": planText(
      ids.map((id) => ({ id, description: `Make out/${id}.`, validators: [`made-${id}`], maxAttempts: 20 })),
      {
        branchName: branch,
        sandbox: { level: "auto", read: [bin] },
        defaults: { agent: "soak", ...patience },
      },
    ),
    "registries/agents.json": `${JSON.stringify({ soak: agent }, null, 2)}\n`,
    "registries/validators.json": validatorsText(
      Object.fromEntries(ids.map((id) => [`made-${id}`, { command: `test -s out/${id}`, paths: [`out/${id}`] }])),
    ),
  });
  return { ...repo, path: `${bin}:${repo.env.PATH}` };
}

const agent = {
  title: "the agent of the soak",
  launch: { binary: ["soak-agent"] },
  args: ["{attempt}"],
  brief: "none",
  format: "capstan-jsonl",
  stop: { graceSeconds: 1 },
};

/** Modes that end alike: the step's validator is red. */
const unmade: ReadonlySet<string> = new Set(["wrong", "nothing", "floods", "garbles"]);
/** More could be two rounds between the same two failures. */
const mostBad = 3;

/** What the agent does at each attempt of one step. No pattern, or the circuit breaker would rightly end the run. */
function drawModes(dice: Random): string[] {
  const modes: string[] = [];
  while (modes.length < mostBad && dice.chance(0.45)) {
    const mode = drawOf(dice, bad);
    const last = modes.at(-1) ?? "";
    if (mode !== last && !(unmade.has(mode) && unmade.has(last))) modes.push(mode);
  }
  return [...modes, drawOf(dice, good)];
}

function drawOf(dice: Random, weights: Readonly<Record<string, number>>): string {
  let left = dice.next() * Object.values(weights).reduce((sum, weight) => sum + weight, 0);
  for (const [name, weight] of Object.entries(weights)) {
    left -= weight;
    if (left < 0) return name;
  }
  return Object.keys(weights)[0]!;
}
