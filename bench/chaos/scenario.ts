import { join } from "node:path";
import { planText, validatorsText } from "../../test/e2e/rig.ts";
import type { FileSpec } from "../../test/support/repo.ts";
import { type Random, random } from "./random.ts";

/** One plan and its surroundings, decided by a seed. */
export interface Scenario {
  seed: number;
  /** The choices that are made while it runs. */
  dice: Random;
  files: Record<string, FileSpec>;
  /** Where the plan lies. */
  plan: string;
  progress: string;
  steps: string[];
  gates: string[];
  /** `--push` to a remote. */
  push: boolean;
  /** Without it: `--no-checkout`. */
  checkout: boolean;
  /** The branch exists before the first run and holds other files than the one that is checked out. */
  branchExists: boolean;
  /** A file of the person's is edited and not committed, from the beginning to the end. */
  dirty: boolean;
  /** Kills until the runner is left alone. */
  kills: number;
  /** What was drawn, for people. */
  name: string;
}

export const branch = "capstan/chaos";
/** The person's file that is dirty where `dirty` is set. */
export const mine = "mine.txt";

/**
 * Draws a scenario. `witnesses` is a folder outside of the repository where agents tell what they did; their script
 * `agent.sh` is there too, so that a fenced agent reaches both.
 */
export function drawScenario(seed: number, witnesses: string): Scenario {
  const dice = random(seed);
  const agent = join(witnesses, "agent.sh");
  const names = Array.from({ length: dice.int(3, 5) }, (_, at) => `US-${String(at + 1).padStart(3, "0")}`);
  const folder = dice.chance(0.2) ? "scripts/ralph/" : "";
  const plan = `${folder}prd.json`;
  const progress = `${folder}progress.txt`;
  const gateAt = dice.chance(0.5) ? dice.int(1, names.length - 1) : null;
  const setup = dice.chance(0.2);
  const drawn: string[] = [];
  const steps: Record<string, unknown>[] = [];
  const gates: string[] = [];
  for (const [at, id] of names.entries()) {
    if (at === gateAt) {
      gates.push("GATE-1");
      steps.push({ id: "GATE-1", type: "gate", needs: [names[at - 1]!], description: "Look at GATE-1." });
    }
    const needs = names.slice(0, at).filter(() => dice.chance(0.3));
    if (at === gateAt) needs.push("GATE-1");
    const how = howOf(dice);
    const seconds = dice.chance(0.4) ? "0" : String(dice.int(1, 30) / 100);
    steps.push({
      id,
      needs,
      description: `Do ${id}.`,
      command: ["sh", agent, witnesses, id, how, seconds, progress],
      validators: [`made-${id}`],
      maxAttempts: 3,
    });
    drawn.push(`${id}:${how}`);
  }
  const scenario = {
    push: dice.chance(0.25),
    checkout: dice.chance(0.8),
    branchExists: dice.chance(0.3),
    dirty: dice.chance(0.3),
    kills: dice.int(4, 12),
  };
  const commands = Object.fromEntries(names.map((id) => [`made-${id}`, `test -s out/${id}.txt`]));
  const fence = dice.chance(0.4) ? { sandbox: { level: "auto", write: [witnesses] } } : { sandbox: "none" };
  const more = setup ? { setup: "mkdir -p deps && echo half > deps/made && sleep 0.1 && echo whole > deps/made" } : {};
  const files: Record<string, FileSpec> = {
    "README.md": "# Chaos\n",
    [mine]: "as committed\n",
    ".gitignore": "deps/\n",
    [plan]: planText(steps, { branchName: branch, ...fence, ...more }),
    [`${folder}registries/validators.json`]: validatorsText({
      ...commands,
      ...setup ? { whole: { command: "grep -q whole deps/made", paths: ["**"] } } : {},
    }),
    ...dice.chance(0.7) ? { [progress]: progressStart(dice) } : {},
  };
  const on = Object.entries({ ...scenario, gate: gateAt !== null, setup, fenced: fence.sandbox !== "none" }).filter((
    [, value],
  ) => value === true);
  return {
    seed,
    dice,
    files,
    plan,
    progress,
    steps: names,
    gates,
    ...scenario,
    name: [...on.map(([key]) => key), ...drawn].join(" "),
  };
}

function howOf(dice: Random): string {
  const words = [
    ...dice.chance(0.3) ? ["drafts"] : [],
    ...dice.chance(0.3) ? ["patterns"] : [],
    ...dice.chance(0.15) ? ["commits"] : [],
    ...dice.chance(0.15) ? ["leaves"] : [],
    ...dice.chance(0.3) ? ["errs"] : [],
  ];
  return words.length === 0 ? "works" : words.join("+");
}

function progressStart(dice: Random): string {
  const header = "# Ralph Progress Log\nStarted: 2026-01-01\n---\n";
  return dice.chance(0.6) ? `${header}## Codebase Patterns\n- Use what is there\n---\n` : header;
}
