import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { validatorsSchema } from "../../src/model/validator.ts";
import { runBuiltin } from "../../src/validators/builtin.ts";
import builtIn from "../../registries/validators.json" with { type: "json" };

let dir = "";
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), "capstan-builtin-"))));
afterAll(() => rm(dir, { recursive: true, force: true }));

async function problems(kind: "json" | "conflict-markers", path: string, text: string): Promise<string[]> {
  await mkdir(dirname(join(dir, path)), { recursive: true });
  await writeFile(join(dir, path), text);
  return await runBuiltin({
    validator: { builtin: kind },
    dir,
    changed: [path, "gone.json"],
    produces: [],
    files: async () => [],
    changes: null,
    step: {},
  });
}

describe("conflict-markers", () => {
  it.each([
    ["a whole conflict", "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\n", ["f.txt:2"]],
    ["one with CRLF", "<<<<<<< HEAD\r\n=======\r\n>>>>>>> x\r\n", ["f.txt:1"]],
    ["a heading", "Title\n=======\n\n>>>>>>> quoted\n", []],
    ["a mark in a text", "see `<<<<<<< HEAD`\n", []],
    ["binary", "\0\n<<<<<<< HEAD\n=======\n>>>>>>> x\n", []],
  ])("%s", async (_, text, places) => {
    expect((await problems("conflict-markers", "f.txt", text)).map((line) => line.split(": ")[0])).toEqual(places);
  });
});

describe("json", () => {
  it.each([
    ["a.json", `{"a": 1}`, 0],
    ["a.json", `\uFEFF{"a": 1}`, 0],
    ["a.json", `{"a": 1,}`, 1],
    ["a.json", `{// no\n"a": 1}`, 1],
    ["a.json", "", 1],
    ["a.json", `{"a": `, 1],
    ["tsconfig.build.json", `{// yes\n"a": 1,}`, 0],
    [".vscode/settings.json", `{/* yes */}`, 0],
    ["tsconfig.json", `{"a"`, 1],
    ["a.txt", `{`, 0],
  ])("%s holding %j has %i problems", async (path, text, count) => {
    expect(await problems("json", path, text)).toHaveLength(count);
  });

  it("says where", async () => {
    expect(await problems("json", "b.json", `{\n"a": 1,\n"b": }`)).toEqual([
      "b.json:3: is not valid JSON (ValueExpected)",
    ]);
  });

  it("does not follow a link", async () => {
    await symlink("/etc/passwd", join(dir, "link.json"));
    const input = { dir, changed: ["link.json"], produces: [], files: async () => [], changes: null, step: {} };
    expect(await runBuiltin({ validator: { builtin: "json" }, ...input })).toEqual([]);
  });
});

describe("the built-in registry", () => {
  it("is valid and runs no command in anybody's repository", () => {
    const entries = validatorsSchema.parse(builtIn);
    expect(Object.values(entries).filter(({ builtin }) => builtin !== undefined).length).toBeGreaterThanOrEqual(3);
    const everywhere = Object.entries(entries).filter(([, entry]) => entry.command !== undefined && !entry.paths);
    expect(everywhere).toEqual([]);
  });
});
