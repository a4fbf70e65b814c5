import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { which, whichSync } from "../../src/system/which.ts";
import { tempDir } from "../support/tmp.ts";

describe("which", () => {
  it("finds the first program on PATH, past folders and files that can't be run", async () => {
    await using dir = await tempDir();
    for (const name of ["folder", "plain", "first", "second"]) await mkdir(join(dir.path, name));
    await mkdir(join(dir.path, "folder", "tool"));
    await writeFile(join(dir.path, "plain", "tool"), "");
    for (const name of ["first", "second"]) {
      await writeFile(join(dir.path, name, "tool"), "#!/bin/sh\n");
      await chmod(join(dir.path, name, "tool"), 0o755);
    }
    const path = ["", "/nonexistent", "folder", "plain", "first", "second"]
      .map((name) => name === "" || name.startsWith("/") ? name : join(dir.path, name)).join(":");
    expect(await which("tool", { PATH: path })).toBe(join(dir.path, "first", "tool"));
    expect(whichSync("tool", { PATH: path })).toBe(join(dir.path, "first", "tool"));
    expect(await which("no-such-tool", { PATH: path })).toBeNull();
    expect(await which("", { PATH: path })).toBeNull();
    expect(await which("tool", {})).toBeNull();
  });

  it("follows links but not into nothing, and checks a path instead of searching for it", async () => {
    await using dir = await tempDir();
    await symlink("/bin/sh", join(dir.path, "shell"));
    await symlink("/nonexistent", join(dir.path, "dangling"));
    expect(await which("shell", { PATH: dir.path })).toBe(join(dir.path, "shell"));
    expect(await which("dangling", { PATH: dir.path })).toBeNull();
    expect(await which(join(dir.path, "shell"), {})).toBe(join(dir.path, "shell"));
    expect(await which(join(dir.path, "nothing"), { PATH: dir.path })).toBeNull();
  });
});
