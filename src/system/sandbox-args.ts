import { dirname } from "node:path";

/** What a process finds at one path. */
export interface Mount {
  /** Absolute, without symbolic links. */
  path: string;
  /** `hidden`: an empty folder that can't be written; `read` and `write`: what is there, or what is at `from`. */
  access: "hidden" | "read" | "write";
  /** Another folder that appears at `path`. */
  from?: string;
}

/** Upper bounds for one process and what it starts; `null` where nothing may be lowered. */
export interface Caps {
  /** Processes and threads of the user inside of the sandbox; does not bind root. */
  processes: number;
  fileBytes: number;
  /** Private memory of one process. */
  memoryBytes: number;
}

export interface FenceFacts {
  bwrap: string;
  /** `null` when util-linux is not there: then there are no caps. */
  prlimit: string | null;
  caps: Caps;
  isRoot: boolean;
  mounts: readonly Mount[];
  cwd: string;
  /** A list of arguments is a bridge to the only way out: it stands before the command, and serves a proxy at a port. */
  network: "open" | "none" | { bridge: readonly string[]; proxy: string };
}

/** What root keeps: enough to install packages and change owners inside, nothing that reaches the kernel or a mount. */
const rootCapabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "NET_BIND_SERVICE"];

/**
 * Settings of the kernel, which are the machine's and not the process namespace's. Root could write them without any
 * capability, and a core pattern is a program that the kernel starts outside: bubblewrap leaves them as they are when
 * only the folder looks read-only.
 */
const kernelFiles = ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi"].map((name) => `/proc/${name}`);

/**
 * The beginning of a command line that runs the rest of it in a sandbox of bubblewrap: the whole system read-only, then
 * the mounts, parents before children. Pure.
 */
export function fenceArgs(facts: FenceFacts): string[] {
  const mounts = necessary(facts.mounts);
  return [
    facts.bwrap,
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-cgroup-try",
    "--die-with-parent",
    ...(facts.network === "open" ? [] : ["--unshare-net"]),
    ...(typeof facts.network === "string" ? [] : proxyArgs(facts.network.proxy)),
    "--cap-drop",
    "ALL",
    ...(facts.isRoot ? rootCapabilities.flatMap((name) => ["--cap-add", `CAP_${name}`]) : []),
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    ...kernelFiles.flatMap((path) => ["--ro-bind-try", path, path]),
    ...mounts.flatMap(mountArgs),
    // Last: until here, folders for the mounts inside of them are made.
    ...mounts.flatMap(({ path, access }) => access === "hidden" ? ["--remount-ro", path] : []),
    "--chdir",
    facts.cwd,
    "--",
    ...capArgs(facts),
    ...(typeof facts.network === "string" ? [] : facts.network.bridge),
  ];
}

/** Where programs look for a proxy. What runs inside is reached without one. */
function proxyArgs(proxy: string): string[] {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  const set = [
    ...names.map((name) => [name, proxy]),
    ...["NO_PROXY", "no_proxy"].map((name) => [name, "localhost,127.0.0.1,::1"]),
    // Node's own fetch looks only then.
    ["NODE_USE_ENV_PROXY", "1"],
  ];
  return set.flatMap(([name = "", value = ""]) => ["--setenv", name, value]);
}

function mountArgs({ path, access, from = path }: Mount): string[] {
  switch (access) {
    case "hidden":
      return ["--tmpfs", path];
    case "read":
      // What is there for comfort may be gone by now.
      return ["--ro-bind-try", from, path];
    case "write":
      return ["--bind", from, path];
  }
}

function capArgs({ prlimit, caps }: FenceFacts): string[] {
  if (prlimit === null) return [];
  return [
    prlimit,
    `--nproc=${caps.processes}`,
    `--fsize=${caps.fileBytes}`,
    `--data=${caps.memoryBytes}`,
    "--core=0",
    "--",
  ];
}

const strength = { hidden: 0, read: 1, write: 2 };

/** One mount a path, the most generous; parents first; without those that change nothing. */
function necessary(mounts: readonly Mount[]): Mount[] {
  const strongest = new Map<string, Mount>();
  for (const mount of mounts) {
    const other = strongest.get(mount.path);
    if (other === undefined || strength[mount.access] > strength[other.access]) strongest.set(mount.path, mount);
  }
  const kept = new Map<string, Mount>();
  const ordered = [...strongest.values()].toSorted((a, b) => depth(a.path) - depth(b.path) || order(a.path, b.path));
  for (const mount of ordered) if (changes(mount, nearest(kept, mount.path))) kept.set(mount.path, mount);
  return [...kept.values()];
}

/** Whether a mount differs from what its surroundings (`null`: the read-only system) show there anyway. */
function changes({ access, from }: Mount, around: Mount | null): boolean {
  if (access === "write" || from !== undefined) return true;
  const isReplaced = around !== null && (around.access === "hidden" || around.from !== undefined);
  if (access === "hidden") return !isReplaced;
  return isReplaced || around?.access === "write";
}

function nearest(kept: ReadonlyMap<string, Mount>, path: string): Mount | null {
  for (let dir = dirname(path); dir !== "/"; dir = dirname(dir)) {
    const mount = kept.get(dir);
    if (mount !== undefined) return mount;
  }
  return null;
}

function depth(path: string): number {
  return path.split("/").length;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
