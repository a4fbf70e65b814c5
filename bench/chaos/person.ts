import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathExists } from "../../src/system/files.ts";
import type { TestRepo } from "../../test/support/repo.ts";
import type { Scenario } from "./scenario.ts";

/** What a person did between two runs, and what must therefore be found at the end. */
export interface Person {
  planText: string;
  mineText: string;
  /** Files that the person committed on the branch. */
  committed: string[];
}

export function newPerson(scenario: Scenario): Person {
  return { planText: scenario.files[scenario.plan] as string, mineText: "edited\n", committed: [] };
}

/**
 * Edits the plan, or commits a file, while no runner is alive. Says what, or `null` when git was locked: then a person
 * would wait too.
 */
export async function meddle(repo: TestRepo, scenario: Scenario, person: Person): Promise<string | null> {
  const { dice } = scenario;
  const head = await repo.git("symbolic-ref", "--short", "HEAD");
  if (head === "main" || await pathExists(join(repo.dir, ".git/index.lock"))) return null;
  if (dice.chance(0.5)) {
    const step = dice.pick(scenario.steps);
    const file = join(repo.dir, scenario.plan);
    const more = (text: string): string => text.replace(`Do ${step}.`, `Do ${step}. Please.`);
    const text = await readFile(file, "utf8").catch(() => null);
    if (text === null || more(text) === text) return null;
    await writeFile(file, more(text));
    person.planText = more(person.planText);
    return `edited ${step} in the plan`;
  }
  const path = `person-${person.committed.length + 1}.txt`;
  await writeFile(join(repo.dir, path), "by hand\n");
  const message = `docs: ${path.replace(".txt", "").replace("-", " ")}`;
  try {
    await repo.git("add", path);
    await repo.git("commit", "-q", "-m", message, "--", path);
  } catch {
    // A git that goes on alone has the lock, or a dead one left it: the person gives up.
    await repo.git("rm", "-q", "--cached", "--ignore-unmatch", path).catch(() => undefined);
    await rm(join(repo.dir, path), { force: true });
    return null;
  }
  person.committed.push(path);
  return `committed ${path}`;
}
