import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { VerifyRequest } from "../../src/loop/validator-port.ts";
import type { EventBody } from "../../src/model/event.ts";
import { globMatcher } from "../../src/model/glob.ts";
import { planSchema } from "../../src/model/plan.ts";
import type { Validator } from "../../src/model/validator.ts";
import type { RedFirst, Verification } from "../../src/model/verdict.ts";
import { createValidators } from "../../src/validators/run.ts";
import type { VerifyLane } from "../../src/validators/verify-lane.ts";

/** Files by path. */
export type Tree = Record<string, string>;

export interface VerifyCase {
  base: Tree;
  result: Tree;
  validators: (Partial<Validator> & { id: string })[];
  step?: Record<string, unknown>;
  plan?: Record<string, unknown>;
  signal?: AbortSignal;
  /** A tree that the lane cannot prepare, told by a file in it. */
  unprepared?: string;
}

export interface Verified extends Verification {
  events: EventBody[];
  /** Which command ran on which tree, in order: `on validator`. */
  ran: string[];
}

/** A plain folder as the verify lane, trees in memory, real processes. */
export interface Rig extends AsyncDisposable {
  dir: string;
  journalDir: string;
  verify(given: VerifyCase): Promise<Verified>;
  /** What is asked before the work; `result` does not matter. */
  redFirst(given: VerifyCase): Promise<{ found: RedFirst | null; ran: string[] }>;
  /** What of the work may be kept. */
  withhold(given: VerifyCase): Promise<{ tree: Tree; changed: string[]; lines: string[] }>;
  /** A new port on the same files, as a new run has it. */
  restart(): void;
  /** The paths of which the text before the change was asked for. */
  asked: readonly string[];
}

export async function createRig(env: Record<string, string> = {}): Promise<Rig> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "capstan-verify-")));
  const place = join(dir, "lane");
  const journalDir = join(dir, "journal");
  const trees = new Map<string, Tree>();
  const store = (tree: Tree): string => {
    const sorted = Object.fromEntries(Object.entries(tree).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const id = createHash("sha1").update(JSON.stringify(sorted)).digest("hex");
    trees.set(id, sorted);
    return id;
  };
  const load = (id: string): Tree => {
    const tree = trees.get(id);
    if (tree === undefined) throw new Error(`no tree ${id}`);
    return tree;
  };
  const pick = (tree: Tree, matches: (path: string) => boolean): Tree =>
    Object.fromEntries(Object.entries(tree).filter(([path]) => matches(path)));
  let unprepared: string | null = null;
  const lane: VerifyLane = {
    checkout: async (id) => {
      if (unprepared !== null && load(id)[unprepared] !== undefined) return { ok: false, message: "npm ci failed" };
      await rm(place, { recursive: true, force: true });
      await mkdir(place);
      for (const [path, text] of Object.entries(load(id))) {
        await mkdir(dirname(join(place, path)), { recursive: true });
        await writeFile(join(place, path), text);
      }
      return { ok: true, dir: place };
    },
    composeTree: async (tree, base, globs) => {
      const isProtected = globMatcher(globs);
      return store({ ...pick(load(tree), (path) => !isProtected(path)), ...pick(load(base), isProtected) });
    },
    overlay: async (base, tree, paths) => {
      const others = pick(load(base), (path) => !paths.includes(path));
      return store({ ...others, ...pick(load(tree), (path) => paths.includes(path)) });
    },
    read: async (tree, path) => load(tree)[path] ?? null,
    texts: async (tree, paths) => {
      asked.push(...paths);
      return paths.map((path) => load(tree)[path] ?? null);
    },
    list: async (tree) => Object.keys(load(tree)),
  };
  const asked: string[] = [];
  let started = 0;
  const open = () =>
    createValidators({
      lane,
      env: { PATH: process.env.PATH ?? "", HOME: dir, ...env },
      tempDir: join(dir, "tmp"),
      cachePath: join(dir, "state", "verdicts.json"),
      markOf: (n) => `test-${process.pid}-${dir.slice(-6)}-${++started}-${n}`,
      parallel: 2,
    });
  let port = open();
  const requestOf = (given: VerifyCase): { request: VerifyRequest; events: EventBody[] } => {
    unprepared = given.unprepared ?? null;
    const events: EventBody[] = [];
    const plan = planSchema.parse({ steps: [{ id: "US-001", title: "Add", ...given.step }], ...given.plan });
    const request: VerifyRequest = {
      base: store(given.base),
      work: { tree: store(given.result), changed: changes(given.base, given.result), ...nothing },
      step: plan.steps[0]!,
      plan,
      validators: given.validators.map((one) => ({
        origin: "registry" as const,
        timeoutMinutes: 1,
        protects: [],
        ...one,
      })),
      journalDir,
      signal: given.signal ?? new AbortController().signal,
      onEvent: (body) => events.push(body),
    };
    return { request, events };
  };

  return {
    dir,
    journalDir,
    asked,
    restart: () => {
      port = open();
    },
    verify: async (given) => {
      const { request, events } = requestOf(given);
      const verification = await port.verify(request);
      return { ...verification, events, ran: startedIn(events) };
    },
    withhold: async (given) => {
      const { work, lines } = await port.withhold(requestOf(given).request);
      return { tree: load(work.tree), changed: work.changed.map(({ path }) => path), lines };
    },
    redFirst: async (given) => {
      const { request, events } = requestOf(given);
      const found = await port.redFirst(request);
      return { found, ran: startedIn(events) };
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

function startedIn(events: readonly EventBody[]): string[] {
  return events.flatMap((body) => body.kind === "validator-started" ? [`${body.on} ${body.validator}`] : []);
}

const nothing = { planText: null, progressText: null, tampering: [], diff: "", benign: [] };

function changes(base: Tree, result: Tree): VerifyRequest["work"]["changed"] {
  const paths = [...new Set([...Object.keys(base), ...Object.keys(result)])].toSorted();
  return paths.filter((path) => base[path] !== result[path]).map((path) => ({
    path,
    status: base[path] === undefined ? "added" : result[path] === undefined ? "deleted" : "modified",
  }));
}

/** What a command printed, from the journal. */
export async function logsOf(rig: Rig): Promise<Record<string, string>> {
  const dir = join(rig.journalDir, "validators");
  const names = await readdir(dir).catch((): string[] => []);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(dir, name), "utf8")] as const)),
  );
}
