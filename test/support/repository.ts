import type { Clock, Collected, LandRequest, NewRecord, Observation } from "../../src/loop/ports.ts";
import type { Notice } from "../../src/model/event.ts";
import type { Halt } from "../../src/model/halt.ts";
import type { AttemptRecord } from "../../src/model/ledger.ts";
import type { RepositoryOptions } from "../../src/lanes/repo.ts";
import { openRepository, type Repository } from "../../src/lanes/repository.ts";
import { exec } from "../../src/system/exec.ts";
import { editPlan } from "../../src/plan/edit.ts";
import type { TestRepo } from "./repo.ts";
import { failures } from "./failures.ts";
import { attemptRecord } from "./records.ts";

/** A repository opened as a run opens it, with what it told. */
export interface OpenedRepo {
  repository: Repository;
  notices: Notice[];
  kinds(): string[];
  /** Milliseconds that were slept, in order; nothing really sleeps. */
  slept: number[];
  /** Observes and expects it to work. */
  see(): Promise<Observation>;
  /** Observes and expects a halt. */
  halt(): Promise<Halt>;
}

export interface OpenOptions extends Partial<RepositoryOptions> {
  /** What happens while the repository sleeps. */
  onSleep?: () => Promise<void>;
  plan?: string;
  /** Also calls `start` and expects it to work. @default {true} */
  start?: boolean;
}

/** What of a test repository is needed here. */
export type AtRepo = Pick<TestRepo, "base" | "dir" | "env" | "place">;

let opened = 0;

/** Opens the test repository with a fast clock; plan ids are `plan-000001`, … unless the plan has one. */
export async function open(repo: AtRepo, options: OpenOptions = {}): Promise<OpenedRepo> {
  const { onSleep, plan, start = true, ...rest } = options;
  const notices: Notice[] = [];
  const slept: number[] = [];
  const clock: Clock = {
    now: () => Date.now(),
    sleep: async (ms) => {
      slept.push(ms);
      await onSleep?.();
    },
  };
  opened += 1;
  const repository = openRepository(await repo.place(plan), {
    run: `run-${opened}`,
    clock,
    notice: (notice) => notices.push(notice),
    newPlanId: () => `plan-${String(opened).padStart(6, "0")}`,
    validatorSources: ["package.json"],
    resolveValidators: () => ({ ok: true, validators: [], failures }),
    ...rest,
  });
  if (start) {
    const started = await repository.start();
    if (!started.ok) throw new Error(`start: ${JSON.stringify(started.halt)}`);
  }
  return {
    repository,
    notices,
    slept,
    kinds: () => notices.map(({ kind }) => kind),
    see: async () => {
      const observed = await repository.observe();
      if (!observed.ok) throw new Error(`observe: ${JSON.stringify(observed.halt)}`);
      return observed.value;
    },
    halt: async () => {
      const observed = await repository.observe();
      if (observed.ok) throw new Error("observe did not halt");
      return observed.halt;
    },
  };
}

/** A plan text as a person writes it. */
export function planText(steps: Record<string, boolean>, extra: Record<string, unknown> = {}): string {
  const userStories = Object.entries(steps).map(([id, passes], index) => ({
    id,
    title: `Title of ${id}`,
    acceptanceCriteria: ["It works"],
    priority: index + 1,
    passes,
    notes: "",
  }));
  return `${JSON.stringify({ project: "Test", ...extra, userStories }, null, 2)}\n`;
}

/** A record of an attempt. */
export function attemptOf(step: string, attempt: number, facts: Partial<AttemptRecord> = {}): AttemptRecord {
  return attemptRecord({ step, attempt, title: `Title of ${step}`, ...facts });
}

/** The record without what the ledger fills in. */
export function newAttempt(
  step: string,
  attempt: number,
  facts: Partial<AttemptRecord> = {},
): NewRecord & { kind: "attempt" } {
  const { v: _v, plan: _plan, run: _run, at: _at, ...record } = attemptOf(step, attempt, facts);
  return record;
}

/** Work as a lane would hand it over: the base's tree with some files changed (`null` deletes). */
export async function workOn(
  repo: AtRepo,
  base: string,
  files: Record<string, string | null>,
): Promise<Collected> {
  const index = `${repo.base}/index-${Math.random().toString(36).slice(2)}`;
  const git = async (args: string[], stdin?: string): Promise<string> => {
    const env = { ...repo.env, GIT_INDEX_FILE: index };
    const result = await exec(["git", ...args], { cwd: repo.dir, env, ...stdin !== undefined && { stdin } });
    if (result.exit.kind !== "code" || result.exit.code !== 0) {
      throw new Error(`git ${args.join(" ")}: ${result.stderr}`);
    }
    return result.stdout.toString().trim();
  };
  await git(["read-tree", base]);
  const changed: Collected["changed"] = [];
  for (const [path, text] of Object.entries(files)) {
    if (text === null) {
      await git(["update-index", "--force-remove", path]);
      changed.push({ path, status: "deleted" });
      continue;
    }
    const oid = await git(["hash-object", "-w", "--stdin"], text);
    await git(["update-index", "--add", "--cacheinfo", `100644,${oid},${path}`]);
    changed.push({ path, status: "modified" });
  }
  return {
    tree: await git(["write-tree"]),
    changed,
    planText: null,
    progressText: null,
    tampering: [],
    diff: "",
    benign: [],
  };
}

/** A passed attempt of `step` with `files` changed, ready to land on what was observed. */
export async function landing(
  repo: AtRepo,
  seen: Observation,
  step: string,
  files: Record<string, string | null>,
): Promise<LandRequest> {
  return {
    work: await workOn(repo, seen.tip, files),
    base: seen.tip,
    step: seen.plan.steps.find(({ id }) => id === step)!,
    planText: editPlan(seen.planText, { steps: { [step]: { passes: true } } }),
    progressText: `${seen.progressText}## ${step}\n---\n`,
    message: `feat: ${step}\n\nCapstan-Step: ${step}\n`,
    record: newAttempt(step, 1, { outcome: "passed", evidence: "step", base: seen.tip }),
  };
}
