import { type FSWatcher, readdirSync, readFileSync, watch } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { GitFate, GitShim } from "../../test/support/git-shim.ts";
import type { TestRepo } from "../../test/support/repo.ts";
import { branch } from "./scenario.ts";
import type { Random } from "./random.ts";

/** When a runner is killed, and who with it. */
export type Kill =
  | { at: "git"; call: number; fate: GitFate; delayMs: number; syscall: number }
  /** When something happens to a file whose path (below the repository's base folder) matches. */
  | { at: "file"; file: WatchedFile; delayMs: number; all: boolean }
  | { at: "time"; delayMs: number; all: boolean };

export type WatchedFile = keyof typeof watched;

/** Files by which an effect of the runner shows: the folder to watch and the names in it. */
const watched = {
  "plan's temporary file": (place: Places) => ({ dir: dirname(place.plan), name: /^\.?prd\.json\..*\d/ }),
  "plan": (place: Places) => ({ dir: dirname(place.plan), name: /^prd\.json$/ }),
  "progress": (place: Places) => ({ dir: dirname(place.plan), name: /^progress\.txt$/ }),
  "landing.json": (place: Places) => ({ dir: place.own, name: /^landing\.json/ }),
  "inflight.json": (place: Places) => ({ dir: place.own, name: /^inflight\.json/ }),
  "index.lock": (place: Places) => ({ dir: place.git, name: /^index\.lock$/ }),
  "HEAD": (place: Places) => ({ dir: place.git, name: /^HEAD/ }),
  "branch": (place: Places) => ({ dir: join(place.git, "refs/heads", dirname(branch)), name: /^/ }),
  "ledger": (place: Places) => ({ dir: join(place.git, "refs/capstan/ledger"), name: /^/ }),
  "attempts": (place: Places) => ({ dir: join(place.git, "refs/capstan/attempts"), name: /^/ }),
  "lane": (place: Places) => ({ dir: place.state, name: /^lane/ }),
  "verify lane": (place: Places) => ({ dir: place.state, name: /^verify/ }),
  "homes": (place: Places) => ({ dir: join(place.state, "homes"), name: /^/ }),
  "agent began": (place: Places) => ({ dir: join(place.witnesses, "began"), name: /^/ }),
  "agent done": (place: Places) => ({ dir: join(place.witnesses, "done"), name: /^/ }),
} as const;

export interface Places {
  plan: string;
  git: string;
  own: string;
  state: string;
  witnesses: string;
}

export async function placesOf(repo: TestRepo, plan: string, witnesses: string): Promise<Places> {
  const states = join(repo.env.XDG_STATE_HOME!, "capstan");
  const [key = "none"] = await readdir(states).catch(() => []);
  const git = join(repo.dir, ".git");
  return { plan: join(repo.dir, plan), git, own: join(git, "capstan"), state: join(states, key), witnesses };
}

/** Draws when to kill next. `calls` is how many git calls a whole run makes, as far as is known. */
export function drawKill(dice: Random, calls: number, fates: readonly GitFate[]): Kill {
  const kind = dice.next();
  const all = dice.chance(0.3);
  if (kind < 0.6) {
    const fate = dice.pick(fates);
    return { at: "git", call: dice.int(1, calls), fate, delayMs: dice.int(0, 60) / 10, syscall: dice.int(1, 8) };
  }
  if (kind < 0.85) {
    const file = dice.pick(Object.keys(watched) as WatchedFile[]);
    return { at: "file", file, delayMs: dice.chance(0.5) ? 0 : dice.int(1, 60), all };
  }
  return { at: "time", delayMs: dice.int(100, 2500), all };
}

/** The point that a kill hit, as one word of the figures. `argv` is that of the git call that was hit. */
export function pointOf(kill: Kill, argv: string | null): string {
  if (kill.at === "git") return `${kill.fate} ${purposeOf(argv ?? "")}`;
  const whom = kill.all ? "all" : "runner";
  return kill.at === "file" ? `${whom} at ${kill.file}` : `${whom} at random`;
}

/** `update-ref land`, `read-tree -m`: a git call without settings, ids and paths. */
function purposeOf(argv: string): string {
  const words = argv.replaceAll(/-c \S+ /g, "").split(" ");
  const reason = /capstan: (\S+)/.exec(argv)?.[1];
  const flags = words.slice(1).filter((word) => /^-{1,2}[a-z]+$/.test(word)).slice(0, 3);
  return [words[0] ?? "", ...reason === undefined ? flags : [reason]].join(" ");
}

/** Lets a kill happen to a process that has just started. `stop` ends the waiting; `killed` says whether it happened. */
export async function arm(
  kill: Kill,
  process: { pid: number; base: string; shim: GitShim; places: Places },
): Promise<{ stop(): void; hit(): boolean }> {
  const { pid, base, shim, places } = process;
  let hit = false;
  const strike = (all: boolean): void => {
    if (hit) return;
    hit = signal(pid);
    if (hit && all) killEverything(base);
  };
  if (kill.at === "git") {
    await shim.arm({ pid, ...kill });
    return { stop: () => undefined, hit: () => hit };
  }
  if (kill.at === "time") {
    const timer = setTimeout(() => strike(kill.all), kill.delayMs);
    return { stop: () => clearTimeout(timer), hit: () => hit };
  }
  const { dir, name } = watched[kill.file](places);
  let timer: NodeJS.Timeout | null = null;
  const watcher = open(dir, (changed) => {
    if (!name.test(changed) || timer !== null) return;
    if (kill.delayMs === 0) strike(kill.all);
    else timer = setTimeout(() => strike(kill.all), kill.delayMs);
  });
  return {
    stop: () => {
      watcher?.close();
      if (timer !== null) clearTimeout(timer);
    },
    hit: () => hit,
  };
}

function open(dir: string, on: (name: string) => void): FSWatcher | null {
  try {
    const watcher = watch(dir, (_, name) => on(name ?? ""));
    watcher.on("error", () => undefined);
    return watcher;
  } catch {
    return null;
  }
}

function signal(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

/** What a container that stops does: nobody who belongs to this repository is left. */
function killEverything(base: string): void {
  for (const pid of processesOf(base)) signal(pid);
}

/** Every live process whose environment names this folder: runners, their git, agents and what those left. */
export function processesOf(base: string): number[] {
  return readdirSync("/proc").map(Number).filter((pid) => {
    if (!Number.isInteger(pid) || pid === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/environ`).includes(base);
    } catch {
      return false;
    }
  });
}

/** What such a process is, for people. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").map((part) => basename(part)).join(" ").slice(
      0,
      200,
    );
  } catch {
    return "gone";
  }
}
