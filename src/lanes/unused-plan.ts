import { join } from "node:path";
import type { Plan } from "../model/plan.ts";
import { readPlan } from "../plan/read.ts";
import { readRegular } from "./control.ts";
import type { Repo, TipView } from "./repo.ts";

/**
 * While HEAD is elsewhere (`--no-checkout`), the branch's plan counts. Tells so when the one in the checkout asks for
 * something else: whoever edited it there would wait for it in vain.
 */
export async function tellUnusedPlan({ place, branch, options }: Repo, tip: TipView): Promise<void> {
  const { planPath } = place;
  const used = tip.texts.get(planPath);
  const bytes = used === undefined ? null : await readRegular(join(place.root, planPath));
  if (used === undefined || bytes === null) return;
  const lying = bytes.toString("utf8");
  if (lying === used || asksFor(lying, planPath) === asksFor(used, planPath)) return;
  options.notice({ kind: "plan-unused", file: planPath, branch: branch! });
}

/** A plan without what the runner writes into it; a text that is none asks for nothing. */
function asksFor(text: string, file: string): string {
  const read = readPlan(text, file);
  return read.ok ? JSON.stringify(wishesOf(read.plan)) : "";
}

function wishesOf({ planId: _planId, steps, ...plan }: Plan): unknown {
  return { ...plan, steps: steps.map(({ passes: _passes, notes: _notes, ...step }) => step) };
}
