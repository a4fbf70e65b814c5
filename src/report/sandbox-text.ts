import type { SandboxMiss, SandboxSettings } from "../model/sandbox.ts";
import { bytes } from "./units.ts";

/** What nothing holds back without a sandbox. */
export const unheld = "an agent can write, read and end whatever you can";

/** Why there is no sandbox, for people. */
export function sandboxMissText(why: SandboxMiss): string {
  switch (why.kind) {
    case "platform":
      return `none is built in for ${why.platform} yet`;
    case "missing":
      return "bubblewrap is not installed";
    case "failed":
      return `bubblewrap does not work here: ${why.message}`;
    case "leaks":
      return `bubblewrap did not hold when it was tried: ${why.what}`;
  }
}

/** What to do about it, where something can be done. */
export function sandboxFix({ kind }: SandboxMiss): string | null {
  switch (kind) {
    case "missing":
      return "sudo apt-get install bubblewrap";
    case "failed":
    case "leaks":
    case "platform":
      return null;
  }
}

/** The upper bounds for one process and what it starts. */
export function capsText(
  caps: { processes: number; fileBytes: number; memoryBytes: number } | null,
  isRoot: boolean,
): string {
  if (caps === null) return "No caps: prlimit (util-linux) is not installed";
  const processes = isRoot ? "processes without a cap (you are root)" : `at most ${caps.processes} processes`;
  return `Caps: ${bytes(caps.memoryBytes)} of memory a process, ${bytes(caps.fileBytes)} a file, ${processes}`;
}

/** Who reaches no network, or only some hosts, for people; `null` when everybody reaches everything. */
export function networkText(network: SandboxSettings["network"]): string | null {
  const without = Object.entries(network).filter(([, open]) => open === "none").map(([who]) => who);
  const only = Object.entries(network).flatMap(([who, hosts]) =>
    typeof hosts === "string"
      ? []
      : [`only ${hosts.slice(0, 5).join(", ")}${hosts.length > 5 ? " and others" : ""} for ${who}`]
  );
  const all = [...without.length === 0 ? [] : [`no network for ${without.join(", ")}`], ...only];
  return all.length === 0 ? null : all.join("; ");
}
