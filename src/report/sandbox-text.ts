import type { SandboxMiss, SandboxSettings } from "../model/sandbox.ts";

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

/** Who reaches no network, for people; `null` when everybody does. */
export function networkText(network: SandboxSettings["network"]): string | null {
  const without = Object.entries(network).filter(([, open]) => open === "none").map(([who]) => who);
  return without.length === 0 ? null : `no network for ${without.join(", ")}`;
}
