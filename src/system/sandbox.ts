import { mkdir, readFile, stat } from "node:fs/promises";
import { totalmem, userInfo } from "node:os";
import { dirname, join, relative } from "node:path";
import type { SandboxMiss, SandboxSettings } from "../model/sandbox.ts";
import { pathExists } from "./files.ts";
import { isInside } from "./paths.ts";
import { type Caps, fenceArgs, type Mount } from "./sandbox-args.ts";
import {
  cachesOf,
  objectStores,
  packageSettings,
  programsBelow,
  realpathOrNull,
  type ToolCache,
  toolsBelow,
} from "./sandbox-tools.ts";
import { tryOut } from "./sandbox-try.ts";
import { openWays, wayOut } from "./way-out.ts";
import { which } from "./which.ts";

/** Where the person works and what Capstan keeps for it. All absolute. */
export interface SandboxPlace {
  root: string;
  commonDir: string;
  stateDir: string;
  env: Readonly<Record<string, string>>;
}

/** What one process may do. */
export interface FenceRequest {
  /**
   * `developer` writes its lane, `reviewer` reads it; `validator` and `setup` run what agents wrote. Only `setup` sees
   * the settings of package managers.
   */
  profile: "developer" | "reviewer" | "validator" | "setup";
  /** The root of the lane. */
  lane: string;
  /** Where it starts, in the lane. */
  cwd: string;
  /** Folders of its own, removed after it. */
  scratch: readonly string[];
  /** The folder that is `/tmp` and `/var/tmp` for it. */
  tmp: string;
  /** The folder that is the person's home for it; absent: that home is hidden. */
  home?: string;
  /** Files and folders that it shares with the person. */
  write?: readonly string[];
  /** Programs that it needs. */
  read?: readonly string[];
}

/** The fence around lanes, on this machine and for this repository. */
export interface Sandbox {
  /** The beginning of a command line: what follows it runs inside. Makes folders that are missing. */
  fence(request: FenceRequest): Promise<string[]>;
  /** A folder that agents of this repository may keep, for what they would unpack every time. */
  kept(name: string): string;
}

/** `caps` is `null` where there are none; those of processes do not bind root. */
export type SandboxOpened =
  | { ok: true; sandbox: Sandbox; caps: Caps | null; isRoot: boolean }
  | { ok: false; why: SandboxMiss };

/** Enough for big builds; what runs away is stopped. */
const wantedCaps = (): Caps => ({
  processes: 8192,
  fileBytes: 32 * 2 ** 30,
  // A process that takes all there is would have the kernel end others.
  memoryBytes: Math.floor(totalmem() * 0.9),
});

/** Parts of /run that programs need: name resolution, local databases, NixOS. Everything else there is a way out. */
const shownOfRun = [
  "systemd/resolve",
  "NetworkManager",
  "resolvconf",
  "connman",
  "nscd",
  "postgresql",
  "mysqld",
  "redis",
  "memcached",
  "current-system",
  "booted-system",
  "opengl-driver",
];

/** What of Capstan itself its own agents run from: it may be in a hidden folder. */
const ourselves = ["src", "dist", "node_modules", "registries", "package.json"].map((name) =>
  join(dirname(dirname(import.meta.dirname)), name)
);

/** Where everybody on a machine writes: each process inside has its own. */
const temporary = ["/tmp", "/var/tmp"];

/** Looks at this machine and tries the sandbox once, for real. About 15 ms. */
export async function openSandbox(place: SandboxPlace, settings: SandboxSettings): Promise<SandboxOpened> {
  if (process.platform !== "linux") return { ok: false, why: { kind: "platform", platform: process.platform } };
  const bwrap = await which("bwrap", place.env);
  if (bwrap === null) return { ok: false, why: { kind: "missing" } };
  const refused = await openWays(place.stateDir, settings);
  if (refused !== null) return { ok: false, why: { kind: "failed", message: refused } };
  const around = await lookAround(place, settings, bwrap);
  const sandbox = createSandbox(around, settings);
  const why = await tryOut(place, settings, sandbox);
  if (why !== null) return { ok: false, why };
  return { ok: true, sandbox, caps: around.prlimit === null ? null : around.caps, isRoot: around.isRoot };
}

/** What holds for every process of a run. */
interface Surroundings {
  bwrap: string;
  prlimit: string | null;
  caps: Caps;
  isRoot: boolean;
  home: string | null;
  stateDir: string;
  caches: ToolCache[];
  /** Folders that are not what they are outside. */
  covered: string[];
  mounts: Mount[];
}

async function lookAround(place: SandboxPlace, settings: SandboxSettings, bwrap: string): Promise<Surroundings> {
  const { env, root, commonDir, stateDir } = place;
  const home = env.HOME === undefined ? null : await realpathOrNull(env.HOME);
  const hidden = await folders([
    "/home",
    "/root",
    "/run",
    ...(home === null ? [] : [home]),
    accountHome(),
    root,
    commonDir,
    dirname(stateDir),
  ]);
  const covered = [...hidden, ...temporary];
  const below = home ?? "/nonexistent";
  const expand = async (paths: readonly string[]) =>
    (await Promise.all(paths.map((path) => realpathOrNull(path.startsWith("~/") ? join(below, path.slice(2)) : path))))
      .filter((path) => path !== null);
  const read = [
    ...await objectStores(commonDir, root),
    ...await toolsBelow(covered, env, below),
    ...await programsBelow(covered, below, [process.execPath, ...ourselves]),
    ...shownOfRun.map((name) => join("/run", name)),
    ...await expand(settings.read),
  ];
  const write = await expand(settings.write);
  return {
    bwrap,
    prlimit: await which("prlimit", env),
    caps: await allowedCaps(),
    isRoot: process.getuid?.() === 0,
    home,
    stateDir,
    caches: await cachesOf(env, below),
    covered,
    mounts: [
      ...hidden.map((path): Mount => ({ path, access: "hidden" })),
      ...(await existing(read)).map((path): Mount => ({ path, access: "read" })),
      ...write.map((path): Mount => ({ path, access: "write" })),
    ],
  };
}

function createSandbox(around: Surroundings, { network }: SandboxSettings): Sandbox {
  const { home, caches } = around;
  const cacheMounts = new Map<string, Promise<Mount[]>>();

  async function makeCaches(tools: string): Promise<Mount[]> {
    const mounts: Mount[] = [];
    for (const { path, shown } of caches) {
      const from = join(tools, home !== null && isInside(path, home) ? relative(home, path) : path);
      await mkdir(from, { recursive: true });
      mounts.push(own(path, from), ...(await existing(shown)).map((dir): Mount => ({ path: dir, access: "read" })));
    }
    return mounts;
  }

  async function fence(request: FenceRequest): Promise<string[]> {
    const { profile, lane, cwd, scratch, tmp, write = [], read = [] } = request;
    const tools = `${lane}.tools`;
    const known = cacheMounts.get(tools) ?? makeCaches(tools);
    cacheMounts.set(tools, known);
    const mounts = [...around.mounts, ...temporary.map((path) => own(path, tmp)), ...await known];
    if (home !== null && (profile === "setup" || request.home !== undefined)) {
      const from = profile === "setup" ? tools : request.home!;
      await mkdir(from, { recursive: true });
      mounts.push(own(home, from));
    }
    if (home !== null && profile === "setup") {
      const settings = await existing(packageSettings.map((name) => join(home, name)));
      mounts.push(...settings.map((path): Mount => ({ path, access: "read" })));
    }
    const programs = await programsBelow(around.covered, home ?? "/nonexistent", read);
    mounts.push(
      ...programs.map((path): Mount => ({ path, access: "read" })),
      { path: lane, access: profile === "reviewer" ? "read" : "write" },
      ...[...scratch, ...write].map((path): Mount => ({ path, access: "write" })),
    );
    const who = profile === "setup" ? "setup" : profile === "validator" ? "validators" : "agents";
    const open = network[who];
    if (typeof open === "string") return fenceArgs({ ...around, mounts, cwd, network: open });
    const way = wayOut(around.stateDir, who);
    mounts.push({ path: way.socket, access: "write" });
    return fenceArgs({ ...around, mounts, cwd, network: way });
  }

  return { fence, kept: (name) => join(around.stateDir, "kept", name) };
}

function own(path: string, from: string): Mount {
  return { path, access: "write", from };
}

/** The home of the account, whatever HOME says. */
function accountHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    // A user id without an account, as in many containers.
    return "/root";
  }
}

/** Those that are folders, at their real places; never the root of everything. */
async function folders(paths: readonly string[]): Promise<string[]> {
  const real = await Promise.all(paths.map(async (path) => {
    const at = await realpathOrNull(path);
    return at !== null && at !== "/" && (await stat(at)).isDirectory() ? at : null;
  }));
  return [...new Set(real.filter((path) => path !== null))];
}

async function existing(paths: readonly string[]): Promise<string[]> {
  const there = await Promise.all(paths.map(pathExists));
  return paths.filter((_path, index) => there[index]);
}

/** A limit that is lower already stays: only root could raise it. */
async function allowedCaps(): Promise<Caps> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const hard = (name: string): number => {
    const [, value = "unlimited"] = new RegExp(`^${name} +\\S+ +(\\S+)`, "m").exec(limits) ?? [];
    return value === "unlimited" ? Infinity : Number(value);
  };
  const wanted = wantedCaps();
  return {
    processes: Math.min(wanted.processes, hard("Max processes")),
    fileBytes: Math.min(wanted.fileBytes, hard("Max file size")),
    memoryBytes: Math.min(wanted.memoryBytes, hard("Max data size")),
  };
}
