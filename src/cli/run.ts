import { basename, join } from "node:path";
import { createAgents } from "../agents/port.ts";
import { createBriefs } from "../brief/assemble.ts";
import { createLanes } from "../lanes/lane.ts";
import type { LeaseTerms } from "../lanes/lease.ts";
import { openVerifyLane } from "../lanes/verify-lane.ts";
import { runLimits } from "../loop/limits.ts";
import { drive, type DriveDeps } from "../loop/driver.ts";
import type { Observation } from "../loop/ports.ts";
import type { Event, EventBody } from "../model/event.ts";
import { outlook } from "../model/forecast.ts";
import { exitCodeOf, type Halt } from "../model/halt.ts";
import type { Plan, Problem } from "../model/plan.ts";
import { nearName } from "../plan/names.ts";
import { type Journal, openJournal } from "../report/journal.ts";
import { systemClock } from "../system/clock.ts";
import { endSupervised } from "../system/live.ts";
import { mark, parseMark, runId } from "../system/marks.ts";
import { secrets } from "../system/redact.ts";
import type { StopSignal } from "../system/signals.ts";
import { sweepWhere } from "../system/sweep.ts";
import { createValidators } from "../validators/run.ts";
import { verifiable } from "../validators/select.ts";
import { type Fence, openFence } from "./fence.ts";
import { handoffWriter } from "./handoff.ts";
import { takeLock } from "./lock.ts";
import type { LoopOptions } from "./options.ts";
import { packageVersion } from "./package.ts";
import { listenForStop, type Stopping } from "./stopping.ts";
import { summarize } from "./summary.ts";
import { openWorkplace, verifyLaneFor, type Workplace } from "./wire.ts";

/**
 * Commands of validators run side by side, and the end of one sweeps its mark: each has its own, beyond those of
 * iterations (setup has 0).
 */
const firstValidatorMark = 1_000_000;

type Emit = (body: EventBody) => void;

/**
 * Runs the loop and reports its events; resolves with the exit code. Everything is undone or recorded when it returns:
 * the lock is released, no process of an agent is left.
 */
export async function runLoop(options: LoopOptions, report: (event: Event) => void): Promise<number> {
  const run = runId();
  const startedAt = Date.now();
  const sinks = [report];
  let seq = 0;
  const emit: Emit = (body) => {
    seq += 1;
    const event: Event = { v: 1, seq, at: new Date().toISOString(), run, ...secrets.value(body) };
    for (const sink of sinks) sink(event);
  };
  const finish = (halt: Halt, observation: Observation | null, iterations: number): number => {
    const exitCode = exitCodeOf(halt);
    const summary = summarize(observation, { iterations, durationMs: Date.now() - startedAt }, Date.now());
    emit({ kind: "halted", halt, exitCode, summary });
    return exitCode;
  };

  const opened = await openWorkplace({
    dir: options.dir,
    run,
    checkout: options.checkout,
    push: options.push,
    limits: options.limits,
    ...(options.plan === undefined ? {} : { plan: options.plan }),
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    notice: (notice) => emit({ kind: "notice", notice }),
  });
  if (!opened.ok) return finish(opened.halt, null, 0);
  const workplace = opened.value;
  if (workplace.place.insideLane) {
    return finish({ reason: "repository", problem: { kind: "inside-lane", dir: workplace.place.root } }, null, 0);
  }
  // Everything that can be wrong with the plan is found before anything is changed.
  const looked = await workplace.repository.find();
  if (!looked.ok) return finish(looked.halt, null, 0);
  if (options.step !== undefined && !looked.value.plan.steps.some(({ id }) => id === options.step)) {
    return finish({ reason: "invalid", problems: [unknownStep(workplace, looked.value, options.step)] }, null, 0);
  }

  const { agents } = workplace.registries();
  if (options.agent !== undefined && !["auto", ...agents.map(({ id }) => id)].includes(options.agent)) {
    return finish({ reason: "invalid", problems: [unknownAgent(workplace, options.agent)] }, null, 0);
  }

  const lock = await takeLock(workplace.place);
  if (!lock.ok) return finish(lock.halt, looked.value, 0);
  const journal = openJournal(workplace.place.root, run);
  sinks.push((event) => journal.record(event));
  try {
    const fence = await openFence(workplace.place, looked.value.plan, options.sandbox);
    if (!fence.ok) return finish(fence.halt, null, 0);
    const onEvent = (sink: (event: Event) => void) => void sinks.push(sink);
    const { plan } = looked.value;
    return await runLocked({ workplace, options, emit, onEvent, finish, journal, fence, plan, died: lock.died });
  } finally {
    await workplace.repository.release();
    await endSupervised({ kind: "anomaly", what: "the run ended" });
    await journal.close();
    lock.release();
  }
}

interface Locked {
  workplace: Workplace;
  options: LoopOptions;
  emit: Emit;
  /** Adds a listener. */
  onEvent: (sink: (event: Event) => void) => void;
  finish: (halt: Halt, observation: Observation | null, iterations: number) => number;
  journal: Journal;
  fence: Extract<Fence, { ok: true }>;
  /** As it was seen before the start. */
  plan: Plan;
  /** The run before was killed. */
  died: boolean;
}

/** Signals end the run cleanly from here on, whatever it is waiting for. */
async function runLocked(locked: Locked): Promise<number> {
  const stopping = listenForStop(locked.emit);
  locked.onEvent(stopping.watch);
  try {
    return await runListening(locked, stopping);
  } finally {
    stopping.unlisten();
  }
}

async function runListening(locked: Locked, stopping: Stopping): Promise<number> {
  const { workplace, options, emit, finish, journal, fence } = locked;
  const { place, repository } = workplace;
  const refused = (halt: Halt): number => {
    const signal = stopping.interrupted();
    return finish(signal === null ? halt : { reason: "interrupted", signal }, null, 0);
  };
  await sweepDeadRuns(workplace, emit);
  const start = { died: locked.died, signal: stopping.signal, ...leaseOf(options, locked.plan) };
  const started = await repository.start(start);
  if (!started.ok) return refused(started.halt);
  const observed = await repository.observe();
  if (!observed.ok) return refused(observed.halt);
  const unheld = await repository.hold(start);
  if (unheld !== null) return refused(unheld);
  const { plan, branch } = observed.value;
  emit({
    kind: "run-started",
    plan: place.planPath,
    project: plan.project ?? basename(place.root),
    branch,
    steps: plan.steps.length,
    passed: plan.steps.filter(({ passes }) => passes).length,
    resumed: started.resumed,
    ...outlook(summarize(observed.value, { iterations: 0, durationMs: 0 }, Date.now()).steps),
    version: packageVersion(),
  });
  emit({ kind: "notice", notice: fence.notice });

  const deps = wireDriver({
    workplace,
    options,
    emit,
    journal,
    fence,
    signal: AbortSignal.any([stopping.signal, repository.lost]),
    interrupted: stopping.interrupted,
  });
  const limits = () => runLimits(workplace.limits(), options.maxWaitMs);
  const result = await drive(deps, { limits, only: options.step ?? null, agent: options.agent ?? null });
  return finish(result.halt, result.observation ?? observed.value, result.use.iterations);
}

/** Who pushes keeps others from working on the same plan meanwhile. */
function leaseOf({ push }: LoopOptions, { lease }: Plan): { lease?: LeaseTerms } {
  return push === false ? {} : { lease: { staleMs: lease.minutes * 60_000, required: lease.required } };
}

/** Whoever holds the lock is the only runner: every process that carries a mark of this repository is a dead run's. */
async function sweepDeadRuns({ place }: Workplace, emit: Emit): Promise<void> {
  const repoKey = basename(place.stateDir);
  const { count } = await sweepWhere((found) => parseMark(found)?.repoKey === repoKey);
  if (count > 0) emit({ kind: "notice", notice: { kind: "processes-swept", count } });
}

function wireDriver(
  facts: Pick<Locked, "workplace" | "options" | "emit" | "journal" | "fence"> & {
    signal: AbortSignal;
    interrupted: () => StopSignal | null;
  },
): DriveDeps {
  const { workplace, options, emit, journal, signal, fence: { sandbox } } = facts;
  const { place, repository, run } = workplace;
  const notice: DriveDeps["ports"]["notice"] = (told) => emit({ kind: "notice", notice: told });
  const repoKey = basename(place.stateDir);
  const markOf = (iteration: number) => mark(repoKey, run, iteration);
  const laneDeps = { notice, run, signal, sandbox };
  let observation: Observation | null = null;
  const seen = () => {
    if (observation === null) throw new Error("Internal error: nothing was observed yet");
    return observation;
  };
  const verifyLane = verifyLaneFor(
    place,
    openVerifyLane(place, laneDeps),
    () => ({ plan: seen().plan, head: seen().tip }),
  );
  return {
    ports: {
      clock: systemClock,
      repository: {
        ...repository,
        observe: async () => {
          const observed = await repository.observe();
          if (observed.ok) observation = observed.value;
          return observed;
        },
      },
      lanes: createLanes(place, laneDeps),
      agents: createAgents({ ...workplace.registries(), env: place.env, clock: systemClock, sandbox }),
      validators: createValidators({
        lane: verifyLane,
        env: place.env,
        tempDir: join(place.stateDir, "homes"),
        cachePath: join(place.stateDir, "verdicts.json"),
        markOf: (n) => markOf(firstValidatorMark + n),
        sandbox,
      }),
      briefs: createBriefs({ planPath: place.planPath, progressPath: place.progressPath }),
      journal: { ...journal, write: (folder, name, text) => journal.write(folder, name, secrets.text(text)) },
      emit,
      notice,
      hide: (value) => secrets.value(value),
    },
    planId: () => seen().plan.planId ?? "",
    signal,
    markOf,
    verifiable: (step, { validators }) => verifiable(step, validators),
    handoff: handoffWriter({ place, invocation: options.invocation }),
    interrupted: facts.interrupted,
  };
}

function unknownStep({ place }: Workplace, { plan }: Observation, step: string): Problem {
  const near = nearName(step, plan.steps.map(({ id }) => id));
  const hint = near === null
    ? `The steps are: ${plan.steps.slice(0, 20).map(({ id }) => id).join(", ")}`
    : `Did you mean \`${near}\`?`;
  return { file: place.planPath, path: "", line: null, message: `No step is called \`${step}\``, hint };
}

function unknownAgent(workplace: Workplace, agent: string): Problem {
  const { place } = workplace;
  const names = workplace.registries().agents.map(({ id }) => id);
  const near = nearName(agent, names);
  const hint = near === null ? `The agents are: ${names.join(", ")}` : `Did you mean \`${near}\`?`;
  const file = `${place.registriesPath}/agents.json`;
  return { file, path: "", line: null, message: `No agent is called \`${agent}\``, hint };
}
