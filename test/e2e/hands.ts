import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Event, Notice } from "../../src/model/event.ts";
import { createRepo, type FileSpec, type TestRepo } from "../support/repo.ts";
import { planText, start, validatorsText } from "./rig.ts";

/** A step whose agent begins, waits until the person did what they do, then works. Each start is counted. */
export function waiting(repo: TestRepo, work: string): string {
  const [go, runs] = [join(repo.base, "go"), join(repo.base, "runs")];
  return `echo x >> ${runs}; echo working; while [ ! -e ${go} ]; do sleep 0.02; done; ${work}`;
}

/** A repository in which a person and the loop are at work. */
export interface Hands {
  steps: (repo: TestRepo) => Record<string, unknown>[];
  files?: Record<string, FileSpec>;
  validators?: Record<string, string>;
  /** How the plan is written. */
  write?: (text: string) => string;
}

/** Its plan, validators and files, committed. */
export async function repoOf({ steps, files = {}, validators = {}, write = (text) => text }: Hands): Promise<TestRepo> {
  const repo = await createRepo({ files: false });
  await repo.commit("chore: start", {
    "prd.json": write(planText(steps(repo))),
    "shared.txt": "a\nb\nc\nd\ne\n",
    "registries/validators.json": validatorsText({ one: "test -f one.txt", two: "test -f two.txt", ...validators }),
    ...files,
  });
  return repo;
}

/** Runs the loop; while the first agent works the person does something. */
export async function whileItWorks(
  repo: TestRepo,
  act: () => Promise<unknown>,
): Promise<{ code: number | null; events: Event[]; stdout: string }> {
  const run = start(repo, ["--json"]);
  // A test that waits in vain leaves nothing behind either.
  const inVain = setTimeout(() => run.kill("SIGINT"), 45_000);
  await run.until(/"text":"working/);
  await act();
  await writeFile(join(repo.base, "go"), "");
  const { code, stdout, stderr } = await run.done;
  clearTimeout(inVain);
  expect(stderr).toBe("");
  return {
    code,
    stdout,
    events: stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Event),
  };
}

/** The notices of one kind. */
export const notices = (events: Event[], kind: Notice["kind"]): Notice[] =>
  events.flatMap((event) => event.kind === "notice" && event.notice.kind === kind ? [event.notice] : []);
/** How often an agent of `waiting` began. */
export const starts = async (repo: TestRepo) =>
  (await readFile(join(repo.base, "runs"), "utf8")).split("\n").length - 1;
