import assert from "node:assert/strict";
import { test } from "node:test";
import { format } from "../src/format.js";
import { parse } from "../src/parse.js";

test("what format writes, parse reads", () => {
  for (const ms of [0, 1_000, 60_000, 5_025_000, 3_600_000]) assert.equal(parse(format(ms)), ms);
});

test("text that is no duration is refused", () => {
  for (const text of ["", "soon", "1 h soon", "30 min 1 h"]) assert.throws(() => parse(text), RangeError);
});
