import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../bin/duration.js", import.meta.url));
const duration = (...args) => spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });

test("milliseconds become text, and text becomes milliseconds", () => {
  assert.equal(duration("5400000").stdout, "1 h 30 min\n");
  assert.equal(duration("1 h 30 min").stdout, "5400000\n");
});

test("anything else is one line on standard error and exit code 2", () => {
  for (const args of [[], ["soon"]]) {
    const { status, stdout, stderr } = duration(...args);
    assert.equal(status, 2);
    assert.equal(stdout, "");
    assert.match(stderr, /^[^\n]+\n$/);
  }
});
