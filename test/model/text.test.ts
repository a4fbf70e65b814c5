import fc from "fast-check";
import { expect, test } from "vitest";
import { clean, duration, oneLine, shortLine } from "../../src/model/text.ts";

const durations: [number, string][] = [
  [0, "0.0s"],
  [400, "0.4s"],
  [9949, "9.9s"],
  [12_400, "12s"],
  [59_600, "1m 00s"],
  [185_000, "3m 05s"],
  [3_600_000, "1h 00m"],
  [7_620_000, "2h 07m"],
  [86_400_000 * 3 + 4 * 3_600_000, "3d 04h"],
];
test.each(durations)("%i ms is %s", (ms, text) => expect(duration(ms)).toBe(text));

test("cleaned text has no control characters but newlines", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    // oxlint-disable-next-line no-control-regex
    expect(clean(text)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  }));
});

test("one line holds no newline, no escape sequence and no run of spaces, whatever came", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 40 }), (text, max) => {
    const line = shortLine(text, max);
    expect(line).not.toMatch(/[\n\r\t]|^ | $|  /);
    expect(line.length).toBeLessThanOrEqual(max);
  }));
  expect(oneLine("  a\u001b[31mred\u001b[0m\r\n\tb  ")).toBe("ared b");
});

test("what is cut from a line is shown", () => {
  expect(shortLine("12345", 5)).toBe("12345");
  expect(shortLine("123456", 5)).toBe("1234…");
});
