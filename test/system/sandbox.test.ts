import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sandboxSchema, sandboxSettings } from "../../src/model/sandbox.ts";
import { exec } from "../../src/system/exec.ts";
import { pathExists } from "../../src/system/files.ts";
import { type FenceRequest, openSandbox, type Sandbox } from "../../src/system/sandbox.ts";
import { supervise, type SuperviseRequest } from "../../src/system/supervise.ts";
import { findMarked } from "../../src/system/sweep.ts";
import { alive, onThisRuntime, waitUntil } from "../support/processes.ts";
import { noSandbox, titled } from "../support/sandbox.ts";
import { tempDir } from "../support/tmp.ts";

interface Place extends AsyncDisposable {
  base: string;
  home: string;
  lane: string;
  sandbox: Sandbox;
  /** Runs a script in the sandbox, in the lane. */
  run(script: string, request?: Partial<FenceRequest>): Promise<{ code: number | null; stdout: string }>;
  start(argv: string[], options?: Partial<SuperviseRequest>): Promise<ReturnType<typeof supervise> & { mark: string }>;
}

let count = 0;

/** A person's home, checkout and state folder, with a lane. */
async function place(plan: unknown = "required", env: Record<string, string> = {}): Promise<Place> {
  const temp = await tempDir();
  const base = temp.path;
  const [home, root, stateDir] = [join(base, "home"), join(base, "shop"), join(base, "state/repo-1")];
  const lane = join(stateDir, "lane");
  const tmp = join(stateDir, "scratch");
  for (const dir of [home, lane, tmp, join(root, ".git/objects"), join(base, "state/repo-2")]) {
    await mkdir(dir, { recursive: true });
  }
  await writeFile(join(root, "prd.json"), "{}");
  await writeFile(join(root, ".git/HEAD"), "ref: refs/heads/main\n");
  await writeFile(join(root, ".git/objects/object"), "borrowed");
  await writeFile(join(home, "secret"), "secret");
  const own = { PATH: process.env.PATH ?? "", LC_ALL: "C", HOME: home, ...env };
  const at = { root, commonDir: join(root, ".git"), stateDir, env: own };
  const opened = await openSandbox(at, sandboxSettings(sandboxSchema.parse(plan)));
  if (!opened.ok) throw new Error(JSON.stringify(opened.why));
  const { sandbox } = opened;
  const fence = (request: Partial<FenceRequest> = {}) =>
    sandbox.fence({ profile: "developer", lane, cwd: lane, scratch: [tmp], tmp, ...request });
  return {
    base,
    home,
    lane,
    sandbox,
    async run(script, request) {
      const argv = [...await fence(request), "sh", "-c", script];
      const { exit, stdout } = await exec(argv, { cwd: lane, env: own });
      return { code: exit.kind === "code" ? exit.code : null, stdout: stdout.toString() };
    },
    async start(argv, options) {
      const mark = `test.sandbox-${process.pid}.${++count}`;
      const stop = { signal: "SIGTERM", graceMs: 5000 } as const;
      const running = supervise({ argv, fence: await fence(), cwd: lane, env: own, mark, stop, ...options });
      return { ...running, mark };
    },
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
}

describe.skipIf(noSandbox !== null)(titled("a process in the sandbox"), () => {
  test("writes its lane and scratch, and nothing else", async () => {
    await using at = await place();
    const { base } = at;
    const places = [`${base}/state/repo-1`, `${base}/state/repo-2`, `${base}/home`, `${base}/shop`, "/usr", "/etc"];
    const { stdout } = await at.run(`
      for dir in . $PWD/../scratch /tmp /var/tmp ${places.join(" ")}; do echo x > $dir/written && echo "$dir"; done
    `);
    expect(stdout).toMatch(/^\.\n\S+\/scratch\n\/tmp\n\/var\/tmp\n/);
    expect(stdout).not.toMatch(/^\/(usr|etc)$/m);
    for (const dir of places) expect(await pathExists(join(dir, "written"))).toBe(false);
    expect(await readFile(join(at.lane, "written"), "utf8")).toBe("x\n");
  });

  test("sees nothing of homes and checkout but the object store, which it can't write", async () => {
    await using at = await place();
    const { stdout } = await at.run(`
      cat ${at.home}/secret ${at.base}/shop/prd.json ${at.base}/shop/.git/HEAD
      ls -A ${at.base}/state /root /home
      cat ${at.base}/shop/.git/objects/object
      echo x > ${at.base}/shop/.git/objects/planted && echo planted
    `);
    expect(stdout).toContain("borrowed");
    expect(stdout).not.toMatch(/secret|refs\/heads|planted|repo-2|\.ssh/);
  });

  test("reads its lane only, as a reviewer", async () => {
    await using at = await place();
    await writeFile(join(at.lane, "code"), "x");
    expect(await at.run("cat code; echo y > code", { profile: "reviewer" })).toEqual({ code: 2, stdout: "x" });
  });

  test("sees installed programs of a home, where links on PATH lead, and no settings", async () => {
    await using box = await tempDir();
    const home = join(box.path, "home");
    const venv = join(home, ".local/share/venvs/tool/bin");
    await mkdir(join(home, ".local/bin"), { recursive: true });
    await mkdir(venv, { recursive: true });
    await mkdir(join(home, ".nvm/versions"), { recursive: true });
    await mkdir(join(home, ".config"), { recursive: true });
    await writeFile(join(home, ".nvm/versions/one"), "node");
    await writeFile(join(home, ".config/token"), "secret");
    await writeFile(join(venv, "tool"), "#!/bin/sh\ncat $(dirname $(readlink -f $0))/../data\n", { mode: 0o755 });
    await writeFile(join(venv, "../data"), "found\n");
    await symlink(join(venv, "tool"), join(home, ".local/bin/tool"));
    const env = { HOME: home, PATH: `${home}/.local/bin:${process.env.PATH}` };
    await using at = await place("required", env);
    const { stdout } = await at.run(
      `tool; cat ${home}/.nvm/versions/one ${home}/.config/token; echo x > ${home}/.nvm/x`,
    );
    expect(stdout).toBe("found\nnode");
  });

  test("fills caches of its lane in place of the person's, which keep their programs", async () => {
    await using box = await tempDir();
    await mkdir(join(box.path, ".cargo/bin"), { recursive: true });
    await writeFile(join(box.path, ".cargo/bin/cargo"), "program\n");
    await writeFile(join(box.path, ".cargo/credentials.toml"), "secret\n");
    await using at = await place("required", { HOME: box.path });
    const cargo = join(box.path, ".cargo");
    const { stdout } = await at.run(`cat ${cargo}/bin/cargo ${cargo}/credentials.toml; echo crate > ${cargo}/crate`);
    expect(stdout).toBe("program\n");
    expect(await pathExists(join(cargo, "crate"))).toBe(false);
    expect((await at.run(`cat ${cargo}/crate`, { profile: "validator" })).stdout).toBe("crate\n");
  });

  test("has the settings of package managers and a home of its own only while it sets up", async () => {
    await using box = await tempDir();
    await writeFile(join(box.path, ".npmrc"), "registry=x\n");
    await using at = await place("required", { HOME: box.path });
    const script = `cat ${box.path}/.npmrc; echo x > ${box.path}/written; cat ${box.path}/written`;
    expect((await at.run(script, { profile: "setup" })).stdout).toBe("registry=x\nx\n");
    expect((await at.run(`cat ${box.path}/.npmrc ${box.path}/written`, { profile: "validator" })).stdout).toBe("");
    expect((await at.run(`cat ${box.path}/written`, { profile: "setup" })).stdout).toBe("x\n");
    expect(await pathExists(join(box.path, "written"))).toBe(false);
  });

  test("reads and writes what the plan names besides", async () => {
    await using box = await tempDir();
    for (const name of ["seen", "shared"]) await mkdir(join(box.path, name));
    await writeFile(join(box.path, "seen/file"), "seen\n");
    await using at = await place({ read: ["~/seen"], write: ["~/shared"] }, { HOME: box.path });
    const script = `cat ${box.path}/seen/file; echo x > ${box.path}/seen/y; echo x > ${box.path}/shared/y`;
    expect((await at.run(script)).stdout).toBe("seen\n");
    expect(await pathExists(join(box.path, "seen/y"))).toBe(false);
    expect(await pathExists(join(box.path, "shared/y"))).toBe(true);
  });

  test("writes a login that is shared with the person, and nothing beside it", async () => {
    await using at = await place();
    const login = join(at.home, "auth.json");
    await writeFile(login, "old");
    const script = `cat ${login}; printf new > ${login}; echo x > ${at.home}/beside; cat ${at.home}/secret`;
    expect((await at.run(script, { write: [login] })).stdout).toBe("old");
    expect(await readFile(login, "utf8")).toBe("new");
    expect(await pathExists(join(at.home, "beside"))).toBe(false);
  });

  test("takes no mount away, neither as root of a namespace of its own nor through devices or the kernel", async () => {
    await using at = await place();
    const { stdout } = await at.run(String.raw`
      undo() {
        umount /home /root /run; umount -l ${at.base}/shop; mount -o remount,rw /; mount -o remount,rw,bind /usr
        touch /usr/written && echo "written"; cat ${at.home}/secret; ls ${at.base}/shop/prd.json
        mount --bind / /mnt && touch /mnt/usr/written && echo "written by another mount"
      }
      undo
      unshare -Urm sh -c 'umount -l /home /root; mount -o remount,rw,bind /usr; touch /usr/written; cat "$0"' ${at.home}/secret
      nsenter -t 1 -m cat ${at.home}/secret
      cat /proc/1/root${at.home}/secret /proc/*/cwd/../secret
      for file in /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe /proc/sys/vm/drop_caches /proc/sysrq-trigger \
        /sys/kernel/uevent_helper /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/cgroup.procs; do
        # Opened for writing, nothing is written: these are the settings of the machine that runs this test.
        (: >> $file) && echo "$file"
      done
      mknod disk b 8 0 && head -c1 disk && echo "disk"
      ls /dev/sd* /dev/nvme* /dev/mem /dev/kmsg && echo "devices"
    `);
    expect(stdout.trim()).toBe("");
    expect(await pathExists("/usr/written")).toBe(false);
  });

  test.each([["open", true], ["none", false]] as const)("network %s", async (network, reached) => {
    await using at = await place({ network: { agents: network } });
    const { stdout } = await at.run("cat /proc/net/route | wc -l; ls /sys/class/net >/dev/null; cat /proc/net/dev");
    expect(/eth|ens|enp|wl|docker|veth/.test(stdout)).toBe(reached);
  });

  test("can't write a file without end, nor fork without end unless it is root", async () => {
    await using at = await place();
    const { stdout } = await at.run("cat /proc/self/limits");
    expect(stdout).toMatch(/Max file size +34359738368 +34359738368/);
    expect(stdout).toMatch(/Max processes +\d{1,4} /);
    expect(stdout).toMatch(/Max core file size +0 /);
  });

  test("can't take all the memory of the machine", async () => {
    await using at = await place();
    const limits = (await at.run("cat /proc/self/limits")).stdout;
    const [, bytes = ""] = /Max data size +(\d+) /.exec(limits) ?? [];
    expect(Number(bytes)).toBeGreaterThan(totalmem() * 0.5);
    expect(Number(bytes)).toBeLessThan(totalmem());
  });
});

describe.skipIf(noSandbox !== null)(titled("supervising a process in the sandbox"), () => {
  const waiting = (signal: string) =>
    `trap 'echo got ${signal}; exit 7' ${signal}; echo ready; while :; do sleep 0.05; done`;

  test.each(["SIGTERM", "SIGINT"] as const)("%s reaches it, and it has its grace", async (signal) => {
    await using at = await place();
    const lines: string[] = [];
    const run = await at.start(["sh", "-c", waiting(signal.slice(3))], {
      stop: { signal, graceMs: 20_000 },
      onStdoutLine: (line) => lines.push(line),
    });
    await waitUntil(() => lines.includes("ready"));
    run.stop({ kind: "timeout", limitMs: 1 });
    const { exit } = await run.done;
    expect(lines).toContain(`got ${signal.slice(3)}`);
    expect(exit).toEqual({ kind: "code", code: 7, why: { kind: "timeout", limitMs: 1 } });
  });

  test("one that ignores the signal is killed after its grace", async () => {
    await using at = await place();
    const lines: string[] = [];
    const run = await at.start(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], {
      stop: { signal: "SIGTERM", graceMs: 200 },
      onStdoutLine: (line) => lines.push(line),
    });
    await waitUntil(() => lines.includes("ready"));
    run.stop({ kind: "timeout", limitMs: 1 });
    expect(await run.done).toMatchObject({ exit: { kind: "signal", signal: "SIGKILL", sentBy: "us" } });
    expect(await findMarked(run.mark)).toEqual([]);
  });

  test("one that is stopped before it has started ends at once", async () => {
    await using at = await place();
    const run = await at.start(["sh", "-c", "sleep 60"], { stop: { signal: "SIGTERM", graceMs: 30_000 } });
    run.stop({ kind: "timeout", limitMs: 1 });
    const { exit, durationMs } = await run.done;
    expect(exit).toMatchObject({ kind: "signal", sentBy: "us" });
    expect(durationMs).toBeLessThan(5000);
  });

  test.each([["SEGV", "SIGSEGV"], ["KILL", "SIGKILL"]] as const)(
    "death by SIG%s is told from a code",
    async (name, signal) => {
      await using at = await place();
      const { exit } = await (await at.start(["sh", "-c", `kill -s ${name} $$`])).done;
      expect(exit).toEqual({ kind: "signal", signal, sentBy: "other" });
    },
  );

  test.each([0, 3, 41, 145])("exit code %i stays one", async (code) => {
    await using at = await place();
    const { exit } = await (await at.start(["sh", "-c", `exit ${code}`])).done;
    expect(exit).toEqual({ kind: "code", code });
  });

  test("a daemon in a session of its own ends with it", async () => {
    await using at = await place();
    const run = await at.start([
      "sh",
      "-c",
      "setsid sh -c 'echo $$ > pid; exec sleep 300.7' & while [ ! -s pid ]; do :; done",
    ]);
    expect(await run.done).toMatchObject({ exit: { kind: "code", code: 0 }, swept: 0 });
    expect(await findMarked(run.mark)).toEqual([]);
    const { stdout } = await exec(["ps", "-eo", "args"], { env: { PATH: process.env.PATH ?? "" } });
    expect(stdout.toString()).not.toContain("sleep 300.7");
  });

  test("its processes carry the mark, so that their work counts as life", async () => {
    await using at = await place();
    const lines: string[] = [];
    const run = await at.start([
      "sh",
      "-c",
      "echo ready; end=$(($(date +%s) + 2)); while [ $(date +%s) -lt $end ]; do :; done",
    ], {
      onStdoutLine: (line) => lines.push(line),
      busy: () => true,
      idleMs: 400,
      toolIdleMs: 400,
    });
    await waitUntil(() => lines.includes("ready"));
    expect((await findMarked(run.mark)).length).toBeGreaterThanOrEqual(3);
    expect((await run.done).exit).toEqual({ kind: "code", code: 0 });
  });

  test("it ends within moments when its runner is killed", async () => {
    await using at = await place();
    const fence = await at.sandbox.fence({
      profile: "validator",
      lane: at.lane,
      cwd: at.lane,
      scratch: [],
      tmp: at.lane,
    });
    const runner = supervise({
      argv: onThisRuntime(join(import.meta.dirname, "fenced.ts"), JSON.stringify(fence)),
      cwd: at.lane,
      env: { PATH: process.env.PATH ?? "", HOME: at.home },
      mark: `test.runner-${process.pid}.1`,
      stop: { signal: "SIGKILL", graceMs: 1 },
    });
    const ready = join(at.lane, "ready");
    await waitUntil(() => pathExists(ready), 20_000);
    const inside = await findMarked("test.fenced.1");
    expect(inside.length).toBeGreaterThan(0);
    process.kill(runner.pid!, "SIGKILL");
    await runner.done;
    await waitUntil(() => inside.every((pid) => !alive(pid)), 5000);
  });

  test("a sandbox that can't be made has started nothing", async () => {
    await using at = await place();
    const gone = join(at.base, "state/repo-1/gone");
    const fence = await at.sandbox.fence({
      profile: "developer",
      lane: at.lane,
      cwd: at.lane,
      scratch: [gone],
      tmp: at.lane,
    });
    const { exit } = await (await at.start(["true"], { fence })).done;
    expect(exit).toMatchObject({
      kind: "spawn-failed",
      errno: "ESANDBOX",
      message: expect.stringContaining("bwrap: "),
    });
  });
});

describe("where there is no sandbox", () => {
  test("a missing bubblewrap is told", async () => {
    await using dir = await tempDir();
    const at = { root: dir.path, commonDir: dir.path, stateDir: join(dir.path, "s"), env: { PATH: dir.path } };
    const opened = await openSandbox(at, sandboxSettings("auto"));
    const kind = process.platform === "linux" ? "missing" : "platform";
    expect(opened).toMatchObject({ ok: false, why: { kind } });
  });

  test.skipIf(process.platform !== "linux").each([
    ["does not start", 'echo "bwrap: No permissions to create a new namespace" >&2; exit 1', "failed", /namespace/],
    ["does nothing", 'while [ "$1" != sh ]; do shift; done; exec "$@"', "leaks", /outside of the lane/],
  ])("one that %s is found out before it is relied on", async (_what, script, kind, said) => {
    await using dir = await tempDir();
    const bwrap = join(dir.path, "bwrap");
    await writeFile(bwrap, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const env = { PATH: `${dir.path}:${process.env.PATH}` };
    const at = { root: dir.path, commonDir: dir.path, stateDir: join(dir.path, "s"), env };
    const opened = await openSandbox(at, sandboxSettings("auto"));
    expect(opened).toMatchObject({ ok: false, why: { kind } });
    expect(JSON.stringify(opened)).toMatch(said);
    expect(await stat(join(dir.path, "s"))).toBeDefined();
  });
});
