import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomic } from "../system/atomic.ts";
import { readTextOrNull } from "../system/files.ts";

/**
 * Remembers what was green, and only that: a red verdict is always seen again.
 * Losing the file costs time, never correctness; reading and writing it never throws.
 */
export interface VerdictCache {
  has(key: string): Promise<boolean>;
  add(key: string): void;
  /** Writes what was added, when something was. */
  save(): Promise<void>;
}

/** The oldest are forgotten first. */
const mostKeys = 5000;

/** Opens the cache at `path`: a JSON list of keys, the newest last. */
export function openCache(path: string): VerdictCache {
  let loading: Promise<Set<string>> | null = null;
  let keys = new Set<string>();
  let changed = false;
  const load = (): Promise<Set<string>> => {
    loading ??= readKeys(path).then((stored) => keys = new Set([...stored, ...keys]));
    return loading;
  };
  return {
    has: async (key) => (await load()).has(key),
    add: (key) => {
      changed ||= !keys.has(key);
      // Moved to the end: it is the newest now.
      keys.delete(key);
      keys.add(key);
    },
    save: async () => {
      if (!changed) return;
      await load();
      const kept = [...keys].slice(-mostKeys);
      keys = new Set(kept);
      loading = Promise.resolve(keys);
      changed = false;
      await mkdir(dirname(path), { recursive: true })
        .then(() => writeFileAtomic(path, `${JSON.stringify(kept)}\n`, { durable: false }))
        .catch(() => {});
    },
  };
}

/** The key of a verdict: everything that it depends on, in one hash. */
export function cacheKey(parts: unknown): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);
}

async function readKeys(path: string): Promise<string[]> {
  try {
    const stored: unknown = JSON.parse(await readTextOrNull(path) ?? "[]");
    return Array.isArray(stored) ? stored.filter((key) => typeof key === "string") : [];
  } catch {
    return [];
  }
}
