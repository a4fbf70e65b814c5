import * as fc from "fast-check";
import { expect, test } from "vitest";
import { addSpent, nothingSpent, quartersKept, spentIn, type SpentQuarter } from "../../src/model/spent.ts";

const one = { ...nothingSpent, iterations: 1, costUsd: 0.5, tokens: 100 };
const added = (...times: string[]): SpentQuarter[] =>
  times.reduce<SpentQuarter[]>((quarters, at) => addSpent(quarters, at, one), []);
const dayAt = (start: string, hours = 24) => {
  const startsAt = Date.parse(start);
  return { startsAt, endsAt: startsAt + hours * 3_600_000 };
};

test("a day is counted in the reader's zone, whatever zone the record was written in", () => {
  const quarters = added(
    "2026-11-20T22:59:00Z",
    "2026-11-20T23:00:00Z",
    "2026-11-21T12:00:00Z",
    "2026-11-21T23:00:00Z",
  );
  expect(spentIn(quarters, dayAt("2026-11-21T00:00:00+01:00"))).toMatchObject({ iterations: 2, costUsd: 1 });
  expect(spentIn(quarters, dayAt("2026-11-21T00:00:00Z"))).toMatchObject({ iterations: 2 });
  // Nepal is 5:45 ahead.
  expect(spentIn(added("2026-11-20T18:15:00Z", "2026-11-20T18:14:59Z"), dayAt("2026-11-21T00:00:00+05:45")))
    .toMatchObject({
      iterations: 1,
    });
});

test("the longest day there is fits, every quarter of it", () => {
  const start = Date.parse("2026-10-25T00:00:00+02:00");
  const times = Array.from({ length: 100 }, (_, i) => new Date(start + i * 900_000).toISOString());
  expect(spentIn(added(...times), dayAt("2026-10-25T00:00:00+02:00", 25)).iterations).toBe(100);
});

test("a record from the future neither counts today nor pushes today out", () => {
  const quarters = added("2040-01-01T00:00:00Z", "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z");
  expect(spentIn(quarters, dayAt("2026-11-21T00:00:00Z")).iterations).toBe(2);
});

test("what is kept does not grow with history", () => {
  const hours = Array.from({ length: 3000 }, (_, hour) => new Date(hour * 3_600_000).toISOString());
  expect(added(...hours)).toHaveLength(quartersKept);
});

test("any record may be added; without a time it adds nothing", () => {
  const time = fc.oneof(fc.date({ noInvalidDate: true }).map((at) => at.toISOString()), fc.string());
  fc.assert(fc.property(fc.array(time), (times) => {
    const counted = added(...times).reduce((sum, { iterations }) => sum + iterations, 0);
    expect(counted).toBe(times.filter((at) => !Number.isNaN(Date.parse(at))).length);
  }));
});
