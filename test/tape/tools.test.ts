import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Turn } from "../../src/agents/tape/tape.ts";
import { call, converse, folder, say } from "./agent.ts";

/** Runs the calls one after the other and returns what the model was told. */
async function results(cwd: string, ...calls: Turn[]) {
  const conversed = await converse(cwd, [...calls, say("done")]);
  expect(conversed.code, conversed.stderr).toBe(0);
  return conversed.results;
}

test("read returns the text, a part of it, and says how to read on", async () => {
  const long = Array.from({ length: 2500 }, (_, index) => `line ${index + 1}\n`).join("");
  await using at = await folder({ "a.txt": "one\ntwo\nthree\n", "long.txt": long, "empty.txt": "", "bin": "a\0b" });
  const [whole, part, cut, empty, binary, directory, missing] = await results(
    at.dir,
    call("read", { path: "a.txt" }),
    call("read", { path: "a.txt", offset: 2, limit: 1 }),
    call("read", { path: "long.txt" }),
    call("read", { path: "empty.txt" }),
    call("read", { path: "bin" }),
    call("read", { path: "." }),
    call("read", { path: "nowhere.txt" }),
  );
  expect(whole).toEqual({ ok: true, text: "one\ntwo\nthree" });
  expect(part).toEqual({ ok: true, text: "two\n[lines 2-2 of 3; read on with offset 3]" });
  expect(cut!.text).toMatch(/\nline 2000\n\[lines 1-2000 of 2500; read on with offset 2001\]$/);
  expect(empty).toEqual({ ok: true, text: "[the file is empty]" });
  expect(binary).toEqual({ ok: false, text: "bin is not a text file" });
  expect(directory).toEqual({ ok: false, text: ". is a folder: use `list`" });
  expect(missing!.ok).toBe(false);
  expect(missing!.text).toContain("ENOENT");
});

test("write creates folders and replaces the whole file", async () => {
  await using at = await folder({ "old.txt": "a long old text" });
  const [made, replaced, onFolder] = await results(
    at.dir,
    call("write", { path: "deep/er/new.txt", content: "grüße\n" }),
    call("write", { path: "old.txt", content: "x" }),
    call("write", { path: "deep", content: "x" }),
  );
  expect(made).toEqual({ ok: true, text: "Wrote deep/er/new.txt (8 bytes)" });
  expect(replaced!.ok).toBe(true);
  expect(onFolder).toMatchObject({ ok: false });
  expect(await at.read("deep/er/new.txt")).toBe("grüße\n");
  expect(await at.read("old.txt")).toBe("x");
});

test("edit replaces exactly what it was told, or changes nothing and says why", async () => {
  await using at = await folder({ "a.txt": "one two two\n", "b.txt": "price: 1\n" });
  const [ambiguous, absent, all, literal] = await results(
    at.dir,
    call("edit", { path: "a.txt", old: "two", new: "2" }),
    call("edit", { path: "a.txt", old: "three", new: "3" }),
    call("edit", { path: "a.txt", old: "two", new: "2", all: true }),
    call("edit", { path: "b.txt", old: "1", new: "$& $1 $$" }),
  );
  expect(ambiguous!.text).toBe("The text to replace occurs 2 times in a.txt: include more of what is around it");
  expect(absent!.text).toBe("The text to replace is not in a.txt: read the file again");
  expect([ambiguous!.ok, absent!.ok, all!.ok, literal!.ok]).toEqual([false, false, true, true]);
  expect(await at.read("a.txt")).toBe("one 2 2\n");
  expect(await at.read("b.txt")).toBe("price: $& $1 $$\n");
});

test("list and search leave out git and installed packages", async () => {
  await using at = await folder({
    "src/a.ts": "const needle = 1;\n",
    "src/b.js": "needle();\nneedle();\n",
    ".git/config": "needle",
    "node_modules/x/index.js": "needle",
    "image.bin": "needle\0",
  });
  const [all, top, found, globbed, oneFile, none, broken] = await results(
    at.dir,
    call("list", {}),
    call("list", { depth: 1 }),
    call("search", { pattern: "needle" }),
    call("search", { pattern: "need.e", glob: "*.ts" }),
    call("search", { pattern: "needle", path: "src/b.js" }),
    call("search", { pattern: "haystack" }),
    call("search", { pattern: "(" }),
  );
  expect(all!.text.split("\n")).toEqual(["image.bin", "src/", "src/a.ts", "src/b.js"]);
  expect(top!.text.split("\n")).toEqual(["image.bin", "src/"]);
  expect(found!.text.split("\n")).toEqual([
    "src/a.ts:1: const needle = 1;",
    "src/b.js:1: needle();",
    "src/b.js:2: needle();",
  ]);
  expect(globbed!.text).toBe("src/a.ts:1: const needle = 1;");
  expect(oneFile!.text.split("\n")).toHaveLength(2);
  expect(none).toEqual({ ok: true, text: "[no matches]" });
  expect(broken).toEqual({ ok: false, text: "Not a regular expression: (" });
});

test("run returns both streams in order and the exit code", async () => {
  await using at = await folder();
  const [mixed, failed, silent] = await results(
    at.dir,
    call("run", { command: "echo out; echo err >&2; pwd" }),
    call("run", { command: "echo bad; exit 3" }),
    call("run", { command: "true" }),
  );
  expect(mixed).toEqual({ ok: true, text: `out\nerr\n${at.dir}\n[exit code 0]` });
  expect(failed).toEqual({ ok: false, text: "bad\n[exit code 3]" });
  expect(silent).toEqual({ ok: true, text: "[exit code 0]" });
});

test("run kills a command that takes too long, with everything that it started", async () => {
  await using at = await folder();
  const [late, left] = await results(
    at.dir,
    call("run", { command: "sleep 61 & echo $! > pid; wait", timeoutSeconds: 1 }),
    // Nobody may have collected its exit yet: a zombie is dead.
    call("run", { command: "ps -o stat= -p $(cat pid) | grep -v Z" }),
  );
  expect(late).toEqual({ ok: false, text: "[killed after 1 seconds]" });
  expect(left).toEqual({ ok: false, text: "[exit code 1]" });
});

test("run leaves out the middle of long output", async () => {
  await using at = await folder();
  const [long] = await results(at.dir, call("run", { command: "seq 1 100000" }));
  expect(long!.text.length).toBeLessThan(31_000);
  expect(long!.text).toMatch(/^1\n2\n/);
  expect(long!.text).toMatch(/\[\d+ characters left out\]/);
  expect(long!.text).toMatch(/100000\n\[exit code 0\]$/);
});

test("run hides the model's key from commands", async () => {
  await using at = await folder();
  const [env] = await results(at.dir, call("run", { command: "env" }));
  expect(env!.text).toContain("PATH=");
  expect(env!.text).not.toContain("key-of-a-test");
});

test("no file tool leaves the working directory", async () => {
  await using outside = await folder({ "secret.txt": "secret" });
  await using at = await folder({ "in.txt": "in" });
  await symlink(outside.dir, join(at.dir, "link"));
  await symlink(join(outside.dir, "secret.txt"), join(at.dir, "file-link"));
  await symlink(join(outside.dir, "new.txt"), join(at.dir, "dangling"));
  await mkdir(join(at.dir, "sub"));
  await writeFile(join(at.dir, "sub/ok.txt"), "ok");
  const paths = [
    "../x.txt",
    "/etc/passwd",
    join(outside.dir, "secret.txt"),
    "link/secret.txt",
    "file-link",
    "dangling",
    "sub/../../x",
  ];
  const calls = paths.flatMap((path) => [
    call("read", { path }),
    call("write", { path, content: "overwritten" }),
    call("edit", { path, old: "secret", new: "overwritten" }),
  ]);
  const refused = await results(
    at.dir,
    ...calls,
    call("list", { path: "link" }),
    call("search", { pattern: ".", path: ".." }),
    call("search", { pattern: "secret" }),
    call("read", { path: "sub/../in.txt" }),
  );
  const [listed, above, followed, within] = refused.splice(-4);
  expect(refused.filter(({ ok }) => ok)).toEqual([]);
  expect(refused.filter(({ text }) => !text.endsWith("is outside the working directory"))).toEqual([]);
  expect([listed!.ok, above!.ok]).toEqual([false, false]);
  expect(followed!.text).toBe("[no matches]");
  expect(within).toEqual({ ok: true, text: "in" });
  expect(await outside.read("secret.txt")).toBe("secret");
  await expect(outside.read("new.txt")).rejects.toThrow("ENOENT");
});

test("a call that makes no sense is explained to the model, not fatal", async () => {
  await using at = await folder();
  const [unknown, wrong] = await results(at.dir, call("teleport", {}), call("write", { path: 7 }));
  expect(unknown).toEqual({ ok: false, text: "There is no tool `teleport`" });
  expect(wrong!.ok).toBe(false);
  expect(wrong!.text).toContain("Invalid input for `write`");
});
