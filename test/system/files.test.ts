import { spawnSync } from "node:child_process";
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { removeAbandoned, writeFileAtomic } from "../../src/system/atomic.ts";
import { copyTree, isWritable, pathExists, readTextOrNull, removeTree } from "../../src/system/files.ts";
import { createHome } from "../../src/system/home.ts";
import { tempDir } from "../support/tmp.ts";

describe("writeFileAtomic", () => {
  it("creates and replaces, keeps the mode, leaves nothing beside the file", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "prd.json");
    await writeFileAtomic(path, "one");
    await chmod(path, 0o640);
    await writeFileAtomic(path, new Uint8Array([0xff, 0x00]));
    expect([...await readFile(path)]).toEqual([0xff, 0x00]);
    expect((await stat(path)).mode & 0o777).toBe(0o640);
    expect(await readdir(dir.path)).toEqual(["prd.json"]);
  });

  it("writes through a symbolic link instead of replacing it", async () => {
    await using dir = await tempDir();
    await writeFile(join(dir.path, "target"), "old");
    await symlink("target", join(dir.path, "link"));
    await writeFileAtomic(join(dir.path, "link"), "new");
    expect(await readlink(join(dir.path, "link"))).toBe("target");
    expect(await readFile(join(dir.path, "target"), "utf8")).toBe("new");
  });

  it("throws the error of the operating system", async () => {
    await expect(writeFileAtomic("/nonexistent/dir/file", "x")).rejects.toMatchObject({ code: "ENOENT" });
    await using dir = await tempDir();
    await mkdir(join(dir.path, "folder"));
    await expect(writeFileAtomic(join(dir.path, "folder"), "x")).rejects.toMatchObject({ code: "EISDIR" });
    expect(await readdir(dir.path)).toEqual(["folder"]);
  });
});

describe("removeAbandoned", () => {
  it("removes what a killed process was writing, and nothing that is somebody's", async () => {
    await using dir = await tempDir();
    const gone = spawnSync(process.execPath, ["--version"]).pid;
    const names = [
      `.prd.json.capstan-${gone}-1`,
      `.prd.json.capstan-${process.pid}-1`,
      "prd.json.20260101",
      ".prd.json",
    ];
    for (const name of names) await writeFile(join(dir.path, name), "");
    expect(await removeAbandoned(dir.path)).toEqual([names[0]]);
    expect((await readdir(dir.path)).toSorted()).toEqual(names.slice(1).toSorted());
    expect(await removeAbandoned(join(dir.path, "nothing"))).toEqual([]);
  });
});

describe("readTextOrNull", () => {
  it("is null for nothing there, and throws for what can't be read", async () => {
    await using dir = await tempDir();
    await writeFile(join(dir.path, "a"), "ä");
    expect(await readTextOrNull(join(dir.path, "a"))).toBe("ä");
    expect(await readTextOrNull(join(dir.path, "b"))).toBeNull();
    expect(await readTextOrNull(join(dir.path, "a", "b"))).toBeNull();
    await expect(readTextOrNull(dir.path)).rejects.toMatchObject({ code: "EISDIR" });
  });
});

describe("removeTree", () => {
  it("removes read-only directories, and never what a link points to", async () => {
    await using dir = await tempDir();
    const tree = join(dir.path, "tree");
    await mkdir(join(tree, "cache", "module"), { recursive: true });
    await mkdir(join(dir.path, "kept"));
    await writeFile(join(dir.path, "kept", "file"), "kept");
    await writeFile(join(tree, "cache", "module", "file"), "");
    await symlink(join(dir.path, "kept"), join(tree, "link"));
    await chmod(join(tree, "cache", "module", "file"), 0o400);
    for (const path of ["cache/module", "cache", "."]) await chmod(join(tree, path), 0o500);
    await asSomebody([dir.path, tree, join(tree, "cache"), join(tree, "cache", "module")], () => removeTree(tree));
    expect(await readdir(dir.path)).toEqual(["kept"]);
    expect(await readdir(join(dir.path, "kept"))).toEqual(["file"]);
  });

  it("is fine with nothing there", async () => {
    await using dir = await tempDir();
    await removeTree(join(dir.path, "nothing"));
  });
});

/** Root may remove everything: as root, hands the paths to an ordinary user and acts as that one. */
async function asSomebody(paths: string[], act: () => Promise<void>): Promise<void> {
  const nobody = 65534;
  if (process.getuid?.() !== 0 || process.seteuid === undefined || "Deno" in globalThis) return await act();
  const { chown } = await import("node:fs/promises");
  for (const path of paths) await chown(path, nobody, nobody);
  process.seteuid(nobody);
  try {
    await act();
  } finally {
    process.seteuid(0);
  }
}

describe("copyTree", () => {
  it("copies links as links, and modes", async () => {
    await using dir = await tempDir();
    await mkdir(join(dir.path, "from", "sub"), { recursive: true });
    await writeFile(join(dir.path, "from", "sub", "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    await symlink("sub/run.sh", join(dir.path, "from", "link"));
    await symlink("nowhere", join(dir.path, "from", "dangling"));
    await copyTree(join(dir.path, "from"), join(dir.path, "to"));
    expect(await readlink(join(dir.path, "to", "link"))).toBe("sub/run.sh");
    expect(await readlink(join(dir.path, "to", "dangling"))).toBe("nowhere");
    expect((await stat(join(dir.path, "to", "sub", "run.sh"))).mode & 0o777).toBe(0o755);
  });
});

describe("pathExists", () => {
  it("sees a dangling link", async () => {
    await using dir = await tempDir();
    await symlink("nowhere", join(dir.path, "link"));
    expect(await pathExists(join(dir.path, "link"))).toBe(true);
    expect(await pathExists(join(dir.path, "other"))).toBe(false);
  });
});

describe("isWritable", () => {
  it("tells a place that can be written from nothing there", async () => {
    await using dir = await tempDir();
    expect(await isWritable(dir.path)).toBe(true);
    expect(await isWritable(join(dir.path, "nothing"))).toBe(false);
  });
});

describe("createHome", () => {
  it("is fresh, private and gone after remove", async () => {
    await using dir = await tempDir();
    const first = await createHome(join(dir.path, "homes"));
    await writeFile(join(first.home, "note"), "for the next one");
    const second = await createHome(join(dir.path, "homes"));
    expect(await readdir(second.home)).toEqual([]);
    expect(await readdir(second.dir)).toEqual(["home", "tmp"]);
    for (const path of [second.dir, second.home, second.tmp]) expect((await lstat(path)).mode & 0o777).toBe(0o700);
    await first.remove();
    await second.remove();
    expect(await readdir(join(dir.path, "homes"))).toEqual([]);
  });
});
