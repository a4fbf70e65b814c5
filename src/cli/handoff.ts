import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { handoff } from "../gates/handoff.ts";
import type { Place } from "../lanes/locate.ts";
import type { DriveDeps } from "../loop/driver.ts";
import { secrets } from "../system/redact.ts";

/** Makes the handoff that the driver asks for, and leaves a copy at `.capstan/handoff.md` for whoever comes later. */
export function handoffWriter({ place, invocation }: { place: Place; invocation: string }): DriveDeps["handoff"] {
  return async (step, { plan, ledger, branch }, question) => {
    const { planPath, progressPath } = place;
    const text = secrets.text(
      handoff({ plan, planPath, progressPath, ledger, branch, step, question, invocation }),
    );
    const folder = join(place.root, ".capstan");
    // The ledger and the screen have it too: a copy that can't be written stops nothing.
    await mkdir(folder, { recursive: true }).then(() => writeFile(join(folder, "handoff.md"), text)).catch(() =>
      undefined
    );
    return text;
  };
}
