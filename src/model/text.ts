import { stripVTControlCharacters } from "node:util";

/**
 * Foreign text made safe to print: no escape sequences and no control characters except newline;
 * tabs become two spaces. What agents and validators print can then not move the cursor or rename the window.
 */
export function clean(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll("\r\n", "\n")
    .replaceAll("\t", "  ")
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
}

/** Foreign text on one line, safe to print. */
export function oneLine(text: string): string {
  return clean(text.replaceAll(/\s/g, " ")).replaceAll(/ +/g, " ").trim();
}

/** The same, of at most `max` characters; what is longer ends with `…`. */
export function shortLine(text: string, max: number): string {
  const line = oneLine(text);
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** A span of time for people: `0.4s`, `12s`, `3m 05s`, `2h 07m`, `3d 04h`. */
export function duration(ms: number): string {
  if (ms < 9950) return `${Math.max(0, ms / second).toFixed(1)}s`;
  const seconds = Math.round(ms / second);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.round(ms / minute);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(ms / hour);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

function two(number: number): string {
  return String(number).padStart(2, "0");
}

/** Money for people: `$12.30`, `$0.042`. */
export function dollars(usd: number): string {
  if (usd === 0 || usd >= 0.1) return `$${usd.toFixed(2)}`;
  return usd < 0.001 ? "under $0.001" : `$${usd.toFixed(3)}`;
}

/** `950`, `12.3k`, `1.2M`. */
export function quantity(number: number): string {
  if (number < 1000) return String(number);
  if (number < 999_950) return `${trim((number / 1000).toFixed(1))}k`;
  return `${trim((number / 1_000_000).toFixed(1))}M`;
}

function trim(fixed: string): string {
  return fixed.replace(/\.0$/, "");
}
