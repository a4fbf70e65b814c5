import { describe, expect, test } from "vitest";
import { refillScripts } from "../../src/validators/scripts.ts";
import { createRepo, type FileSpec, type TestRepo } from "../support/repo.ts";
import { control, openLane, planWith, progressText } from "./lane-rig.ts";

const pkg = (scripts: Record<string, string>, more: object = {}) =>
  `${JSON.stringify({ ...more, scripts }, null, 2)}\n`;

async function collected(
  files: Record<string, FileSpec>,
  change: Record<string, FileSpec>,
  protects: string[] = [],
): Promise<{ repo: TestRepo; work: Awaited<ReturnType<Awaited<ReturnType<typeof openLane>>["collect"]>> }> {
  const repo = await createRepo({ files: { ...control, ...files } });
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  await rig.write(change);
  const work = await rig.collect(lane, {
    protects,
    manifests: ["package.json"],
    emptied: (_path, before, after) => refillScripts(["npm test"], "scripts", before, after),
  });
  return { repo, work };
}

describe.concurrent("what validators rest on", () => {
  test("a protected file that is changed, deleted, moved or joined is put back, named and shown", async () => {
    const { repo, work } = await collected(
      { "check/a.sh": "false\n", "check/b.sh": "false\n", "c.txt": "c\n" },
      { "check/a.sh": "true\n", "check/b.sh": null, "check/own.sh": "true\n", "c.txt": "d\n" },
      ["check/**"],
    );
    await using _ = repo;
    expect(work.tampering).toEqual([
      "changed the protected file `check/a.sh`",
      "changed the protected file `check/b.sh`",
      "changed the protected file `check/own.sh`",
    ]);
    expect(work.diff).toContain("-false\n+true\n");
    expect(work.changed).toEqual([{ path: "c.txt", status: "modified" }]);
    expect(await repo.ls(work.tree)).toEqual(["c.txt", "check/a.sh", "check/b.sh", "prd.json", "progress.txt"]);
    expect(await repo.show(work.tree, "check/a.sh")).toBe("false\n");
  });

  test.each<[string, Record<string, FileSpec>, string[]]>([
    ["another case of the plan", { "PRD.json": "{}" }, ["PRD.json"]],
    ["a Cyrillic letter in the plan's name", { "рrd.json": "{}" }, ["рrd.json"]],
    ["an invisible letter", { "progress\u200b.txt": "x" }, ["progress\u200b.txt"]],
    ["another case of a registry", { "Registries/Validators.json": "{}" }, ["Registries/Validators.json"]],
    ["another case of a protected file", { "Check/a.sh": "true" }, ["Check/a.sh"]],
    ["a full-width letter", { "check/ａ.sh": "true" }, ["check/ａ.sh"]],
  ])("%s is a look-alike: taken out and named", async (_what, change, paths) => {
    const { repo, work } = await collected({ "check/a.sh": "false\n" }, { ...change, "own.txt": "o" }, ["check/a.sh"]);
    await using _ = repo;
    expect(work.tampering).toEqual(
      paths.map((path) => `made a look-alike of a file that is not its own: \`${path}\``),
    );
    expect(work.changed).toEqual([{ path: "own.txt", status: "added" }]);
    for (const path of paths) expect(await repo.show(work.tree, path)).toBeNull();
  });

  test("a file that looks like one of ours and was always there is work", async () => {
    const { repo, work } = await collected({ "PRD.json": "{}\n", "naïve.txt": "x" }, {
      "PRD.json": "[]\n",
      "naïve.txt": "y",
    });
    await using _ = repo;
    expect(work.tampering).toEqual([]);
    expect(work.changed).toHaveLength(2);
  });

  test.each([
    ["made `true`", pkg({ test: "true", lint: "eslint" })],
    ["made to succeed in the end", pkg({ test: "vitest run || true", lint: "eslint" })],
    ["removed", pkg({ lint: "eslint" })],
    ["made empty", pkg({ test: "", lint: "eslint" })],
    ["made to talk", pkg({ test: "echo all green", lint: "eslint" })],
  ])("a script that a validator runs and that is %s is put back; the rest of the file is work", async (_how, text) => {
    const before = pkg({ test: "vitest run", lint: "tsc" });
    const { repo, work } = await collected({ "package.json": before }, { "package.json": text });
    await using _ = repo;
    expect(work.tampering).toEqual(['emptied the script "test" of `package.json`']);
    expect(work.diff).toContain("vitest run");
    const { scripts } = JSON.parse((await repo.show(work.tree, "package.json"))!) as { scripts: object };
    expect(scripts).toEqual({ test: "vitest run", lint: "eslint" });
    expect(work.changed).toEqual([{ path: "package.json", status: "modified" }]);
  });

  test.each([
    ["another test runner", pkg({ test: "vitest run" }), pkg({ test: "node --test" })],
    ["the first real test script", pkg({ test: 'echo "Error: no test specified" && exit 1' }), pkg({ test: "vitest" })],
    ["a script that nothing runs", pkg({ test: "vitest", dev: "vite" }), pkg({ test: "vitest", dev: "true" })],
  ])("%s is work", async (_what, before, after) => {
    const { repo, work } = await collected({ "package.json": before }, { "package.json": after });
    await using _ = repo;
    expect(work.tampering).toEqual([]);
    expect(await repo.show(work.tree, "package.json")).toBe(after);
  });

  test("installed dependencies that an agent stops ignoring are not its work", async () => {
    await using repo = await createRepo({
      files: { ...control, ".gitignore": "node_modules/\n", "package-lock.json": "{}" },
    });
    const rig = await openLane(repo);
    const plan = planWith({ setup: "mkdir -p node_modules/dep && echo real > node_modules/dep/index.js" });
    const lane = await rig.prepare({ plan });
    await rig.write({ ".gitignore": "", "node_modules/dep/index.js": "fake\n", "src.js": "1\n" });
    const work = await rig.collect(lane);
    expect(work.tampering).toEqual(["put a file among the installed dependencies: `node_modules/dep/index.js`"]);
    expect(work.changed).toEqual([
      { path: ".gitignore", status: "modified" },
      { path: "src.js", status: "added" },
    ]);
    await rig.prepare({ plan });
    expect(await rig.read("node_modules/dep/index.js")).toBe("real\n");
  });
});

test("other names of `.git` are left out: a disk elsewhere would take them for it", async () => {
  const { repo, work } = await collected({}, { ".g\u200cit/config": "[core]\n", "own.txt": "o" });
  await using _ = repo;
  expect(work.changed).toEqual([{ path: "own.txt", status: "added" }]);
  expect(work.progressText).toBe(progressText);
});

test("what a replacement of an object claims is not what is taken and verified", async () => {
  await using repo = await createRepo({ files: { ...control, "a.txt": "real\n" } });
  const blob = await repo.git("rev-parse", "HEAD:a.txt");
  await repo.write({ "other.txt": "fake\n" });
  const fake = await repo.git("hash-object", "-w", "other.txt");
  await repo.git("replace", blob, fake);
  const rig = await openLane(repo);
  const lane = await rig.prepare();
  expect(await rig.read("a.txt")).toBe("real\n");
  expect((await rig.collect(lane)).changed).toEqual([]);
});
