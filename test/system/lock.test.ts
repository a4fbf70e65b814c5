import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { pathExists } from "../../src/system/files.ts";
import { acquireLock } from "../../src/system/lock.ts";
import { onThisRuntime } from "../support/processes.ts";
import { tempDir } from "../support/tmp.ts";

const lockModule = join(import.meta.dirname, "..", "..", "src", "system", "lock.ts");

/** A process that takes the lock, says what it got on standard output and stays. */
async function holder(dir: string, path: string): Promise<{ child: ChildProcess; said: string; stderr: () => string }> {
  const file = join(dir, "holder.ts");
  await writeFile(
    file,
    `import { acquireLock } from ${JSON.stringify(lockModule)};
     const lock = await acquireLock(process.argv[2]!);
     console.log(JSON.stringify(lock));
     setInterval(() => {}, 1000);`,
  );
  const [command = "", ...args] = onThisRuntime(file, path);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk) => stderr += String(chunk));
  const [said] = await once(child.stdout, "data") as [Buffer];
  return { child, said: said.toString(), stderr: () => stderr };
}

describe("acquireLock", () => {
  it("lets one in and tells the second who is in", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "deep", "run.lock");
    const first = await acquireLock(path);
    expect(first.ok).toBe(true);
    const second = await acquireLock(path);
    expect(second).toMatchObject({ ok: false, holder: { pid: process.pid, host: hostname() } });
    if (!second.ok && second.reason === "held") {
      expect(new Date(second.holder!.since).getTime()).toBeGreaterThan(Date.now() - 60_000);
    }
    if (first.ok) first.release();
    const third = await acquireLock(path);
    expect(third.ok).toBe(true);
    if (third.ok) third.release();
  });

  it("can be released twice without taking it from the next holder", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "run.lock");
    const first = await acquireLock(path);
    if (first.ok) first.release();
    const second = await acquireLock(path);
    if (first.ok) first.release();
    expect((await acquireLock(path)).ok).toBe(false);
    expect(await pathExists(`${path}.json`)).toBe(true);
    if (second.ok) second.release();
    expect(await pathExists(`${path}.json`)).toBe(false);
  });

  it("is released by the kernel when its holder is killed with SIGKILL", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "run.lock");
    const other = await holder(dir.path, path);
    expect(JSON.parse(other.said)).toEqual({ ok: true, died: false });
    expect(await acquireLock(path)).toMatchObject({ ok: false, holder: { pid: other.child.pid } });

    process.kill(other.child.pid!, "SIGKILL");
    await once(other.child, "exit");
    const lock = await acquireLock(path);
    expect(lock).toMatchObject({ ok: true, died: true });
    expect(JSON.parse(await readFile(`${path}.json`, "utf8"))).toMatchObject({ pid: process.pid });
    if (lock.ok) lock.release();
  });

  it.skipIf("Deno" in globalThis)(
    "stays held when nobody keeps what it returned (not on Deno: garbage is not collected on demand)",
    async () => {
      await using dir = await tempDir();
      const path = join(dir.path, "run.lock");
      await acquireLock(path);
      setFlagsFromString("--expose-gc");
      const collectGarbage = runInNewContext("gc") as () => void;
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
      collectGarbage();
      expect((await acquireLock(path)).ok).toBe(false);
    },
  );

  it("prints no warning about the database", async () => {
    await using dir = await tempDir();
    const other = await holder(dir.path, join(dir.path, "run.lock"));
    process.kill(other.child.pid!, "SIGKILL");
    await once(other.child, "close");
    expect(other.stderr()).toBe("");
  });

  it("says nobody rather than something wrong when the holder's note is damaged", async () => {
    await using dir = await tempDir();
    const path = join(dir.path, "run.lock");
    const lock = await acquireLock(path);
    for (const note of ["", "{", "null", `{"pid":"x"}`]) {
      await writeFile(`${path}.json`, note);
      expect(await acquireLock(path)).toEqual({ ok: false, reason: "held", holder: null });
    }
    if (lock.ok) lock.release();
  });

  it("says why there can be no lock, instead of naming a holder", async () => {
    await using dir = await tempDir();
    await mkdir(join(dir.path, "run.lock"));
    const refused = { ok: false, reason: "refused", message: expect.stringContaining("run.lock: ") as string };
    expect(await acquireLock(join(dir.path, "run.lock"))).toEqual(refused);
    await writeFile(join(dir.path, "file"), "");
    expect(await acquireLock(join(dir.path, "file", "run.lock"))).toEqual(refused);
  });
});
