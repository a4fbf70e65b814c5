import { execFile } from "node:child_process";
import { lstat, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { pathInside } from "../../src/agents/builtin/paths.ts";
import { refNames } from "../../src/lanes/refs.ts";
import { globMatcher } from "../../src/model/glob.ts";
import { repoGlob, stepSchema } from "../../src/model/plan.ts";
import { sandboxSchema } from "../../src/model/sandbox.ts";
import { branchNameProblem } from "../../src/plan/branch-name.ts";
import { isInside } from "../../src/system/paths.ts";
import { cases } from "../support/cases.ts";
import { createRepo } from "../support/repo.ts";

const part = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("a", "b", "src", "..", ".", "", "~", "*", "**", "C:", "-", ".git", "a b") },
  { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(..."ab.~\\:*?[]{}!-\0\n ".split("")), maxLength: 6 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 4 }) },
);
const anyPath = fc.array(part, { minLength: 1, maxLength: 6 }).chain((parts) =>
  fc.constantFrom("/", "//", "\\").map((separator) => parts.join(separator))
);

test("a glob or path that a plan may name never leads out of its folder", () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      if (repoGlob.safeParse(path).success) {
        expect(isInside(posix.join("/repo", path), "/repo")).toBe(true);
        expect(path.split(/[\\/]/)).not.toContain("..");
      }
      for (const start of ["/", "~/"]) {
        if (sandboxSchema.safeParse({ write: [start + path] }).success) {
          expect(isInside(posix.join("/home", path), "/home")).toBe(true);
        }
      }
    }),
    cases(3000),
  );
});

test("a path is inside of a folder exactly when it is written below it", () => {
  const clean = fc.array(fc.constantFrom("a", "..a", "...", "b c", "-"), { maxLength: 4 });
  fc.assert(
    fc.property(clean, clean, anyPath, (folder, below, path) => {
      const root = `/${folder.join("/")}`;
      expect(isInside(posix.join(root, ...below), root)).toBe(true);
      const found = posix.join(root, path);
      const isBelow = found === root || root === "/" || found.startsWith(`${root}/`);
      if (!found.endsWith("/") && !root.endsWith("/")) expect(isInside(found, root)).toBe(isBelow);
    }),
    cases(3000),
  );
});

test("git takes every name of a ref that passes our checks, and no other of a branch", async () => {
  await using repo = await createRepo();
  const unit = fc.constantFrom(..."ab.-_@{}~^:?*[\\/#".split(""), "ä", "\u007F", "😀", ".lock", "HEAD");
  const names = fc.array(fc.string({ unit, minLength: 1, maxLength: 8 }), { minLength: 200, maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(names, async (drawn) => {
      const branches = [...new Set(drawn)].filter((name) => !name.startsWith("refs/"));
      const good = branches.filter((name) => branchNameProblem(name) === null);
      const wellFormed = await formed(repo.dir, branches.map((name) => refNames.branch(name)));
      // As a branch git keeps some names for itself, although they are well-formed refs.
      const taken = new Set(["HEAD", "@"]);
      const agreed = branches.filter((name) =>
        wellFormed.has(refNames.branch(name)) && !name.startsWith("-") && !taken.has(name)
      );
      expect(good).toEqual(agreed);
      const refs = drawn.flatMap((name) => [
        ...stepSchema.shape.id.safeParse(name).success
          ? [refNames.attempt("plan-abc", name, 1), refNames.parked("plan-abc", name)]
          : [],
        ...branchNameProblem(name) === null ? [refNames.seen(`origin/${name}`, refNames.branch(name))] : [],
      ]);
      const known = await formed(repo.dir, refs);
      expect(refs.filter((ref) => !known.has(ref))).toEqual([]);
    }),
    cases(20, 200),
  );
});

/** Those names that git finds well-formed: one process for all of them. Names with white space are not told apart. */
async function formed(dir: string, refs: readonly string[]): Promise<Set<string>> {
  const running = promisify(execFile)("git", ["-C", dir, "show-ref", "--exclude-existing"], { maxBuffer: 1 << 24 });
  running.child.stdin!.end(refs.map((ref) => `${ref}\n`).join(""));
  return new Set((await running).stdout.split("\n"));
}

test("a name with white space or control characters is no branch and no id", () => {
  const bad = fc.tuple(fc.string(), fc.constantFrom(..." \t\n\r\v\f\0\x1b\x7f".split("")), fc.string());
  fc.assert(
    fc.property(bad, ([before, space, after]) => {
      expect(branchNameProblem(before + space + after)).not.toBeNull();
      expect(stepSchema.shape.id.safeParse(before + space + after).success).toBe(false);
    }),
    cases(1000),
  );
});

test("no path leads the built-in agent's tools out of its lane, through whatever links", async () => {
  await using repo = await createRepo();
  const [lane, outside] = [join(repo.base, "lane"), join(repo.base, "outside")];
  await mkdir(join(lane, "a", "b"), { recursive: true });
  await mkdir(join(outside, "a"), { recursive: true });
  await writeFile(join(outside, "secret"), "secret");
  await writeFile(join(lane, "a", "file"), "own");
  const links = { out: outside, up: "..", here: ".", deep: "a/b", gone: "../outside/new", leak: "../outside/secret" };
  for (const [name, target] of Object.entries(links)) {
    await symlink(target, join(lane, name));
    await symlink(join("..", name), join(lane, "a", name));
  }
  const names = ["..", ".", "", "a", "b", "file", "new", "secret", "lane", "outside", ...Object.keys(links)];
  const path = fc.array(fc.constantFrom(...names), { maxLength: 7 }).chain((parts) =>
    fc.constantFrom("", "/", `${lane}/`, `${outside}/`).map((start) => start + parts.join("/"))
  );
  await fc.assert(
    fc.asyncProperty(path, async (asked) => {
      const found = await pathInside(lane, asked);
      if (found !== null) {
        expect(found === lane || found.startsWith(lane + sep)).toBe(true);
        // It leads where it stands: nothing on the way is a link.
        for (let at = found; at !== lane; at = dirname(at)) {
          expect(await lstat(at).then((stats) => stats.isSymbolicLink(), () => false)).toBe(false);
        }
      } else expect(asked).toMatch(/\.\.|out|up|gone|leak|^\//);
    }),
    cases(1500),
  );
});

/** What a glob of plain characters, `?`, `*` and `**` means, tried in every way. */
function matches(glob: readonly string[], path: readonly string[]): boolean {
  const [segment, ...rest] = glob;
  if (segment === undefined) return path.length === 0;
  const isLast = rest.length === 0;
  if (segment === "**") return isLast ? path.length > 0 : path.some((_, at) => matches(rest, path.slice(at)));
  const [name, ...below] = path;
  if (name === undefined || !segmentMatches(segment, name)) return false;
  return matches(rest, below) || (isLast && !/[*?]/.test(segment));
}

function segmentMatches(segment: string, name: string): boolean {
  if (segment === "") return name === "";
  const rest = segment.slice(1);
  if (segment[0] === "*") return segmentMatches(rest, name) || (name !== "" && segmentMatches(segment, name.slice(1)));
  return name !== "" && (segment[0] === "?" || segment[0] === name[0]) && segmentMatches(rest, name.slice(1));
}

test("a glob means the same as when every way to match it is tried", () => {
  const word = (unit: string[], maxLength: number) =>
    fc.array(fc.string({ unit: fc.constantFrom(...unit), minLength: 1, maxLength }), { minLength: 1, maxLength: 5 });
  const glob = word(["a", "b", "a", "b", "*", "?"], 5).chain((segments) =>
    fc.array(fc.nat(5), { maxLength: 3 }).map((places) =>
      segments.map((segment, at) => places.includes(at) || /^\*\*+$/.test(segment) ? "**" : segment)
    )
  );
  fc.assert(
    fc.property(glob, fc.array(word(["a", "b"], 6), { minLength: 1, maxLength: 6 }), (segments, paths) => {
      const matcher = globMatcher([segments.join("/")]);
      for (const path of paths) expect(matcher(path.join("/"))).toBe(matches(segments, path));
    }),
    cases(3000),
  );
});

test("no path takes a glob long, however many stars it has", () => {
  const stars = fc.string({ unit: fc.constantFrom("*", "a", "*a", "a*", "/**/", "**/", "/"), maxLength: 24 });
  const long = fc.constantFrom(
    "a".repeat(250),
    "a/".repeat(2000),
    "aaaa/".repeat(800),
    `${"a".repeat(250)}/`.repeat(16),
  );
  fc.assert(
    fc.property(stars, long, (glob, path) => {
      const started = performance.now();
      globMatcher([`${glob}b`])(`${path}c`);
      expect(performance.now() - started).toBeLessThan(2000);
    }),
    cases(500),
  );
});
