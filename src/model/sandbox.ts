import { z } from "./zod.ts";
import { hostPattern } from "./hosts.ts";
import { type SandboxLevel, sandboxLevels } from "./sandbox-level.ts";

const network = z.union([z.enum(["open", "none"]), z.array(hostPattern).min(1)]);

/** An absolute path, or one below the person's home. */
const machinePath = z.string().regex(/^(\/|~\/)[^\0]+$/, { error: "must be an absolute path or start with `~/`" })
  .refine((path) => !path.split("/").includes(".."), { error: "must not hold `..`" });

/** The plan's `sandbox`: a level, or a level with exceptions. */
export const sandboxSchema = z.union([
  z.enum(sandboxLevels),
  z.strictObject({
    level: z.enum(sandboxLevels).default("auto").describe(
      "`auto`: where it works; `required`: nothing starts without it; `none`: never",
    ),
    network: z.union([
      network,
      z.strictObject({
        agents: network.default("open"),
        validators: network.default("open"),
        setup: network.default("open"),
      }),
    ]).default("open").describe(
      "Who reaches the network, this machine's own services included: everything, nothing, or only these hosts",
    ),
    read: z.array(machinePath).default([]).describe("What is hidden otherwise (in homes, say) and may be read"),
    write: z.array(machinePath).default([]).describe("What else may be written, such as the socket of a daemon"),
  }),
]);

export type Network = z.output<typeof network>;

/** `sandbox` with everything in its place. */
export interface SandboxSettings {
  level: SandboxLevel;
  network: { agents: Network; validators: Network; setup: Network };
  read: string[];
  write: string[];
}

/** The settings that hold: a level from the command line is stronger than the plan's. Pure. */
export function sandboxSettings(plan: z.output<typeof sandboxSchema>, level?: SandboxLevel): SandboxSettings {
  const full = typeof plan === "string" ? { level: plan, network: "open" as const, read: [], write: [] } : plan;
  const { network: open } = full;
  return {
    ...full,
    level: level ?? full.level,
    network: typeof open === "string" || Array.isArray(open) ? { agents: open, validators: open, setup: open } : open,
  };
}

/** Why there is no sandbox although it was wanted. */
export type SandboxMiss =
  | { kind: "platform"; platform: string }
  | { kind: "missing" }
  /** It is installed and did not start. */
  | { kind: "failed"; message: string }
  /** It started and did not hold. */
  | { kind: "leaks"; what: string };
