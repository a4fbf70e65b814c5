import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createRedactor, hidden } from "../../src/system/redact.ts";
import { supervise } from "../../src/system/supervise.ts";
import { fakeSecrets } from "../support/fake-secrets.ts";

const token = 'p4ss "word"/with+all=';
const known = createRedactor({
  MY_API_KEY: "correct-horse",
  DB_PASSWORD: token,
  PEM_SECRET: "first line of it\nsecond line of it",
  SHORT_TOKEN: "1234567",
  HOME: "/home/ann-with-a-long-name",
  GOOGLE_APPLICATION_CREDENTIALS: "/home/ann/key.json",
  TOKEN_URL: "https://login.example.com/token",
});

/** What comes out of a stream that gets the text in chunks of this size. */
function streamed(redactor: ReturnType<typeof createRedactor>, text: string, size: number): string {
  const bytes = Buffer.from(text);
  const stream = redactor.stream();
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(stream.write(bytes.subarray(at, at + size)));
  return Buffer.concat([...parts, stream.end()]).toString();
}

describe("a known value is hidden", () => {
  it.each([
    ["as it is", "it is correct-horse, yes", `it is ${hidden}, yes`],
    ["in JSON", JSON.stringify({ a: token }), `{"a":"${hidden}"}`],
    ["in a URL", `https://x.test/?t=${encodeURIComponent(token)}&b`, `https://x.test/?t=${hidden}&b`],
    ["in base64", `Basic ${Buffer.from(token).toString("base64")}`, `Basic ${hidden}`],
    ["line by line", "> second line of it", `> ${hidden}`],
  ])("%s", (_, text, expected) => {
    expect(known.text(text)).toBe(expected);
    expect(known.knows(text)).toBe(true);
  });

  it.each([
    ["a short one", "1234567"],
    ["one of a variable that holds no secret", "/home/ann-with-a-long-name"],
    ["the place of one", "/home/ann/key.json https://login.example.com/token"],
  ])("but not %s", (_, text) => expect(known.text(text)).toBe(text));

  it("once it is learned", () => {
    const redactor = createRedactor({});
    expect(redactor.text("learned later")).toBe("learned later");
    redactor.learn({ A_TOKEN: "learned later" });
    expect(redactor.text("learned later")).toBe(hidden);
  });
});

describe("what looks like a secret is hidden", () => {
  it.each(Object.entries(fakeSecrets))("%s, in a text, in JSON, and in chunks of any size", (_, secret) => {
    const redactor = createRedactor({});
    expect(redactor.text(`before ${secret} after`)).toBe(`before ${hidden} after`);
    expect(redactor.text(JSON.stringify({ text: `x: ${secret}` }))).toBe(JSON.stringify({ text: `x: ${hidden}` }));
    const text = `one line\nbefore ${secret}\nafter\n`;
    for (const size of [1, 2, 3, 7, 16, 61, 1000]) {
      expect(streamed(redactor, text, size)).toBe(`one line\nbefore ${hidden}\nafter\n`);
    }
  });

  it.each(Object.entries(fakeSecrets))("%s, after an escaped line break in raw JSON", (_, secret) => {
    const raw = JSON.stringify({ text: `line\n${secret}\n` });
    expect(createRedactor({}).text(raw)).toBe(JSON.stringify({ text: `line\n${hidden}\n` }));
  });

  it.each(["sk-", "sk-a1", "eyJ-", "eyJaaaaaaaaaaa.", "://", "http://a:", "AKIA", "-----BEGIN ", "glpat-", "xoxb-"])(
    "at once in a long text of nothing but %j",
    (part) => {
      const text = part.repeat(300_000 / part.length);
      const started = performance.now();
      createRedactor({}).text(text);
      streamed(createRedactor({}), text, 65_536);
      expect(performance.now() - started).toBeLessThan(2000);
    },
  );

  it.each([
    ["https://ann:pw@git.test/a.git", `https://${hidden}@git.test/a.git`],
    ["https://pat-without-name@git.test/a.git", `https://${hidden}@git.test/a.git`],
    ["postgres://ann:pw@localhost:5432/db", `postgres://${hidden}@localhost:5432/db`],
    ["ssh://git@git.test/a.git", "ssh://git@git.test/a.git"],
    ["git@git.test:a.git", "git@git.test:a.git"],
    ["see https://medium.test/@ann", "see https://medium.test/@ann"],
  ])("credentials in a URL: %s", (text, expected) => expect(createRedactor({}).text(text)).toBe(expected));

  it.each([
    "a class sk-loading-spinner-with-a-long-name",
    "sha512-ABCdef0123456789ABCdef0123456789ABCdef0123456789==",
    "commit 0123456789abcdef0123456789abcdef01234567",
    "-----BEGIN CERTIFICATE-----",
    "npm_config_user_agent, hf_transfer, xoxo-hugs",
  ])("and nothing else: %s", (text) => {
    expect(createRedactor({}).text(text)).toBe(text);
    expect(streamed(createRedactor({}), `${text}\n`, 5)).toBe(`${text}\n`);
  });
});

describe("a stream", () => {
  it("hides known values cut anywhere, also those with blanks, and passes every other byte on", () => {
    const text =
      `a correct-horse b ${token} c "correct-horse"\nfirst line of it\nsecond line of it\nend without newline`;
    for (let size = 1; size < 40; size += 1) expect(streamed(known, text, size)).toBe(known.text(text));
    const invalid = Buffer.from([0xff, 0xfe, 0x0a, 0x80, 0x20, 0xc3]);
    const stream = known.stream();
    expect(Buffer.concat([stream.write(invalid.subarray(0, 4)), stream.write(invalid.subarray(4)), stream.end()]))
      .toEqual(invalid);
  });

  it("holds back no whole line, and little of a half one", () => {
    const stream = known.stream();
    expect(stream.write(Buffer.from("whole line\nhalf ")).toString()).toBe("whole line\nhalf ");
    const endless = Buffer.alloc(100_000, "x");
    expect(stream.write(endless).length).toBeGreaterThan(90_000);
    expect(stream.write(Buffer.from("\n-----BEGIN RSA PRIV")).toString()).toMatch(/^x*\n$/);
    // A quote: it is no key, and what came after it must not wait.
    expect(stream.write(Buffer.from('ATE KEY-----"}\n{"next": 1}\n')).toString()).toContain('{"next": 1}\n');
  });

  it("copies nothing when there is nothing to hide", () => {
    const chunk = Buffer.from("nothing to see\n");
    expect(known.stream().write(chunk)).toBe(chunk);
  });
});

it("data keeps its shape, and the names that hold it together", () => {
  const redactor = createRedactor({ A_PASSWORD: "US-00001" });
  const event = { kind: "US-00001", step: "US-00001", list: [{ text: "is US-00001", n: 1, none: null }] };
  expect(redactor.value(event)).toEqual({
    kind: "US-00001",
    step: "US-00001",
    list: [{ text: `is ${hidden}`, n: 1, none: null }],
  });
});

it("what a process prints reaches neither its lines, nor its log, nor its tail", async () => {
  const dir = await mkdtemp(join(tmpdir(), "capstan-redact-"));
  try {
    const { github, "private key": key } = fakeSecrets;
    const lines: string[] = [];
    const { stdoutTail } = await supervise({
      argv: [
        "sh",
        "-c",
        'printf "%s" "${S%????????????????????}"; sleep 0.1; printf "%s\\n" "${S#????????????????????}"; printf "%s\\n" "$K"',
      ],
      cwd: dir,
      // Cut in two halves: `ghp_` and 16 characters, 20 characters.
      env: { PATH: process.env.PATH ?? "", S: github!, K: key! },
      mark: `test-redact-${process.pid}`,
      stop: { signal: "SIGTERM", graceMs: 1000 },
      onStdoutLine: (line) => lines.push(line),
      rawLog: { path: join(dir, "log"), maxBytes: 1000 },
    }).done;
    expect(lines).toEqual([hidden, hidden]);
    expect(stdoutTail).toBe(`${hidden}\n${hidden}\n`);
    expect(await readFile(join(dir, "log"), "utf8")).toBe(stdoutTail);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
