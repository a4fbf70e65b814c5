import { availableParallelism } from "node:os";
import pLimit from "p-limit";
import type { RedFirstRequest, ValidatorPort, VerifyRequest } from "../loop/validator-port.ts";
import type { Step } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import type { Evidence, RedFirst, Verdict, Verification } from "../model/verdict.ts";
import { secrets } from "../system/redact.ts";
import type { Sandbox } from "../system/sandbox.ts";
import { toolHomes } from "../system/tool-homes.ts";
import { evidenceOf, type Execution, isRed, type Tried, verdictOf } from "./attribute.ts";
import { openCache } from "./cache.ts";
import { withholdSecrets } from "./guard/withhold.ts";
import { fingerprint } from "./digest.ts";
import { isLock, lockPassed } from "./lock.ts";
import { frozenBy } from "./frozen.ts";
import { isExpected, ownValidators, redFirstOf } from "./red-first.ts";
import { isHygiene, selectValidators } from "./select.ts";
import { looksAtChange, runStage, type Stage, type StageDeps } from "./stage.ts";
import { isTestFile } from "./test-files.ts";
import type { VerifyLane } from "./verify-lane.ts";

export interface ValidatorDeps {
  lane: VerifyLane;
  /** The environment of commands, already cleaned; HOME and TMPDIR are replaced for each of them. */
  env: Record<string, string>;
  /** Where the folders for HOME and TMPDIR are made. */
  tempDir: string;
  /** A file in the state folder for remembered green verdicts. */
  cachePath: string;
  /** The mark of the n-th command of this run, counted from 1. */
  markOf(n: number): string;
  /** Absent or `null`: commands run with the person's rights. */
  sandbox?: Sandbox | null;
  /** How many commands run at once. @default the number of CPUs */
  parallel?: number;
}

/** The port that decides what a change is worth, by running validators where no agent was (design 5). */
export function createValidators(deps: ValidatorDeps): ValidatorPort {
  let commands = 0;
  const stageDeps: StageDeps = {
    lane: deps.lane,
    cache: openCache(deps.cachePath),
    reds: new Map(),
    limit: pLimit(deps.parallel ?? availableParallelism()),
    settings: {
      env: { ...deps.env, ...toolHomes(deps.env) },
      tempDir: deps.tempDir,
      nextMark: () => deps.markOf(++commands),
      sandbox: deps.sandbox ?? null,
    },
    toolKey: [process.platform, process.arch, deps.env.PATH, deps.sandbox ? "sandbox" : ""].join("\0"),
  };
  let known: string | null = null;
  /** What was red on a base is worth nothing on another one. */
  const forget = (base: string) => {
    if (base !== known) stageDeps.reds.clear();
    known = base;
  };
  return {
    frozen: frozenBy,
    redFirst: async (request) => {
      forget(request.base);
      return await redFirst(stageDeps, request);
    },
    withhold: (request) => withholdSecrets(deps.lane, request, secrets),
    verify: async (request) => {
      forget(request.base);
      const verification = await verify(stageDeps, request);
      await stageDeps.cache.save();
      return verification;
    },
  };
}

/** Before the work: the step's own validators on what the work starts from. */
async function redFirst(deps: StageDeps, request: RedFirstRequest): Promise<RedFirst | null> {
  const own = ownValidators(request.step, request.validators);
  if (own.length === 0) return null;
  const tree = await deps.lane.composeTree(request.base, request.base, []);
  const work = { ...noWork, tree };
  const runs = await runStage(deps, { ...request, work }, {
    on: "base",
    tree,
    validators: own,
    label: "base",
    cached: true,
    onDone: () => {},
  });
  return request.signal.aborted ? null : redFirstOf(request, runs);
}

const noWork = { changed: [], planText: null, progressText: null, tampering: [], diff: "", benign: [] };

async function verify(deps: StageDeps, request: VerifyRequest): Promise<Verification> {
  const { step, plan, work, validators, signal } = request;
  const changed = work.changed.map(({ path }) => path);
  const unchanged = changed.length === 0;
  const { selected, unknown } = selectValidators(step, validators, changed);
  // Without a change nothing can be broken by it.
  const chosen = unchanged ? selected : lockPassed(plan, step, selected, work.changed);
  const tried = new Map<string, Tried>(chosen.map((one) => [one.validator.id, { ...one, runs: [], base: null }]));
  const all = [...tried.values()];
  const told = new Set<Tried>();
  const tell = (verdict: Verdict) => request.onEvent({ kind: "validator-finished", step: step.id, verdict });
  const run: Run = (stage) => runStage(deps, request, { onDone: () => {}, ...stage });

  await run({
    on: "result",
    tree: work.tree,
    validators: validatorsOf(all),
    label: "",
    cached: true,
    onDone: ({ id }, execution) => {
      const one = tried.get(id)!;
      one.runs.push(execution);
      if (execution.status !== "pass" || (one.named && !unchanged)) return;
      told.add(one);
      tell(verdictOf(one));
    },
  });
  if (signal.aborted) return interrupted;
  const red = validatorsOf(all.filter((one) => isRed(one) && one.validator.command !== undefined));
  const again = await run({ on: "result", tree: work.tree, validators: red, label: "again", cached: false });
  for (const [id, execution] of again) tried.get(id)?.runs.push(execution);

  const base = await deps.lane.composeTree(request.base, request.base, []);
  const [guards, others] = [all.filter(isGuard), all.filter((one) => !isGuard(one))];
  for (const one of guards) one.base = "green";
  const ask = others.filter((one) => isRed(one) || (one.named && one.runs[0]?.status === "pass"));
  // Without a change the result is the base.
  if (unchanged) { for (const one of all) if (isRed(one)) one.base = "red"; }
  else await askBase(run, base, ask, step);
  if (signal.aborted) return interrupted;
  const proven = !unchanged && await testsProve(run, deps, request, base, all);
  if (signal.aborted) return interrupted;

  const evidence = evidenceOf(all, { unchanged, proven, redFirst: step.redFirst !== false, trust: step.trust });
  const verdicts = [
    ...all.map((one) => blockIfNothingElse(verdictOf(one), one, evidence)),
    ...unknown.map(unknownVerdict),
  ];
  verdicts.forEach((verdict, index) => {
    if (all[index] === undefined || !told.has(all[index])) tell(verdict);
  });
  const blocking = verdicts.filter(({ blocks }) => blocks);
  return {
    passed: evidence !== null && blocking.length === 0,
    evidence: evidence ?? "agent",
    verdicts,
    fingerprint: fingerprint(blocking.map(({ validator, digest }) => ({ id: validator, digest }))),
  };
}

function isGuard({ validator }: Tried): boolean {
  return looksAtChange(validator.builtin);
}

/** The caller sees its own signal and does not look at this. */
const interrupted: Verification = { passed: false, evidence: "agent", verdicts: [], fingerprint: "" };

/** When all that could verify the change was red before it too, that is what stands in its way. */
function blockIfNothingElse(verdict: Verdict, one: Tried, evidence: Evidence | null): Verdict {
  if (evidence !== null || verdict.attribution !== "broken-before") return verdict;
  if (isHygiene(one.validator) || isLock(one)) return verdict;
  return { ...verdict, blocks: true };
}

type Run = (stage: Omit<Stage, "onDone"> & Partial<Stage>) => Promise<Map<string, Execution>>;

function validatorsOf(tried: readonly Tried[]): Validator[] {
  return tried.map(({ validator }) => validator);
}

/** Red on the base means red twice: a flaky base must not excuse a change that breaks something. */
async function askBase(run: Run, tree: string, asked: readonly Tried[], step: Step): Promise<void> {
  const first = await run({ on: "base", tree, validators: validatorsOf(asked), label: "base", cached: true });
  const doubtful = asked.filter((one) => isRed(one) && first.get(one.validator.id)?.status !== "pass");
  const second = await run({
    on: "base",
    tree,
    validators: validatorsOf(doubtful),
    label: "base-again",
    cached: false,
  });
  for (const one of asked) {
    const answers = [first.get(one.validator.id), second.get(one.validator.id)].filter((answer) =>
      answer !== undefined
    );
    if (answers.every(({ exit }) => exit.kind === "spawn-failed")) one.base = "unknown";
    else one.base = one.named ? demanded(saysOf(answers), step, answers) : saysOf(answers);
  }
}

function saysOf(answers: readonly Execution[]): "green" | "red" | "flaky" {
  if (answers.every(({ status }) => status !== "pass")) return "red";
  return answers.every(({ status }) => status === "pass") ? "green" : "flaky";
}

function demanded(
  says: ReturnType<typeof saysOf>,
  step: Step,
  answers: readonly Execution[],
): ReturnType<typeof saysOf> | "other-red" {
  return says === "red" && !answers.some((answer) => isExpected(step, answer)) ? "other-red" : says;
}

/**
 * Whether a test that the change adds or edits fails without the rest of the change: put on the base alone, it turns a
 * validator red that is green on the base and on the result. Tried only when nothing stronger is known, tests first.
 */
async function testsProve(
  run: Run,
  deps: StageDeps,
  request: VerifyRequest,
  base: string,
  tried: readonly Tried[],
): Promise<boolean> {
  const { work, signal } = request;
  const tests = work.changed.filter(({ status }) => status !== "deleted").map(({ path }) => path).filter(isTestFile);
  const green = tried.filter(({ validator, runs }) => validator.command !== undefined && runs[0]?.status === "pass");
  const isProven = tried.some((one) => one.named && one.base === "red" && !isRed(one));
  const wouldFail = tried.some((one) => verdictOf(one).blocks);
  if (tests.length === 0 || isProven || wouldFail) return false;
  const tree = await deps.lane.overlay(base, work.tree, tests);
  for (
    const { validator } of green.toSorted((a, b) => Number(runsTests(b.validator)) - Number(runsTests(a.validator)))
  ) {
    if (signal.aborted) return false;
    const only = { validators: [validator] };
    const without = await run({ ...only, on: "evidence", tree, label: "evidence", cached: true });
    if (without.get(validator.id)?.status !== "fail") continue;
    const before = await run({ ...only, on: "base", tree: base, label: "base", cached: true });
    if (before.get(validator.id)?.status === "pass") return true;
  }
  return false;
}

function runsTests({ id, command }: Validator): boolean {
  return /test|spec|check|jest|mocha|bats|tap\b/i.test(`${id} ${command}`);
}

function unknownVerdict(id: string): Verdict {
  const message = `No validator has the id "${id}" on the branch`;
  return {
    validator: id,
    status: "error",
    attribution: null,
    named: true,
    blocks: true,
    exit: { kind: "spawn-failed", errno: "ENOENT", message },
    durationMs: 0,
    digest: message,
    fix: null,
    log: null,
    cached: false,
  };
}
