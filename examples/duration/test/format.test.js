import assert from "node:assert/strict";
import { test } from "node:test";
import { format } from "../src/format.js";

test("seconds are rounded", () => {
  assert.equal(format(42_000), "42 s");
  assert.equal(format(1_499), "1 s");
});
