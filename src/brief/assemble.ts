import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BriefPort, BriefRequest } from "../loop/ports.ts";
import { rejectionsOf } from "../model/gate.ts";
import type { Step } from "../model/plan.ts";
import { progressForBrief } from "../plan/progress-brief.ts";
import { pathExists, readTextOrNull } from "../system/files.ts";
import { secrets } from "../system/redact.ts";
import { composeBrief, defaultMaxBytes } from "./compose.ts";

export interface BriefDeps {
  /** Relative to the repository's root. */
  planPath: string;
  progressPath: string;
  /** The most that a brief may take, in bytes. @default 48 KiB */
  maxBytes?: number;
}

/** However often it is halved: the rules and the step itself need this much. */
const leastBytes = 12 * 1024;

/** The port that assembles briefs from the observation and from files of the lane. It writes nothing. */
export function createBriefs(deps: BriefDeps): BriefPort {
  return {
    assemble: async (request) => {
      const { observation, step, attempt, maxAttempts, lane } = request;
      const [ownPrompt, guides] = await Promise.all([findOwnPrompt(deps, request), findGuides(lane.dir, step)]);
      const state = observation.ledger.steps[step.id] ?? null;
      const progress = progressForBrief(observation.progressText, {
        step: step.id,
        needs: step.needs,
        pending: observation.ledger.pendingProgress,
      });
      return composeBrief({
        ...deps,
        ...progress,
        maxBytes: Math.max(leastBytes, (deps.maxBytes ?? defaultMaxBytes) >> (request.shrink ?? 0)),
        plan: observation.plan,
        branch: observation.branch,
        validators: observation.validators.filter(({ paths }) => paths?.length !== 0),
        step,
        attempt,
        maxAttempts,
        carry: request.carry ?? null,
        redFirst: request.redFirst ?? null,
        state,
        rejections: rejectionsOf(observation.plan, observation.ledger, step.id),
        ownPrompt,
        guides: guides.filter((path) => path !== ownPrompt?.path),
        hide: secrets.text,
      });
    },
  };
}

/**
 * A prompt that was written for snarktank's loop and lies beside the plan. An ordinary CLAUDE.md is none: agents read
 * that by themselves.
 */
async function findOwnPrompt(
  { planPath }: BriefDeps,
  { lane }: BriefRequest,
): Promise<{ path: string; text: string } | null> {
  for (const name of ["CLAUDE.md", "prompt.md"]) {
    const path = join(dirname(planPath), name);
    const text = await readTextOrNull(join(lane.dir, path)).catch(() => null);
    if (text !== null && /prd\.json/.test(text) && /progress\.txt|<promise>/.test(text)) return { path, text };
  }
  return null;
}

/** The guides at the root and in the folders that the step names, from the root down. Pointed to, never pasted. */
async function findGuides(dir: string, step: Step): Promise<string[]> {
  const folders = new Set(["."]);
  for (const glob of [...step.paths ?? [], ...step.produces ?? []].slice(0, 50)) {
    const fixed = glob.split("/").slice(0, -1);
    const wild = fixed.findIndex((segment) => /[*?[{!]/.test(segment));
    const segments = wild === -1 ? fixed : fixed.slice(0, wild);
    segments.forEach((_, index) => folders.add(segments.slice(0, index + 1).join("/")));
  }
  const found: string[] = [];
  for (const folder of folders) {
    if (!await pathExists(join(dir, folder))) continue;
    const names = await readdir(join(dir, folder)).catch((): string[] => []);
    for (const name of ["AGENTS.md", "CLAUDE.md"]) if (names.includes(name)) found.push(join(folder, name));
  }
  return found;
}
