import assert from "node:assert/strict";
import { test } from "node:test";
import { format } from "../src/format.js";

test("hours, minutes and seconds", () => {
  assert.equal(format(5_025_000), "1 h 23 min 45 s");
});

test("parts that are zero are left out", () => {
  assert.equal(format(5_400_000), "1 h 30 min");
  assert.equal(format(3_600_000), "1 h");
});

test("no time at all is 0 s", () => {
  assert.equal(format(0), "0 s");
});
