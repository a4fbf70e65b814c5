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
  const limited = Object.entries(network).filter(([, reach]) => reach !== "open");
  const groups = Map.groupBy(limited, ([, reach]) => textOfReach(reach));
  const all = [...groups].map(([text, of]) => `${text} for ${of.map(([who]) => who).join(", ")}`);
  return all.length === 0 ? null : all.join("; ");
}

function textOfReach(reach: SandboxSettings["network"]["agents"]): string {
  if (typeof reach === "string") return "no network";
  return `only ${reach.slice(0, 5).join(", ")}${reach.length > 5 ? " and others" : ""}`;
}
