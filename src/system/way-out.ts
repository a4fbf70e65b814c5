import { mkdir } from "node:fs/promises";
import { extname, join } from "node:path";
import process from "node:process";
import { hostAllowed } from "../model/hosts.ts";
import type { SandboxSettings } from "../model/sandbox.ts";
import { openProxy } from "./proxy.ts";

type Who = keyof SandboxSettings["network"];

/** Where the proxy seems to be for a process in the sandbox: its loopback is its own. */
const port = 39128;
/** The longest path of a socket that the kernel takes. */
const maxSocketPath = 107;

/** How a process reaches the hosts of a list, and nothing else: a bridge before its command, and a proxy outside. */
export interface WayOut {
  socket: string;
  bridge: string[];
  proxy: string;
}

export function wayOut(stateDir: string, who: Who): WayOut {
  const socket = join(stateDir, `${who}.sock`);
  const program = join(import.meta.dirname, `bridge${extname(import.meta.filename)}`);
  const run = "Deno" in globalThis ? [process.execPath, "run", "-A", program] : [process.execPath, program];
  return { socket, bridge: [...run, socket, String(port)], proxy: `http://127.0.0.1:${port}` };
}

/** Opens a proxy for each list of hosts. Returns why it could not. */
export async function openWays(stateDir: string, { network }: SandboxSettings): Promise<string | null> {
  for (const [who, hosts] of Object.entries(network) as [Who, SandboxSettings["network"][Who]][]) {
    if (typeof hosts === "string") continue;
    const { socket } = wayOut(stateDir, who);
    if (Buffer.byteLength(socket) > maxSocketPath) {
      return `the path of the state folder is too long for a socket: ${socket}`;
    }
    await mkdir(stateDir, { recursive: true });
    await openProxy(socket, (host, at) => hostAllowed(hosts, host, at));
  }
  return null;
}
