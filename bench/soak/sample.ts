import { readdirSync, readFileSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestRepo } from "../../test/support/repo.ts";
import { processesOf } from "../chaos/kill.ts";

/** What one look at the runner and its folders found. */
export interface Sample {
  iteration: number;
  /** Milliseconds since the start. */
  atMs: number;
  /** Resident memory of the runner's process, in MB. */
  memoryMb: number;
  /** Its open files. */
  files: number;
  /** It and everything that it started. */
  processes: number;
  /** Lanes, homes and whatever else lies in its state folder. */
  lanes: number;
  /** Refs of kept attempts, and files in its folder of the git directory. */
  refs: number;
}

/** Looks at a runner from outside, by its id and its folders. `null` when it is gone. */
export function look(repo: TestRepo, pid: number, iteration: number, atMs: number): Sample | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
    if (resident === undefined) return null;
    const states = join(repo.env.XDG_STATE_HOME!, "capstan");
    const places = namesIn(states).map((name) => join(states, name));
    const lanes = places.flatMap((place) => [...namesIn(place), ...namesIn(join(place, "homes"))]);
    const git = join(repo.dir, ".git");
    const attempts = readdirSync(join(git, "refs"), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile() && entry.parentPath.includes("/capstan/attempts/")
    );
    return {
      iteration,
      atMs,
      memoryMb: Number(resident) / 1024,
      files: readdirSync(`/proc/${pid}/fd`).length,
      processes: processesOf(repo.base).length,
      lanes: lanes.length,
      refs: attempts.length + namesIn(join(git, "capstan")).length,
    };
  } catch {
    return null;
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** How many bytes the files of the journal have, and the largest of its event files. */
export async function journalOf(repo: TestRepo): Promise<{ bytes: number; eventBytes: number }> {
  const entries = await readdir(join(repo.dir, ".capstan"), { recursive: true, withFileTypes: true });
  let [bytes, eventBytes] = [0, 0];
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const { size } = statSync(join(entry.parentPath, entry.name));
    bytes += size;
    if (/^events(\.1)?\.jsonl$/.test(entry.name)) eventBytes = Math.max(eventBytes, size);
  }
  return { bytes, eventBytes };
}
