import { describe, expect, test } from "vitest";
import { exitCodeOf, type RepositoryProblem } from "../../src/model/halt.ts";

const code = (problem: RepositoryProblem): number => exitCodeOf({ reason: "repository", problem });

describe("exit codes of a repository's problems", () => {
  test.each<[string, RepositoryProblem]>([
    ["no repository", { kind: "not-a-repository", dir: "/x" }],
    ["an unreadable one", { kind: "unreadable", dir: "/x", message: "dubious ownership" }],
    ["a merge under way", { kind: "operation-in-progress", operation: "merge" }],
    ["a folder without permission", { kind: "not-writable", dir: "/x", message: "EACCES" }],
    ["no remote to push to", { kind: "no-remote", remote: "there", remotes: [], branch: "work" }],
    ["edits in the way of the first checkout", { kind: "cannot-check-out", branch: "work", paths: ["a"], message: "" }],
  ])("%s: 2, nothing was started", (_name, problem) => expect(code(problem)).toBe(2));

  test.each<[string, number, RepositoryProblem]>([
    ["a setup that fails", 4, { kind: "setup-failed", command: "npm ci", dir: "/x", output: "" }],
    ["a submodule that is not here", 4, { kind: "submodule", path: "sub", message: "" }],
    ["a branch that was deleted", 7, { kind: "branch-deleted", branch: "work", was: "0".repeat(40) }],
    ["a full disk", 7, { kind: "disk", message: "ENOSPC" }],
    ["git that refuses", 7, { kind: "git-failed", command: "git update-ref", message: "" }],
  ])("%s may come up in the middle of a run: %i, never 2", (_name, expected, problem) => {
    expect(code(problem)).toBe(expected);
  });

  test.each([["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const)("%s: %i", (signal, expected) => {
    expect(exitCodeOf({ reason: "interrupted", signal })).toBe(expected);
  });
});
