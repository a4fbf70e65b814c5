import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { SandboxMiss, SandboxSettings } from "../model/sandbox.ts";
import { temporaryBeside } from "./atomic.ts";
import { exec } from "./exec.ts";
import { pathExists, removeTree } from "./files.ts";
import type { Sandbox, SandboxPlace } from "./sandbox.ts";

const probeTimeoutMs = 10_000;

/** Writes where it may and where it must not, in a lane that holds nothing. `null` when the sandbox does what it should. */
export async function tryOut(
  { stateDir, commonDir, env }: SandboxPlace,
  { write }: SandboxSettings,
  sandbox: Sandbox,
): Promise<SandboxMiss | null> {
  const dir = temporaryBeside(join(stateDir, "probe"));
  await mkdir(dir, { recursive: true });
  const lane = join(dir, "lane");
  const head = join(commonDir, "HEAD");
  // Whoever opens a home to agents is not told that it is open.
  const atHome = write.length > 0 || env.HOME === undefined ? join(dir, "escaped") : join(env.HOME, basename(dir));
  const [tmp, inside, outside] = [join(dir, "tmp"), join(lane, "written"), join(dir, "escaped")];
  try {
    await Promise.all([mkdir(lane), mkdir(tmp)]);
    const fence = await sandbox.fence({ profile: "validator", lane, cwd: lane, scratch: [tmp], tmp });
    const script = `echo x > "$1" || exit 9
      (echo x > "$2") 2>/dev/null
      [ ! -e "$3" ] || echo seen
      (echo x > "$4") 2>/dev/null
      [ ! -w /usr ] || echo system
      [ ! -w /proc/sys/kernel/core_pattern ] || echo kernel
      echo "pid $$"`;
    const argv = [...fence, "sh", "-c", script, "sh", inside, outside, head, atHome];
    const { exit, stdout, stderr } = await exec(argv, {
      cwd: lane,
      env: { ...env },
      timeoutMs: probeTimeoutMs,
    });
    if (exit.kind !== "code" || exit.code !== 0 || !await pathExists(inside)) {
      const said = stderr.trim().split("\n")[0]!;
      return { kind: "failed", message: said === "" ? "it did not start" : said };
    }
    const lines = stdout.toString("utf8").trim().split("\n");
    if (await pathExists(outside)) return { kind: "leaks", what: "a file outside of the lane could be written" };
    if (lines.includes("seen")) return { kind: "leaks", what: "the repository was visible" };
    if (await pathExists(atHome)) return { kind: "leaks", what: "the home could be written" };
    if (lines.includes("system")) return { kind: "leaks", what: "installed programs could be written" };
    if (lines.includes("kernel")) return { kind: "leaks", what: "the kernel's settings could be written" };
    if (Number(lines.at(-1)?.slice(4)) > 100) return { kind: "leaks", what: "processes of others were visible" };
    return null;
  } finally {
    await removeTree(atHome);
    await removeTree(dir);
    await removeTree(`${lane}.tools`);
  }
}
