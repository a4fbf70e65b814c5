import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keepTail } from "../../src/system/tail.ts";

describe("keepTail", () => {
  it("is the end of everything pushed", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme-ascii" })), fc.integer({ min: 1, max: 50 }), (parts, limit) => {
        const tail = keepTail(limit);
        for (const part of parts) tail.push(Buffer.from(part));
        expect(tail.text()).toBe(parts.join("").slice(-limit));
      }),
    );
  });

  it("holds the end of a stream of any length", () => {
    const tail = keepTail(1000);
    for (let i = 0; i < 20_000; i++) tail.push(Buffer.from(`${i} ${"x".repeat(100)}\n`));
    expect(tail.text()).toHaveLength(1000);
    expect(tail.text()).toMatch(/19999 x{100}\n$/);
  });

  it("begins with a whole character", () => {
    const tail = keepTail(3);
    tail.push(Buffer.from("ééé"));
    expect(tail.text()).toBe("é");
  });
});
