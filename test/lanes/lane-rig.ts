import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createLanes } from "../../src/lanes/lane.ts";
import type { Place } from "../../src/lanes/locate.ts";
import type { Collected, Frozen, Lane, LanePort, LaneRequest } from "../../src/loop/ports.ts";
import type { Notice } from "../../src/model/event.ts";
import { planSchema } from "../../src/model/plan.ts";
import type { FileSpec, TestRepo } from "../support/repo.ts";
import { writeFiles } from "../support/repo.ts";

/** A lane on a test repository, with defaults for everything that a test does not care about. */
export interface LaneRig {
  place: Place;
  port: LanePort;
  notices: Notice[];
  /** A whole request, at the checkout's HEAD, for tests of halts. */
  request(part?: Partial<LaneRequest>): Promise<LaneRequest>;
  /** Prepares the lane at the checkout's HEAD; throws when it halts. */
  prepare(request?: Partial<LaneRequest>): Promise<Lane>;
  /** What an agent would do: writes files into the lane. */
  write(files: Record<string, FileSpec>): Promise<void>;
  read(path: string): Promise<string>;
  has(path: string): Promise<boolean>;
  git(...args: string[]): Promise<string>;
  /** Collects; throws when it halts. */
  collect(lane: Lane, frozen?: Partial<Frozen>): Promise<Collected>;
}

export const planText = '{ "userStories": [{ "id": "US-001", "title": "One" }] }\n';
export const progressText = "# Progress\n";
export const control = { "prd.json": planText, "progress.txt": progressText };

/** A plan with its defaults, without any setup. */
export function planWith(part: Partial<LaneRequest["plan"]> = {}): LaneRequest["plan"] {
  return { ...planSchema.parse({ steps: [{ id: "US-001", title: "One" }], setup: false }), ...part };
}

export async function openLane(repo: TestRepo): Promise<LaneRig> {
  const place = await repo.place();
  const notices: Notice[] = [];
  const port = createLanes(place, { run: "test", notice: (notice) => void notices.push(notice) });
  const dir = join(place.stateDir, "lane");
  const request = async (part: Partial<LaneRequest> = {}): Promise<LaneRequest> => {
    const plan = planWith();
    const base = await repo.git("rev-parse", "HEAD");
    return {
      base,
      carry: null,
      branch: "main",
      planText,
      progressText,
      plan,
      step: plan.steps[0]!,
      attempt: 1,
      ...part,
    };
  };
  return {
    place,
    port,
    notices,
    request,
    async prepare(part) {
      const prepared = await port.prepare(await request(part));
      if (!prepared.ok) throw new Error(JSON.stringify(prepared.halt));
      return prepared.lane;
    },
    write: (files) => writeFiles(dir, files),
    read: (path) => readFile(join(dir, path), "utf8"),
    has: (path) => lstat(join(dir, path)).then(() => true, () => false),
    git: (...args) => repo.gitIn(dir, ...args),
    async collect(lane, frozen) {
      const read = await port.collect(lane, { protects: [], manifests: [], emptied: () => null, ...frozen });
      if (!read.ok) throw new Error(JSON.stringify(read.halt));
      return read.work;
    },
  };
}
