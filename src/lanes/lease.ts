import { z } from "zod";
import type { LeaseHolder } from "../model/lease.ts";

/** How a run holds its lease. */
export interface LeaseTerms {
  /** Milliseconds without a sign of life after which others may take it over. */
  staleMs: number;
  /** Without a lease nothing is started. */
  required: boolean;
}

/** Signs of life within the time after which a lease counts as abandoned. */
const beatsUntilStale = 5;
/** A holder that lives gives two signs of life while somebody watches. */
const beatsWatched = 2;
/** Clocks of two machines may differ by this much before the time that a lease states means nothing. */
const clockSlackMs = 60_000;

/** Milliseconds between two signs of life. */
export function beatMs({ staleMs }: Pick<LeaseHolder, "staleMs">): number {
  return staleMs / beatsUntilStale;
}

const holderSchema = z.object({
  run: z.string(),
  by: z.string(),
  host: z.string(),
  pid: z.int(),
  since: z.iso.datetime(),
  seen: z.iso.datetime(),
  staleMs: z.number().positive(),
});

const subject = "lease";

/** The message of the commit that is a lease's value. `beat` counts its values, so that no two are the same. */
export function formatLease(holder: LeaseHolder, beat: number): string {
  return `${subject}: ${holder.host}, process ${holder.pid}\n\n${JSON.stringify({ ...holder, beat })}\n`;
}

/** Who holds it; `null` when this version can't tell. */
export function parseLease(message: string): LeaseHolder | null {
  try {
    const read = holderSchema.safeParse(JSON.parse(message.slice(message.indexOf("\n\n"))));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}

export type LeaseJudged =
  /** Somebody is at work, as far as the clocks tell. */
  | { kind: "fresh"; staleAt: number }
  /** It has to be watched this long, by our own time: whoever holds it and lives, moves it meanwhile. */
  | { kind: "watch"; ms: number };

/**
 * What another run's lease means at `now` (epoch milliseconds of this machine). Pure. The times that it states come from
 * another clock: they may make a run wait, but only a value that stands still before our eyes is abandoned.
 */
export function judgeLease(holder: LeaseHolder | null, now: number, fallbackMs: number): LeaseJudged {
  if (holder === null) return { kind: "watch", ms: fallbackMs };
  const age = now - Date.parse(holder.seen);
  const { staleMs } = holder;
  if (age >= -clockSlackMs && age < staleMs) return { kind: "fresh", staleAt: now - age + staleMs };
  return { kind: "watch", ms: beatsWatched * beatMs(holder) };
}
