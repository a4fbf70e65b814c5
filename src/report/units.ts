import { dollars } from "../model/text.ts";

/** The cost of one attempt; `null` is unknown, which is not zero. `about`: worked out from tokens and list prices. */
export function cost(usd: number | null, about?: boolean): string {
  return usd === null ? "cost unknown" : `${about === true ? "about " : ""}${dollars(usd)}`;
}

/** A sum of costs of which `unknown` parts were never reported, and `about` is an estimate: never shown as more than that. */
export function totalCost(usd: number, unknown: number, about: number): string {
  const sum = cost(usd, about > 0);
  if (unknown === 0) return sum;
  const attempts = count(unknown, "attempt");
  return usd === 0 ? `cost of ${attempts} unknown` : `${sum} + ${attempts} of unknown cost`;
}

/** The same for a narrow table cell. */
export function shortCost(usd: number, unknown: number, about: number): string {
  const sum = `${about > 0 ? "~" : ""}${dollars(usd)}`;
  if (unknown === 0) return sum;
  return usd === 0 ? "unknown" : `${sum} + ?`;
}

/** `512 B`, `6.1 KB`, `2 MB`, `1.5 GB`. */
export function bytes(number: number): string {
  if (number < 1024) return `${number} B`;
  if (number < 1024 * 1024) return `${trim((number / 1024).toFixed(1))} KB`;
  if (number < 1024 ** 3) return `${trim((number / 1024 / 1024).toFixed(1))} MB`;
  return `${trim((number / 1024 ** 3).toFixed(1))} GB`;
}

/** `1 step`, `2 steps`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** A point in time in the reader's time zone: `14:05`, or with the date when it is another day than `now`. */
export function pointInTime(at: number, now: number): string {
  const date = new Date(at);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return date.toDateString() === new Date(now).toDateString() ? time : `${day(date)} ${time}`;
}

/** A git object id as people read it. */
export function shortId(oid: string): string {
  return oid.slice(0, 9);
}

function day(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

function trim(fixed: string): string {
  return fixed.replace(/\.0$/, "");
}
