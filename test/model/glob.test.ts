import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { globMatcher } from "../../src/model/glob.ts";

describe("globMatcher", () => {
  it.each<[glob: string, yes: string[], no: string[]]>([
    ["**", ["a", "a/b", ".env", ".github/x.yml"], []],
    ["*", ["a.ts", ".env"], ["a/b"]],
    ["**/*.ts", ["a.ts", "src/a.ts", "src/.x/b.ts"], ["a.tsx", "src/a.js"]],
    ["src/**", ["src/a", "src/a/b", "src/.hidden/c"], ["src", "srcs/a", "lib/src/a"]],
    ["src", ["src", "src/a/b.ts"], ["srcs", "lib/src"]],
    ["src/", ["src/a/b.ts"], ["lib/src/a"]],
    ["./src/*.ts", ["src/a.ts"], ["src/b/a.ts"]],
    ["src/**/test/*.js", ["src/test/a.js", "src/x/y/test/a.js"], ["src/test/x/a.js", "test/a.js"]],
    ["a/**/**/b", ["a/b", "a/x/b"], ["a/xb"]],
    ["**/node_modules/**", ["node_modules/x", "a/node_modules/x/y"], ["node_modules2/x"]],
    ["*.{ts,tsx}", ["a.ts", "a.tsx"], ["a.js", "x/a.ts"]],
    ["{src,test/unit}/**", ["src/a", "test/unit/b"], ["test/b"]],
    ["{a,{b,c}}.md", ["a.md", "b.md", "c.md"], ["d.md", "{a.md"]],
    ["a{b.txt", ["a{b.txt"], ["ab.txt"]],
    ["{only}.md", ["{only}.md"], ["only.md"]],
    ["file[0-9].txt", ["file3.txt"], ["filea.txt", "file10.txt"]],
    ["file[!0-9].txt", ["filea.txt"], ["file1.txt", "file/.txt"]],
    ["a[b", ["a[b"], ["ab"]],
    ["[z-a].md", ["[z-a].md"], ["z.md"]],
    ["what?.md", ["what1.md"], ["what.md", "what/.md"]],
    ["a\\*.md", ["a*.md"], ["ab.md"]],
    ["a+(b).md", ["a+(b).md"], ["aab.md"]],
    ["A.md", ["A.md"], ["a.md"]],
    ["a\nb", ["a\nb"], ["a b"]],
  ])("%s", (glob, yes, no) => {
    const matches = globMatcher([glob]);
    expect(yes.filter((path) => !matches(path))).toEqual([]);
    expect(no.filter((path) => matches(path))).toEqual([]);
  });

  it("takes away what a negated glob matches, in any order", () => {
    const matches = globMatcher(["!**/*.d.ts", "src/**"]);
    expect([matches("src/a.ts"), matches("src/a.d.ts"), matches("lib/a.ts")]).toEqual([true, false, false]);
  });

  it("matches nothing without a glob", () => {
    expect(globMatcher([])("a")).toBe(false);
    expect(globMatcher(["!a"])("b")).toBe(false);
  });

  it("matches every path without wildcards by itself", () => {
    fc.assert(fc.property(
      fc.array(fc.stringMatching(/^[a-z .+()$^|_-]{1,8}$/).filter((name) => name !== "." && name !== ".."), {
        minLength: 1,
        maxLength: 4,
      }),
      (names) => globMatcher([`./${names.join("/")}`])(names.join("/")),
    ));
  });

  it("never throws, whatever the glob", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (glob, path) => {
      globMatcher([glob])(path);
    }));
    const odd = fc.string({ unit: fc.constantFrom("{", "}", ",", "[", "]", "*", "\\", "/", "!", "a") });
    fc.assert(fc.property(odd, odd, (glob, path) => {
      globMatcher([glob])(path);
    }));
  });
});
