import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { LockHolder } from "../model/halt.ts";

export type LockAttempt =
  /** `died`: whoever held it last did not release it, but was killed (or the machine was). */
  | { ok: true; died: boolean; release(): void }
  | { ok: false; reason: "held"; holder: LockHolder | null }
  /** The file can't be opened or created (no permission, disk full): nobody holds it. */
  | { ok: false; reason: "refused"; message: string };

/** A database without a strong reference is collected, and its lock silently ends with it. */
const held = new Set<DatabaseSync>();

/**
 * Takes the lock at `path` (a SQLite file, created with its folders when missing) without waiting.
 *
 * The kernel releases it when this process ends in whatever way, `kill -9` included: a stale lock can't exist.
 * `<path>.json` beside it says who holds it, for people; `holder` is `null` when that can't be read.
 */
export async function acquireLock(path: string): Promise<LockAttempt> {
  return await Promise.resolve().then(() => acquire(path)).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, reason: "refused", message: `${path}: ${message}` };
  });
}

function acquire(path: string): LockAttempt {
  mkdirSync(dirname(path), { recursive: true });
  const { DatabaseSync } = sqlite();
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    // The one thing that Node and Deno agree on: Deno sets no `errcode`.
    if (!(error instanceof Error) || !/database is locked/.test(error.message)) throw error;
    return { ok: false, reason: "held", holder: readHolder(path) };
  }
  held.add(database);
  const died = existsSync(`${path}.json`);
  const holder: LockHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  try {
    writeFileSync(`${path}.json`, `${JSON.stringify(holder)}\n`);
  } catch {
    // Only for people: the lock itself is held.
  }
  return {
    ok: true,
    died,
    release: () => {
      if (!held.delete(database)) return;
      try {
        rmSync(`${path}.json`, { force: true });
      } catch {
        // A disk that turned read-only: the next run takes this one for killed, and looks twice.
      }
      database.close();
    },
  };
}

function readHolder(path: string): LockHolder | null {
  try {
    const { pid, host, since } = JSON.parse(readFileSync(`${path}.json`, "utf8")) as Record<string, unknown>;
    if (typeof pid !== "number" || typeof host !== "string" || typeof since !== "string") return null;
    return { pid, host, since };
  } catch {
    return null;
  }
}

/** Loads `node:sqlite` when it is needed, without the notice that Node 24 prints about it to everybody's terminal. */
function sqlite(): typeof import("node:sqlite") {
  const emitWarning = process.emitWarning.bind(process);
  const saved = Object.getOwnPropertyDescriptor(process, "emitWarning");
  process.emitWarning = (warning: string | Error, ...rest: never[]) => {
    if (!String(warning).includes("SQLite is an experimental feature")) emitWarning(warning, ...rest);
  };
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    if (saved !== undefined) Object.defineProperty(process, "emitWarning", saved);
  }
}
