import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { readTextOrNull } from "../../src/system/files.ts";
import { which } from "../../src/system/which.ts";

/** What becomes of the git call at which its caller is killed by SIGKILL. */
export type GitFate =
  /** Git was not started any more. */
  | "before"
  /** Git goes on alone: its caller is gone while it works. */
  | "alone"
  /** Git had ended. */
  | "after"
  /** Git is killed with its caller, `delayMs` after it began. */
  | "during"
  /** Git is killed at its n-th change of the disk (`syscall`), its caller at the same moment. Needs `strace`. */
  | "cut"
  /** Only git is killed, `delayMs` after it began: its caller sees it end by a signal. */
  | "git";

export interface KillAt {
  /** Only calls of this process count. */
  pid: number;
  /** Counted from 1, from when it was armed. */
  call: number;
  fate: GitFate;
  delayMs?: number;
  /** @default {1} */
  syscall?: number;
}

/** A `git` that stands first on PATH and may kill whoever calls it. */
export interface GitShim {
  /** For the environment of the process to kill. */
  path: string;
  /** A process may also arm it against itself: `<pid> <call> <fate> <delay in seconds> <syscall>` in this file. */
  armed: string;
  arm(kill: KillAt): Promise<void>;
  disarm(): Promise<void>;
  /** How many calls were counted since it was armed. */
  calls(): Promise<number>;
  /** The arguments of the call that killed, or `null`. */
  fired(): Promise<string | null>;
}

/** Which system calls change what is on the disk in a way that a crash in between would show. */
const changes = "rename,unlink,unlinkat,write,link,mkdir,fsync,truncate,ftruncate";

/** Makes the shim in `dir`. Everything before it is armed goes to the real git. */
export async function installGitShim(dir: string, env: Record<string, string>): Promise<GitShim> {
  await mkdir(dir, { recursive: true });
  const git = await which("git", env);
  const armed = join(dir, "armed");
  const script = [
    "#!/bin/sh",
    `if [ -e "${armed}" ]; then`,
    `  read -r pid call fate delay syscall < "${armed}"`,
    // Every part is a builtin: a shim that starts programs would slow down what it watches.
    // The runner's own child, or the child of the shell that starts its git (field 4 of the manual: whose child that is).
    `  read -r _ _ _ parent _ < "/proc/$PPID/stat"`,
    `  if [ "$PPID" = "$pid" ] || [ "$parent" = "$pid" ]; then`,
    `    echo x >> "${dir}/calls"`,
    "    n=0",
    `    while read -r _; do n=$((n + 1)); done < "${dir}/calls"`,
    `    if [ "$n" -ge "$call" ]; then`,
    `      echo "$*" > "${dir}/fired"`,
    `      case $fate in`,
    `        before) kill -9 "$pid"; exit 1 ;;`,
    `        alone) kill -9 "$pid" ;;`,
    `        after) "${git}" "$@"; code=$?; kill -9 "$pid"; exit $code ;;`,
    `        during) "${git}" "$@" <&0 & own=$!; sleep "$delay"; kill -9 "$own" "$pid"; exit 1 ;;`,
    `        git) "${git}" "$@" <&0 & own=$!; sleep "$delay"; rm -f "${armed}"; kill -9 "$own" 2> /dev/null; kill -9 $$ ;;`,
    `        cut) strace -f -qq -o "${dir}/trace" -e trace=${changes} -e "inject=${changes}:signal=SIGKILL:when=$syscall" \\`,
    `          "${git}" "$@"; kill -9 "$pid"; exit 1 ;;`,
    "      esac",
    "    fi",
    "  fi",
    "fi",
    `exec "${git}" "$@"`,
  ];
  const file = join(dir, "git");
  await writeFile(file, `${script.join("\n")}\n`);
  await chmod(file, 0o755);
  const forget = () =>
    Promise.all(["armed", "calls", "fired"].map((name) => rm(join(dir, name), { force: true }))).then(() => undefined);
  return {
    armed,
    path: `${dir}${delimiter}${env.PATH}`,
    async arm({ pid, call, fate, delayMs = 0, syscall = 1 }) {
      await forget();
      await writeFile(`${armed}.next`, `${pid} ${call} ${fate} ${delayMs / 1000} ${syscall}\n`);
      await rename(`${armed}.next`, armed);
    },
    disarm: forget,
    calls: async () => (await readTextOrNull(join(dir, "calls")) ?? "").length / 2,
    fired: async () => (await readTextOrNull(join(dir, "fired")))?.trim() ?? null,
  };
}
