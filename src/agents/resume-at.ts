const unitMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const duration = String
  .raw`(?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?|d|days?)?\b[\s,]*(?:and\s+)?)+`;
/** A time of day that passed so lately is the one that was meant. */
const momentMs = 15 * 60_000;
const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/**
 * When a limit ends, in epoch milliseconds, from the words in which agents and providers say it; `undefined` when they don't.
 *
 * Understood: `retry after 30`, `retry-after: <HTTP date>`, `try again in 3h 20m`, `resets in 2 hours`, `resets_in_seconds: 60`,
 * `resets 7pm (Europe/Paris)`, `resets Nov 25, 5:30pm UTC`, `reset at 19:00`, ISO times, `resetsAt: <epoch, seconds or ms>`, and
 * `limit reached|<epoch seconds>`. A time without a zone is in `zone`; one without a date is the next such time after `now`, or
 * the last one when that was a moment ago: who said it took time to say it.
 */
export function resumeAt(message: string, now: number, zone = localZone()): number | undefined {
  return afterDuration(message, now) ?? atInstant(message) ?? atWallTime(message, now, zone);
}

function afterDuration(message: string, now: number): number | undefined {
  const phrase = new RegExp(
    String.raw`(?:retry[-_ ]after|retry in|try again in|resets?[-_ ]in(?:[-_ ]seconds)?|wait)["']?[\s:=]+(${duration})`,
    "i",
  ).exec(message);
  if (phrase === null) return undefined;
  let total = 0;
  for (const [, amount, unit = "s"] of phrase[1]!.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)?/gi)) {
    const key = unit.toLowerCase().startsWith("ms") || unit.toLowerCase().startsWith("milli")
      ? "ms"
      : unit[0]!.toLowerCase();
    total += Number(amount) * (unitMs[key] ?? 1_000);
  }
  return now + total;
}

function atInstant(message: string): number | undefined {
  const epoch = /(?:resets?(?:[-_ ]?at)?|limit reached)["']?[\s:=|]+(\d{13}|\d{10})\b/i.exec(message)?.[1];
  if (epoch !== undefined) return Number(epoch) * (epoch.length === 10 ? 1000 : 1);
  const date = /retry[-_ ]after["']?[\s:=]+["']?([a-z]{3}, \d\d [a-z]{3} \d{4} \d\d:\d\d:\d\d GMT)/i.exec(message)?.[1];
  if (date !== undefined) return Date.parse(date);
  const iso = /(?:resets?|again|until)[^\d]{0,12}(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d))/i
    .exec(message)?.[1];
  const at = iso === undefined ? Number.NaN : Date.parse(iso);
  return Number.isNaN(at) ? undefined : at;
}

function atWallTime(message: string, now: number, zone: string): number | undefined {
  const match =
    /(?:resets?|try again)(?: at| on)?\s+(?:([A-Z][a-z]{2})[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?(?:,? (\d{4}))?,?(?: at)?\s+)?(\d{1,2})(?::(\d\d))?\s*([ap])?\.?m?\.?(?:\s*\(([a-z_]+(?:\/[\w+-]+)*)\)|\s+(UTC|GMT|[a-z]+(?:\/[\w+-]+)+))?/i
      .exec(message);
  if (match === null) return undefined;
  const [, month, day, year, hourText, minuteText, half, quoted, bare] = match;
  const named = quoted ?? bare;
  // A bare number is a count, not a time of day.
  if (half === undefined && minuteText === undefined) return undefined;
  const hour = Number(hourText) % (half === undefined ? 24 : 12) + (half?.toLowerCase() === "p" ? 12 : 0);
  const minute = Number(minuteText ?? 0);
  const where = named !== undefined && isZone(named) ? named : zone;
  const today = wallClock(now, where);
  if (month !== undefined && day !== undefined) {
    const index = months.indexOf(month.toLowerCase());
    if (index < 0) return undefined;
    const at = instant({ year: Number(year ?? today.year), month: index, day: Number(day), hour, minute }, where);
    if (year !== undefined) return at;
    // "Jan 2" said in December is in the next year.
    return at >= now - 86_400_000
      ? at
      : instant({ year: today.year + 1, month: index, day: Number(day), hour, minute }, where);
  }
  const at = instant({ ...today, hour, minute }, where);
  return at > now - momentMs ? at : instant({ ...today, day: today.day + 1, hour, minute }, where);
}

interface WallTime {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
}

/** The instant of a wall time in a zone. A time that the clocks skip is moved forward by the gap, a repeated one is the later. */
function instant(wall: WallTime, zone: string): number {
  const asUtc = Date.UTC(wall.year, wall.month, wall.day, wall.hour, wall.minute);
  const candidates = [-24, 24].map((hours) => asUtc - offsetAt(asUtc + hours * 3_600_000, zone));
  const fitting = candidates.filter((at) => at + offsetAt(at, zone) === asUtc);
  return Math.max(...(fitting.length > 0 ? fitting : candidates));
}

/** How far the zone's clocks are ahead of UTC at an instant, in milliseconds. */
function offsetAt(at: number, zone: string): number {
  const wall = wallClock(at, zone);
  return Date.UTC(wall.year, wall.month, wall.day, wall.hour, wall.minute) - Math.floor(at / 60_000) * 60_000;
}

function wallClock(at: number, zone: string): WallTime {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return { year: parts.year!, month: parts.month! - 1, day: parts.day!, hour: parts.hour!, minute: parts.minute! };
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name }).format(0);
    return true;
  } catch {
    return false;
  }
}

function localZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
