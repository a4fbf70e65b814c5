import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mark, parseMark, runId } from "../../src/system/marks.ts";

describe("runId", () => {
  it("is short, safe in a file name and a ref, and sorts by time", () => {
    const ids = [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000, 2_500_000_000_000].map((time) => runId(time));
    expect(ids.toSorted()).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[a-z0-9]{8}-[a-z0-9]{6}$/);
  });

  it("differs for two runs of the same millisecond", () => {
    const ids = Array.from({ length: 100 }, () => runId(1_700_000_000_000));
    expect(new Set(ids).size).toBeGreaterThan(95);
  });
});

describe("parseMark", () => {
  it("gives back what went into a mark", () => {
    const part = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
    fc.assert(fc.property(part, part, fc.nat(), (repoKey, run, iteration) => {
      expect(parseMark(mark(repoKey, run, iteration))).toEqual({ repoKey, run, iteration });
    }));
  });

  it("knows nothing of other text", () => {
    for (const text of ["", "a", "a.b", "a.b.c", "a.b.1.2", ".b.1", "a..1", "a.b.-1", "a.b."]) {
      expect(parseMark(text)).toBeNull();
    }
  });
});
