import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { branchNameProblem } from "../../src/plan/branch-name.ts";

const names = [
  "main",
  "ralph/task-priority",
  "a.b",
  "ä/ü",
  "x@y",
  "feature#1",
  "a-",
  "@x",
  "a/b/c",
  "",
  "-x",
  "--force",
  "HEAD",
  "a..b",
  ".a",
  "a/.b",
  "a.",
  "a.lock",
  "a.lock/b",
  "a b",
  "a~1",
  "a^",
  "a:b",
  "a?",
  "a*",
  "a[b",
  "a\\b",
  "a@{1}",
  "@{-1}x",
  "/a",
  "a/",
  "a//b",
  "a\tb",
  "a\u007Fb",
];

test.each(names)("git and we agree on %j", (name) => {
  const env = {
    PATH: process.env["PATH"],
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_SYSTEM: "/dev/null",
    LC_ALL: "C",
  };
  // Outside of any repository: in one, `@{-1}` is where it was before.
  let isGood = true;
  try {
    execFileSync("git", ["check-ref-format", "--branch", name], { env, cwd: "/", stdio: "ignore" });
  } catch {
    isGood = false;
  }
  expect(branchNameProblem(name) === null).toBe(isGood);
});

test("names that git keeps for itself, and full refs, are refused although git could be talked into them", () => {
  expect(branchNameProblem("@")).toMatch(/keeps for itself/);
  expect(branchNameProblem("refs/heads/x")).toMatch(/short name/);
});
