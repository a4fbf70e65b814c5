import { secretHint, secretName, secretPatterns } from "../model/secret-patterns.ts";

/** What stands where a secret stood. */
export const hidden = "[redacted]";

/** Shorter values are no secrets, and hiding them would hide half of every text. */
const shortest = 8;
/** A stream is cut where a secret can't be: at a blank or a quote, but never waits for one longer than this. */
const longestWait = 8 * 1024;
/** A private key spans lines: its end is waited for so long. */
const longestKey = 16 * 1024;

/** A key that has begun and not ended: whatever a key can't hold, such as the quote after it in JSON, ends the wait. */
const openKey =
  /^-----BEGIN [A-Z\d ]*(?:-{1,5}|-----(?:(?!-----)[\w\s+/=\\:,.-])*-{0,5}(?:E|EN|END[A-Z\d ]*-{0,4})?)?$/;

/** Hides known values and what looks like a secret. The one place that does. */
export interface Redactor {
  text: (text: string) => string;
  /** The same for every string in plain data, but for names, ids and times: they hold the data together. */
  value: <T>(value: T) => T;
  /** For bytes as they come. A secret that was cut into chunks is still found. */
  stream: () => RedactedStream;
  /** Takes the values of secret variables of an environment as secrets from now on. */
  learn: (env: Readonly<Record<string, string | undefined>>) => void;
  /** Whether a known value stands in a text. */
  knows: (text: string) => boolean;
}

export interface RedactedStream {
  /** What may be passed on now. The same buffer when there is nothing to hide. */
  write(chunk: Buffer): Buffer;
  /** What was held back. */
  end(): Buffer;
}

/** Strings under these keys are made by the runner, or name what other data is found by. */
const structure = new Set(
  "kind v plan planId run at step id stepHash outcome evidence commit base work status attribution validator reason class policy type state decision level on"
    .split(" "),
);

/** Starts with the values of secret variables in `env`. */
export function createRedactor(env: Readonly<Record<string, string | undefined>>): Redactor {
  /** Longest first: one may be the beginning of another. */
  let values: string[] = [];
  /** The same as bytes of a stream: latin1 text that stands for UTF-8. */
  let bytes: string[] = [];

  const redactor: Redactor = {
    text: (text) => hide(text, values),
    value: (value) => deep(value, redactor.text),
    stream: () => createStream((text) => hide(text, bytes), () => bytes),
    learn: (more) => {
      const found = Object.entries(more).flatMap(([name, value = ""]) => isSecret(name, value) ? spellings(value) : []);
      values = [...new Set([...values, ...found])].toSorted((a, b) => b.length - a.length);
      bytes = values.map((value) => Buffer.from(value, "utf8").toString("latin1"));
    },
    knows: (text) => values.some((value) => text.includes(value)),
  };
  redactor.learn(env);
  return redactor;
}

/** For everything that this process stores or prints. */
export const secrets: Redactor = createRedactor(process.env);

function isSecret(name: string, value: string): boolean {
  // A path or an address is where a secret lies, not the secret.
  const isPlace = /^~?(?:\/[\w.@ -]+){2,}\/?$/.test(value) || /^[a-z]+:\/\/[^@\s]*$/i.test(value);
  return secretName.test(name) && value.trim().length >= shortest && !isPlace;
}

/** As it is, and as it stands in JSON, in a URL and in base64; a value of several lines also line by line. */
function spellings(value: string): string[] {
  const lines = value.includes("\n") ? value.split(/\r?\n/).filter((line) => line.trim().length >= 2 * shortest) : [];
  const whole = [value, value.trim()].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text.toWellFormed()),
    Buffer.from(text).toString("base64").replace(/=+$/, ""),
  ]);
  return [...whole, ...lines];
}

function hide(text: string, values: readonly string[]): string {
  let shown = text;
  for (const value of values) if (shown.includes(value)) shown = shown.replaceAll(value, hidden);
  if (!secretHint.test(shown)) return shown;
  for (const { pattern } of secretPatterns) {
    shown = shown.replace(pattern, (...[, kept]) => typeof kept === "string" ? `${kept}${hidden}@` : hidden);
  }
  return shown;
}

function deep<T>(value: T, text: (text: string) => string): T {
  if (typeof value === "string") return text(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => deep(item, text)) as T;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) =>
    [key, typeof item === "string" && structure.has(key) ? item : deep(item, text)] as const
  );
  return Object.fromEntries(entries) as T;
}

function createStream(hideText: (text: string) => string, known: () => readonly string[]): RedactedStream {
  let held = "";
  return {
    write: (chunk) => {
      const text = held + chunk.toString("latin1");
      const cut = safeEnd(text, known());
      const shown = hideText(text.slice(0, cut));
      const isWhole = held === "" && cut === text.length && shown.length === text.length;
      held = text.slice(cut);
      return isWhole && shown === text ? chunk : Buffer.from(shown, "latin1");
    },
    end: () => {
      const rest = Buffer.from(hideText(held), "latin1");
      held = "";
      return rest;
    },
  };
}

/** How much of a text can't be the beginning of a secret that goes on in the next chunk. */
function safeEnd(text: string, values: readonly string[]): number {
  const from = Math.max(0, text.length - longestWait);
  let end = text.length;
  while (end > from && !isBreak(text.charCodeAt(end - 1))) end -= 1;
  // Nothing with a break in sight is a token: what is longer than any token may go on.
  if (end === from && from > 0) end = text.length - 1024;
  const dashes = /-{1,5}(?:[A-Z][A-Z ]{0,40}-{0,5})?[A-Z ]{0,40}$/.exec(text.slice(-80));
  if (dashes !== null) end = Math.min(end, text.length - Math.min(80, text.length) + dashes.index);
  for (const value of values) if (/[\s"'`]/.test(value)) end = Math.min(end, startAcross(text, value, end));
  const key = text.lastIndexOf("-----BEGIN");
  if (key === -1 || key >= end || text.length - key >= longestKey) return end;
  if (openKey.test(text.slice(key))) return key;
  const last = /-----END [A-Z\d ]*-----/.exec(text.slice(key));
  return last === null ? end : Math.max(end, key + last.index + last[0].length);
}

/** Where a value with blanks in it begins that `end` would cut, whole or as far as it has come; else `end`. */
function startAcross(text: string, value: string, end: number): number {
  const whole = text.indexOf(value, Math.max(0, end - value.length + 1));
  if (whole !== -1 && whole < end) return whole;
  for (let length = Math.min(value.length - 1, text.length); length > 0; length -= 1) {
    if (text.endsWith(value.slice(0, length))) return Math.min(end, text.length - length);
  }
  return end;
}

/** Blanks, control characters, quotes. */
function isBreak(code: number): boolean {
  return code <= 0x20 || code === 0x22 || code === 0x27 || code === 0x60;
}
