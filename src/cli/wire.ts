import { mergeLimits, withLimits } from "../loop/limits.ts";
import type { Observed, Oid } from "../loop/ports.ts";
import type { Notice } from "../model/event.ts";
import type { Halt } from "../model/halt.ts";
import type { Limit, Limits } from "../model/limits.ts";
import type { Plan, Problem } from "../model/plan.ts";
import type { Validator } from "../model/validator.ts";
import { createGit, gitProblem, splitNul } from "../lanes/git.ts";
import { locate, type Place } from "../lanes/locate.ts";
import type { ValidatorsResolved } from "../lanes/repo.ts";
import { openRepository, type Repository } from "../lanes/repository.ts";
import { parseBatch } from "../lanes/trees.ts";
import type { VerifyLane as LaneFolder } from "../lanes/verify-lane.ts";
import { unusedKeys } from "../plan/unused-keys.ts";
import { readBuiltInRegistries } from "../registries/built-in.ts";
import { loadRegistries, type Registries, registryNames, type RegistryTexts } from "../registries/load.ts";
import { checkReferences } from "../registries/references.ts";
import { pasteFor } from "../report/paste.ts";
import { repositoryMessage } from "../report/repository-text.ts";
import { systemClock } from "../system/clock.ts";
import { newPlanId, runId } from "../system/marks.ts";
import { detectFiles } from "../validators/detect.ts";
import type { VerifyLane } from "../validators/verify-lane.ts";
import { detectIn } from "./detect.ts";

/** Where and how a command works. */
export interface WorkplaceOptions {
  dir: string;
  plan?: string;
  /** For commands that change nothing: an operation in progress and a state folder without permission are no problem. */
  readOnly?: boolean;
  branch?: string;
  checkout?: boolean;
  push?: string | boolean | null | undefined;
  /** What the command line limits. */
  limits?: Limits;
  /** @default {a new one} */
  run?: string;
  /** @default {told to nobody} */
  notice?: (notice: Notice) => void;
}

/** A repository with its ports, as every command gets it. */
export interface Workplace {
  place: Place;
  run: string;
  repository: Repository;
  /** The registries of the branch's tip, known once the repository was observed or looked at. */
  registries(): Registries;
  /** All limits that hold, known as soon as they are. Those of steps stand in every plan that is observed or looked at. */
  limits(): readonly Limit[];
}

export type WorkplaceOpened = { ok: true; value: Workplace } | { ok: false; halt: Halt };

/** Finds the repository around `dir` and opens it. Changes nothing. */
export async function openWorkplace(options: WorkplaceOptions): Promise<WorkplaceOpened> {
  const { dir, plan, readOnly = false, run = runId(), notice = () => undefined } = options;
  const located = await locate({ dir, readOnly, ...(plan === undefined ? {} : { plan }) });
  if (!located.ok) return { ok: false, halt: { reason: "repository", problem: located.problem } };
  const { place } = located;
  const builtIn = await readBuiltInRegistries();
  let registries: Registries | null = null;
  let limits: Limit[] = [];
  let told = "";
  let toldKeys = "";

  const resolve = async (files: ReadonlyMap<string, string>, read: Plan, tip: Oid): Promise<ValidatorsResolved> => {
    const own = (name: string) => {
      const file = `${place.registriesPath}/${name}.json`;
      const text = files.get(file);
      return text === undefined ? {} : { [name]: { file, text } };
    };
    const loaded = loadRegistries(builtIn, Object.assign({}, ...registryNames.map(own)) as Partial<RegistryTexts>);
    if (!loaded.ok) return loaded;
    const isDeclared = files.has(`${place.registriesPath}/validators.json`);
    const detected = isDeclared ? [] : await detectAtTip(place, files, tip);
    const found = JSON.stringify(detected);
    if (!isDeclared && found !== told) tellDetected(detected, notice);
    told = found;
    registries = { ...loaded.registries, validators: [...loaded.registries.validators, ...detected] };
    const { own: registry, builtIn: shipped } = registries.limits;
    limits = mergeLimits({ commandLine: options.limits ?? {}, plan: read.limits, registry, builtIn: shipped });
    const problems = referenceProblems(place, files, read, registries);
    if (problems.length > 0) return { ok: false, problems };
    const keys = unusedKeys(read);
    if (keys.length > 0 && JSON.stringify(keys) !== toldKeys) notice({ kind: "keys-unused", keys });
    toldKeys = JSON.stringify(keys);
    return { ok: true, validators: registries.validators, failures: registries.failures };
  };

  let filled: { from: Plan; limits: readonly Limit[]; plan: Plan } | null = null;
  const limited = (observed: Observed): Observed => {
    if (!observed.ok) return observed;
    const from = observed.value.plan;
    if (filled?.from !== from || filled.limits !== limits) filled = { from, limits, plan: withLimits(from, limits) };
    return { ok: true, value: { ...observed.value, plan: filled.plan } };
  };
  const repository = openRepository(place, {
    run,
    clock: systemClock,
    notice,
    newPlanId: ({ project }) => newPlanId(project ?? ""),
    validatorSources: detectFiles,
    resolveValidators: resolve,
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    checkout: options.checkout ?? true,
    push: options.push ?? false,
  });
  return {
    ok: true,
    value: {
      place,
      run,
      repository: {
        ...repository,
        observe: async () => limited(await repository.observe()),
        look: async () => limited(await repository.look()),
      },
      limits: () => limits,
      registries: () => {
        if (registries === null) throw new Error("Internal error: the registries are read when the repository is");
        return registries;
      },
    },
  };
}

/** Frozen like everything that verifies: from the tip, not from what lies in the checkout. */
async function detectAtTip(place: Place, files: ReadonlyMap<string, string>, tip: Oid): Promise<Validator[]> {
  const args = ["ls-tree", "-z", "--full-tree", "--name-only", tip];
  const listed = await createGit(place)(args);
  if (!listed.ok) throw new Error(`Internal error: ${JSON.stringify(gitProblem(args, listed))}`);
  return detectIn({ names: splitNul(listed), read: (name) => files.get(name) ?? null }, place.env);
}

function tellDetected(validators: readonly Validator[], notice: (notice: Notice) => void): void {
  if (validators.length === 0) return notice({ kind: "no-validators" });
  const shown = validators.map(({ id, command = "" }) => ({ id, command }));
  notice({ kind: "validators-detected", validators: shown });
}

function referenceProblems(
  place: Place,
  files: ReadonlyMap<string, string>,
  plan: Plan,
  { agents, validators }: Registries,
): Problem[] {
  const text = files.get(place.planPath);
  if (text === undefined) return [];
  const known = { agents: agents.map(({ id }) => id), validators: validators.map(({ id }) => id) };
  return checkReferences(plan, { text, file: place.planPath }, known);
}

/** The verify lane as validation sees it: trees by id, the plan's setup, and the commit that HEAD names. */
export function verifyLaneFor(
  place: Place,
  lane: LaneFolder,
  current: () => { plan: Plan; head: Oid },
): VerifyLane {
  const git = createGit(place);
  const must = async (args: readonly string[]): Promise<string> => {
    const result = await git(args);
    if (!result.ok) throw new Error(`Internal error: ${JSON.stringify(gitProblem(args, result))}`);
    return result.stdout;
  };
  const taken = <T>(value: { ok: true; value: T } | { ok: false; problem: unknown }): T => {
    if (!value.ok) throw new Error(`Internal error: ${JSON.stringify(value.problem)}`);
    return value.value;
  };
  return {
    async checkout(tree) {
      const { plan, head } = current();
      const done = await lane.checkout({ tree, head, plan });
      if (done.ok) return { ok: true, dir: done.value };
      const { title, details } = repositoryMessage(done.problem, { paste: pasteFor("capstan"), now: 0 });
      return { ok: false, message: [title, ...details].join("\n") };
    },
    composeTree: async (tree, base, globs) => taken(await lane.compose(tree, base, globs)),
    overlay: async (base, tree, paths) => taken(await lane.overlay(base, tree, paths)),
    async read(tree, path) {
      const result = await git(["cat-file", "blob", `${tree}:${path}`]);
      return result.ok ? result.stdout : null;
    },
    async texts(tree, paths) {
      const stdin = paths.map((path) => `${tree}:${path}\0`).join("");
      const result = await git(["cat-file", "--batch", "-z"], { stdin });
      if (!result.ok) return paths.map(() => null);
      return parseBatch(result.bytes).map((object) => {
        const isText = object !== null && object.type === "blob" && !object.content.includes(0);
        return isText ? object.content.toString("utf8") : null;
      });
    },
    list: async (tree) => splitNul(await must(["ls-tree", "-r", "-z", "--name-only", tree])),
  };
}
