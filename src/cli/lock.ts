import { join } from "node:path";
import type { Place } from "../lanes/locate.ts";
import type { Halt } from "../model/halt.ts";
import { acquireLock, type LockAttempt } from "../system/lock.ts";

export type LockTaken = Extract<LockAttempt, { ok: true }> | { ok: false; halt: Halt };

/** Takes the repository's process lock: whoever has it is the only runner here. */
export async function takeLock({ commonDir }: Pick<Place, "commonDir">): Promise<LockTaken> {
  const lock = await acquireLock(join(commonDir, "capstan", "lock"));
  if (lock.ok) return lock;
  if (lock.reason === "held") return { ok: false, halt: { reason: "locked", holder: lock.holder } };
  return { ok: false, halt: { reason: "repository", problem: { kind: "disk", message: lock.message } } };
}
