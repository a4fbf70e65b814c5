import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { markVariable } from "./marks.ts";

/** A small process that outlives this one by a few seconds at most, to end what this one had started. */
export interface Watcher {
  /** False once it has gone, whoever ended it. */
  isRunning: () => boolean;
  /** The process group of a new process, and the beginning of the marks that its descendants carry. */
  started: (pid: number, marks: string) => void;
  ended: (pid: number) => void;
  /** Sends it away: everything has ended. Resolves when it has gone. */
  close: () => Promise<void>;
}

/**
 * Reads what runs from standard input, a pipe that nobody but the runner holds; its end without a farewell means that
 * the runner died. Then every process with one of the marks, and every group that was running, gets SIGTERM, and SIGKILL
 * a second later; after three looks that found nothing, and after fifteen in any case, it goes.
 *
 * Plain POSIX shell: it starts in a millisecond and needs 2 MB for as long as a run takes, a Node program 30 ms and 45 MB.
 * Where there is no /proc, only the groups are known.
 */
const script = `# Capstan's watcher: when the run is killed, it ends what the run had started.
trap '' HUP INT TERM QUIT
cd /proc 2>/dev/null || cd /
groups= marks=" $1"
while read -r what pid mark; do
  case $what in
    +)
      groups="$groups $pid"
      case "$marks " in *" $mark "*) ;; *) marks="$marks $mark" ;; esac ;;
    -)
      kept=
      for group in $groups; do [ "$group" = "$pid" ] || kept="$kept $group"; done
      groups=$kept ;;
    .) exit 0 ;;
  esac
done
set --
for mark in $marks; do set -- "$@" -e "${markVariable}=$mark"; done
[ $# -gt 0 ] || exit 0
IFS="/$IFS"
look=0 quiet=0 told=' '
tell() {
  case $told in *" $signal$1 "*) return ;; esac
  told="$told$signal$1 "
  kill -s $signal -- "$1" 2>/dev/null
}
while [ $quiet -lt 3 ] && [ $look -lt 15 ]; do
  if [ $look -lt 5 ]; then signal=TERM; else signal=KILL; fi
  look=$((look + 1)) quiet=$((quiet + 1)) kept=
  for pid in $(grep -lsF "$@" [0-9]*/environ); do
    [ "$pid" = environ ] && continue
    quiet=0
    tell "$pid"
    tell "-$pid"
  done
  for group in $groups; do
    kill -s 0 -- "-$group" 2>/dev/null || continue
    quiet=0 kept="$kept $group"
    tell "-$group"
  done
  groups=$kept
  sleep 0.2 || sleep 1
done
`;

/**
 * Starts a watcher in a session of its own, so that neither the terminal nor the end of any process group reaches it.
 * `marks` is what the marks of the first process begin with. It carries no mark itself, so no sweep finds it, and it does not keep this process from ending. Never throws: without a
 * watcher, the next run's start still ends what is left.
 */
export function startWatcher(marks: string): Watcher {
  const child = spawnWatcher(marks);
  let isRunning = child?.pid !== undefined;
  child?.once("error", () => isRunning = false);
  child?.once("exit", () => isRunning = false);
  child?.stdin.on("error", () => isRunning = false);
  child?.unref();
  (child?.stdin as Socket | undefined)?.unref();
  const say = (line: string) => {
    if (isRunning) child?.stdin.write(`${line}\n`);
  };
  return {
    isRunning: () => isRunning,
    started: (pid, its) => say(`+ ${pid} ${its}`),
    ended: (pid) => say(`- ${pid}`),
    close: async () => {
      if (child === null || !isRunning) return;
      child.ref();
      const gone = once(child, "exit");
      say(".");
      child.stdin.end();
      await gone;
    },
  };
}

function spawnWatcher(marks: string): ChildProcessByStdio<Writable, null, null> | null {
  // Bare on purpose: with our environment it could carry the mark of an outer run.
  const env = { PATH: process.env.PATH ?? "/usr/bin:/bin" };
  try {
    // The first marks as an argument: a line could still be on its way when this process dies.
    return spawn("sh", ["-c", script, "capstan", marks], {
      cwd: "/",
      env,
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
  } catch {
    // Deno, when it may not start `sh`.
    return null;
  }
}
