import type { Notice } from "../model/event.ts";
import type { Halt } from "../model/halt.ts";
import type { Plan } from "../model/plan.ts";
import { sandboxSettings } from "../model/sandbox.ts";
import type { SandboxLevel } from "../model/sandbox-level.ts";
import type { Place } from "../lanes/locate.ts";
import { openSandbox, type Sandbox } from "../system/sandbox.ts";

/** The fence of a run, and what the start says about it; a halt where it is required and does not hold. */
export type Fence = { ok: true; sandbox: Sandbox | null; notice: Notice } | { ok: false; halt: Halt };

/** Decides once a run: the command line is stronger than the plan. Tries the sandbox before it is relied on. */
export async function openFence(place: Place, plan: Plan, level?: SandboxLevel): Promise<Fence> {
  const settings = sandboxSettings(plan.sandbox, level);
  if (settings.level === "none") {
    return { ok: true, sandbox: null, notice: { kind: "sandbox", level: "none", why: null } };
  }
  const opened = await openSandbox(place, settings);
  if (opened.ok) {
    const { network, write } = settings;
    return {
      ok: true,
      sandbox: opened.sandbox,
      notice: { kind: "sandbox", level: "bubblewrap", network, alsoWritable: write },
    };
  }
  if (settings.level === "required") return { ok: false, halt: { reason: "sandbox", why: opened.why } };
  return { ok: true, sandbox: null, notice: { kind: "sandbox", level: "none", why: opened.why } };
}
