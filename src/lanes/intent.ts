import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "../model/zod.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import type { LedgerRecord } from "../model/ledger.ts";
import { writeFileAtomic } from "../system/atomic.ts";
import { readTextOrNull } from "../system/files.ts";
import { formatRecord } from "./record.ts";
import type { Follow, Repo } from "./repo.ts";

const intentSchema = z.object({
  branch: z.string(),
  old: z.string(),
  next: z.string(),
  /** Which checkout has to follow; `null` for none. */
  root: z.string().nullable(),
  at: z.number(),
  /** What the ledger has to hold once the branch holds `next`: git moves one ref after the other. */
  record: z.object({ plan: z.string(), message: z.string() }).optional(),
  /** The checkout goes from `old` to the branch at `next`; the branch stays. */
  switches: z.boolean().optional(),
});

/** A move of the branch that the ledger and the checkout have to follow, or a switch of the checkout to it. */
export type Intent = z.output<typeof intentSchema>;

/** The runner's own files in the git common dir: they outlive `.capstan/` and lanes, and no checkout shows them. */
export function ownFolder(repo: Repo): string {
  return join(repo.place.commonDir, "capstan");
}

function intentFile(repo: Repo): string {
  return join(ownFolder(repo), "landing.json");
}

/** Notes durably, before anything moves, what has to be finished should the runner die. */
export async function writeIntent(
  repo: Repo,
  { old, next }: Follow,
  more: { follows?: boolean; record?: LedgerRecord; switches?: boolean } = {},
): Promise<RepositoryProblem | null> {
  const { follows = true, record, switches } = more;
  const intent: Intent = {
    branch: repo.branch!,
    old,
    next,
    root: follows ? repo.place.root : null,
    at: repo.options.clock.now(),
    ...record !== undefined && { record: { plan: record.plan, message: formatRecord(record) } },
    ...switches !== undefined && { switches },
  };
  return await writeOwn(repo, intentFile(repo), intent);
}

/** Writes one of the runner's own files, durably unless a power cut takes what it tells about as well. */
export async function writeOwn(
  repo: Repo,
  file: string,
  content: unknown,
  options?: { durable: boolean },
): Promise<RepositoryProblem | null> {
  return await fileProblem(async () => {
    await mkdir(ownFolder(repo), { recursive: true });
    await writeFileAtomic(file, `${JSON.stringify(content)}\n`, options);
  });
}

/** What the operating system refused, as a value. */
export async function fileProblem(work: () => Promise<void>): Promise<RepositoryProblem | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return { kind: "disk", message: error instanceof Error ? error.message : String(error) };
  }
}

export async function clearIntent(repo: Repo): Promise<void> {
  await rm(intentFile(repo), { force: true });
}

/** What a runner that died had started, or `null`. */
export async function readIntent(repo: Repo): Promise<Intent | null> {
  const text = await readTextOrNull(intentFile(repo));
  if (text === null) return null;
  try {
    return intentSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
