import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { splitLines } from "../../src/system/lines.ts";

function linesOf(chunks: Buffer[], maxLineBytes = 1024): string[] {
  const lines: string[] = [];
  const splitter = splitLines((line) => lines.push(line), maxLineBytes);
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

/** Cuts `bytes` at arbitrary places. */
function cutAt(bytes: Buffer, places: number[]): Buffer[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

describe("splitLines", () => {
  it("delivers the same lines however the bytes arrive", () => {
    const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n]/g, ""));
    fc.assert(fc.property(fc.array(line), fc.array(fc.nat()), (lines, places) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
      expect(linesOf(cutAt(bytes, places), 1 << 20)).toEqual(lines.map((text) => Buffer.from(text).toString()));
    }));
  });

  it("never delivers more of any line than its limit, however the bytes arrive", () => {
    const input = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat()), fc.integer({ min: 1, max: 20 }));
    fc.assert(fc.property(input, ([data, places, limit]) => {
      const bytes = Buffer.from(data);
      for (const line of linesOf(cutAt(bytes, places), limit)) {
        expect(line.replace(/ \[\d+ more bytes left out\]$/, "").length).toBeLessThanOrEqual(limit);
      }
      expect(linesOf(cutAt(bytes, places), limit)).toEqual(linesOf([bytes], limit));
    }));
  });

  it("delivers a last line without a line break, and nothing for an empty end", () => {
    expect(linesOf([Buffer.from("a\nhalf")])).toEqual(["a", "half"]);
    expect(linesOf([Buffer.from("a\n")])).toEqual(["a"]);
    expect(linesOf([])).toEqual([]);
    expect(linesOf([Buffer.from("\n\n")])).toEqual(["", ""]);
  });

  it("takes Windows line breaks off", () => {
    expect(linesOf([Buffer.from("a\r"), Buffer.from("\nb\r\n")])).toEqual(["a", "b"]);
  });

  it("replaces bytes that are no UTF-8", () => {
    expect(linesOf([Buffer.from([0x61, 0xff, 0x0a, 0xc3]), Buffer.from([0xa9, 0x0a])])).toEqual(["a\uFFFD", "é"]);
  });

  it("says how much of a long line is missing and never cuts a character in two", () => {
    expect(linesOf([Buffer.from("abcdefgh\nok\n")], 5)).toEqual(["abcde [3 more bytes left out]", "ok"]);
    expect(linesOf([Buffer.from("abcdé!\n")], 5)).toEqual(["abcd [2 more bytes left out]"]);
    expect(linesOf([Buffer.from("abcé!\n")], 5)).toEqual(["abcé [1 more bytes left out]"]);
  });
});
