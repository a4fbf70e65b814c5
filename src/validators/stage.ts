import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Oid } from "../loop/ports.ts";
import type { VerifyRequest } from "../loop/validator-port.ts";
import type { Validator } from "../model/validator.ts";
import { removeTree } from "../system/files.ts";
import type { Execution } from "./attribute.ts";
import { runBuiltin } from "./builtin.ts";
import { cacheKey, type VerdictCache } from "./cache.ts";
import { type CommandSettings, runCommand } from "./execute.ts";
import { freezeScripts, type FrozenScripts, scriptFiles } from "./scripts.ts";
import type { FileChange } from "./guard/changes.ts";
import { readChanges } from "./guard/read.ts";
import type { VerifyLane } from "./verify-lane.ts";

/** Runs at most so many functions at once. */
export type Limit = <T>(run: () => Promise<T>) => Promise<T>;

export interface StageDeps {
  lane: VerifyLane;
  cache: VerdictCache;
  /** What was red on the base that is worked on now: it runs before the work, and is looked at again after it. */
  reds: Map<string, Execution>;
  limit: Limit;
  settings: CommandSettings;
  /** Whatever else a verdict depends on: platform, tools. */
  toolKey: string;
}

/** One pass of some validators over one tree. */
export interface Stage {
  /** Whose files: `result` may have scripts to freeze and files that validators protect. */
  on: "result" | "base" | "evidence";
  tree: Oid;
  validators: readonly Validator[];
  /** Goes into the names of logs: "" for the first pass, then `again`, `base` … */
  label: string;
  /** Whether a remembered green verdict will do. */
  cached: boolean;
  onDone(validator: Validator, execution: Execution): void;
}

type Frozen = FrozenScripts & {
  file: string;
  /** The scripts that one command comes down to, of those that were restored. */
  restoredFor: (command: string) => string[];
};

/**
 * Runs the validators of a stage: grouped by the tree that each one sees, one checkout a group, in parallel inside it.
 * Never rejects for anything in the trees; a lane that can't be prepared is an `error` of every validator concerned.
 */
export async function runStage(
  deps: StageDeps,
  request: VerifyRequest,
  stage: Stage,
): Promise<Map<string, Execution>> {
  const results = new Map<string, Execution>();
  const finish = (validator: Validator, execution: Execution) => {
    results.set(validator.id, execution);
    stage.onDone(validator, execution);
  };
  for (const [tree, validators] of await groupByTree(deps, request, stage)) {
    if (request.signal.aborted) break;
    const frozen = stage.on === "result" ? await frozenScripts(deps.lane, request, stage, tree) : [];
    const keyOf = (validator: Validator) => verdictKey(deps, request, validator, tree, frozen);
    const open: Validator[] = [];
    for (const validator of validators) {
      const key = stage.cached ? keyOf(validator) : null;
      const red = key === null || stage.on !== "base" ? undefined : deps.reds.get(key);
      if (red !== undefined) finish(validator, red);
      else if (key !== null && await deps.cache.has(key)) finish(validator, rememberedPass);
      else open.push(validator);
    }
    if (open.length === 0) continue;
    const checkout = await deps.lane.checkout(tree);
    if (!checkout.ok) {
      for (const validator of open) finish(validator, unprepared(checkout.message));
      continue;
    }
    // Before anything runs there: a command of the change could tidy up what is looked for.
    const looks = stage.on === "result" && open.some(({ builtin }) => looksAtChange(builtin));
    const changes = looks ? await readChanges(deps.lane, request.base, request.work.changed, checkout.dir) : null;
    const place = { dir: checkout.dir, tree, frozen, changes };
    for (const { file, text } of frozen) await replaceFile(join(checkout.dir, file), text);
    const shared = new Map<string, Promise<Execution>>();
    await Promise.all(open.map((validator) =>
      deps.limit(async () => {
        if (request.signal.aborted) return;
        request.onEvent({ kind: "validator-started", step: request.step.id, validator: validator.id, on: stage.on });
        const running = shared.get(validator.command ?? validator.id) ?? runOne(deps, request, stage, validator, place);
        // A criterion is often the command of a validator as well.
        shared.set(validator.command ?? validator.id, running);
        const execution = await running;
        const key = keyOf(validator);
        // A second run is about whether to believe the first one: its green is not worth remembering.
        if (execution.status === "pass" && stage.cached && key !== null) deps.cache.add(key);
        if (execution.status === "fail" && stage.cached && stage.on === "base" && key !== null) {
          deps.reds.set(key, execution);
        }
        finish(validator, execution);
      })
    ));
  }
  return results;
}

/** Built-in kinds that look at what the change did, not at what is there: on the base they have nothing to say. */
export function looksAtChange(builtin: Validator["builtin"]): boolean {
  return builtin === "test-guard" || builtin === "secrets";
}

/**
 * What protects files comes first and alone: a command beside it may be a test that an agent wrote, and could rewrite
 * those files while both run.
 */
async function groupByTree(deps: StageDeps, request: VerifyRequest, stage: Stage): Promise<[Oid, Validator[]][]> {
  const alone: [Oid, Validator[]][] = [];
  const groups = new Map<Oid, Validator[]>();
  for (const validator of stage.validators) {
    const globs = stage.on === "base" ? [] : validator.protects;
    const tree = globs.length === 0 ? stage.tree : await deps.lane.composeTree(stage.tree, request.base, globs);
    if (globs.length > 0) alone.push([tree, [validator]]);
    else groups.set(tree, [...groups.get(tree) ?? [], validator]);
  }
  return [...alone, ...groups];
}

/** Scripts mean what they mean on the base; files that are the same there need no look. */
async function frozenScripts(lane: VerifyLane, request: VerifyRequest, stage: Stage, tree: Oid): Promise<Frozen[]> {
  const commands = stage.validators.flatMap(({ command }) => command ?? []);
  const changed = new Set(request.work.changed.map(({ path }) => path));
  const frozen: Frozen[] = [];
  for (const { file, key } of scriptFiles) {
    const path = join(request.plan.cwd ?? "", file);
    if (!changed.has(path)) continue;
    const [base, result] = [await lane.read(request.base, path), await lane.read(tree, path)];
    const scripts = freezeScripts(commands, key, base, result);
    if (scripts === null) continue;
    const restoredFor = (command: string) => freezeScripts([command], key, base, result)?.restored ?? [];
    frozen.push({ ...scripts, file: path, restoredFor });
  }
  return frozen;
}

/** Never through a link: the change may have made one that leads out of the lane. */
async function replaceFile(path: string, text: string): Promise<void> {
  await removeTree(path);
  await writeFile(path, text, { flag: "wx" });
}

function noteOf(frozen: readonly Frozen[], command: string): string {
  return frozen
    .map(({ file, restoredFor }) => ({ file, names: restoredFor(command) }))
    .filter(({ names }) => names.length > 0)
    .map(({ file, names }) =>
      `Scripts that this change alters ran as they were before it: ${names.join(", ")} (${file})\n`
    )
    .join("");
}

async function runOne(
  deps: StageDeps,
  request: VerifyRequest,
  stage: Stage,
  validator: Validator,
  place: { dir: string; tree: Oid; frozen: readonly Frozen[]; changes: readonly FileChange[] | null },
): Promise<Execution> {
  if (validator.command !== undefined) {
    const name = [validator.id, stage.label].filter((part) => part !== "").join(".");
    const execution = await runCommand(deps.settings, {
      command: validator.command,
      lane: place.dir,
      cwd: join(place.dir, request.plan.cwd ?? ""),
      timeoutMs: validator.timeoutMinutes * 60_000,
      logPath: join(request.journalDir, "validators", `${name.replaceAll(/[^\w.-]/g, "_")}.log`),
      signal: request.signal,
    });
    return { ...execution, digest: noteOf(place.frozen, validator.command) + execution.digest };
  }
  const started = performance.now();
  const problems = await runBuiltin({
    validator,
    dir: place.dir,
    changed: request.work.changed.filter(({ status }) => status !== "deleted").map(({ path }) => path),
    produces: (validator.origin === "step" ? validator.paths : request.step.produces) ?? [],
    files: () => deps.lane.list(place.tree),
    changes: place.changes,
    step: request.step,
  });
  return {
    status: problems.length === 0 ? "pass" : "fail",
    exit: { kind: "code", code: problems.length === 0 ? 0 : 1 },
    durationMs: performance.now() - started,
    digest: problems.slice(0, 20).join("\n").slice(0, 3800),
    log: null,
    cached: false,
  };
}

/** Built-in kinds depend on the change, not on the tree alone, and cost nothing. */
function verdictKey(
  deps: StageDeps,
  request: VerifyRequest,
  validator: Validator,
  tree: Oid,
  frozen: readonly Frozen[],
): string | null {
  if (validator.command === undefined) return null;
  const { setup, copy, cwd } = request.plan;
  return cacheKey([1, deps.toolKey, validator.command, tree, frozen.map(({ text }) => text), setup, copy, cwd ?? ""]);
}

const rememberedPass: Execution = {
  status: "pass",
  exit: { kind: "code", code: 0 },
  durationMs: 0,
  digest: "",
  log: null,
  cached: true,
};

function unprepared(message: string): Execution {
  const exit = { kind: "spawn-failed", errno: "ENOTREADY", message } as const;
  return { ...rememberedPass, status: "error", exit, digest: message.slice(-3800), cached: false };
}
