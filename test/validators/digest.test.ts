import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDigest, digestBytes, fingerprint } from "../../src/validators/digest.ts";

function digestOf(lines: readonly string[]): string {
  const digest = createDigest();
  for (const line of lines) digest.line(line);
  return digest.text();
}

const noise = (count: number, name = "step") => Array.from({ length: count }, (_, at) => `✓ ${name} ${at} works fine`);

describe("createDigest", () => {
  it("gives short output whole, without colors and overwritten progress", () => {
    expect(digestOf(["\u001B[31mred\u001B[39m", "10%\r50%\rdone", "", "last", ""])).toBe("red\ndone\n\nlast");
  });

  it("keeps a failure in the middle of a flood, with what follows it, and the end", () => {
    const text = digestOf([
      ...noise(5000),
      "FAIL src/sum.test.ts > adds",
      "  expected 4, got 5",
      "    at src/sum.ts:3",
      ...noise(5000),
      "Tests: 1 failed, 9999 passed",
    ]);
    expect(text).toContain("FAIL src/sum.test.ts > adds\n  expected 4, got 5\n    at src/sum.ts:3");
    expect(text).toContain("Tests: 1 failed, 9999 passed");
    expect(text).toContain("✓ step 4999 works fine");
    expect(text).not.toContain("✓ step 42 works fine");
    expect(text).toMatch(/^\[\d+ of 10004 lines: /);
  });

  it("shows a failure that repeats itself once", () => {
    const text = digestOf(Array.from({ length: 3000 }, (_, at) => `error: cannot reach host, try ${at}, 0.${at} s`));
    expect(text.match(/cannot reach host, try \d\b/g)).toEqual(["cannot reach host, try 0"]);
  });

  it.each([
    "AssertionError [ERR_ASSERTION]: 1 !== 2",
    "not ok 3 - adds",
    "src/a.ts(3,4): error TS2322: Type",
    "./main.go:12:3: undefined: x",
    "thread 'main' panicked at src/main.rs:2",
    "Traceback (most recent call last):",
    "E       assert 1 == 2",
    "--- FAIL: TestSum (0.00s)",
    "Segmentation fault (core dumped)",
    " ✖ 3 problems",
  ])("finds %s", (line) => {
    expect(digestOf([...noise(3000, "a"), line, ...noise(3000, "b")])).toContain(line);
  });

  it.each(["0 errors, 0 warnings", "ok 4 - reports errors", "✓ fails on bad input", "no problems found", "Errors: 0"])(
    "does not take %s for a failure",
    (line) => expect(digestOf([...noise(3000, "a"), line, ...noise(3000, "b")])).not.toContain(line),
  );

  it("never exceeds its limit, whatever the output", () => {
    const line = fc.oneof(fc.string({ maxLength: 1000 }), fc.constantFrom("error 1", "fail", "€".repeat(900), "ok"));
    fc.assert(fc.property(fc.array(line, { maxLength: 400 }), (lines) => {
      expect(Buffer.byteLength(digestOf(lines))).toBeLessThanOrEqual(digestBytes);
    }));
  });

  it("takes a flood of a million lines without holding them", () => {
    const digest = createDigest();
    const started = performance.now();
    for (let at = 0; at < 1_000_000; at++) digest.line(at % 2 === 0 ? "y" : "error: no");
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(Buffer.byteLength(digest.text())).toBeLessThanOrEqual(digestBytes);
  });
});

describe("fingerprint", () => {
  const of = (digest: string, id = "test") => fingerprint([{ id, digest }]);

  it.each([
    ["times", "FAIL adds (12 ms)", "FAIL adds (1.3 s)"],
    ["dates", "error at 2026-11-20T17:00:01.123Z", "error at 2027-01-02T03:04:05.678Z"],
    ["temporary folders", "ENOENT /tmp/capstan-abc/x/sum.ts", "ENOENT /tmp/capstan-zzz/y/sum.ts"],
    ["hashes", "commit 1a2b3c4d5e failed", "commit ffee001122 failed"],
    ["addresses", "panic at 0x7ffe12345678", "panic at 0x7ffeabcdef01"],
    ["line numbers", "src/a.ts:12:3 fails", "src/a.ts:14:3 fails"],
    ["the order of lines", "a fails\nb fails", "b fails\na fails"],
  ])("does not see %s", (_, a, b) => expect(of(a)).toBe(of(b)));

  it("tells apart other failures and other validators", () => {
    expect(of("FAIL adds")).not.toBe(of("FAIL subtracts"));
    expect(of("FAIL /tmp/a/sum.ts")).not.toBe(of("FAIL /tmp/a/product.ts"));
    expect(of("FAIL adds", "test")).not.toBe(of("FAIL adds", "lint"));
  });

  it("is empty when nothing failed", () => expect(fingerprint([])).toBe(""));
});
