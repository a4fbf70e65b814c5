import { viewOf } from "../loop/view.ts";
import type { Observation } from "../loop/ports.ts";
import type { RunSummary } from "../model/event.ts";
import { forecast, outlook } from "../model/forecast.ts";
import { lastChosen, unverifiableSteps } from "./next.ts";

/** Where every step stands and what it took, over all runs of the plan. Pure. `null` when nothing was seen. */
export function summarize(
  observation: Observation | null,
  run: { iterations: number; durationMs: number },
  now: number,
): RunSummary {
  if (observation === null) {
    return {
      project: "",
      branch: "",
      steps: [],
      ...run,
      costUsd: 0,
      costAbout: 0,
      costUnknown: 0,
      tokens: 0,
      forecast: null,
      commits: [],
    };
  }
  const { plan, ledger, branch } = observation;
  const status = viewOf(plan, ledger, unverifiableSteps(observation), { now, chosen: lastChosen(observation) });
  const steps = plan.steps.map((step) => {
    const known = ledger.steps[step.id];
    return {
      id: step.id,
      title: step.title,
      type: step.type,
      state: status(step),
      evidence: known?.passed?.evidence ?? (step.passes && step.type === "agent" ? "by-hand" : null),
      attempts: known?.iterations ?? 0,
      costUsd: known?.costUsd ?? 0,
      costAbout: known?.costAbout ?? 0,
      costUnknown: known?.costUnknown ?? 0,
      durationMs: known?.durationMs ?? 0,
    } satisfies RunSummary["steps"][number];
  });
  const { pace, left } = outlook(steps);
  return {
    project: plan.project ?? "",
    branch,
    steps,
    ...run,
    costUsd: ledger.costUsd,
    costAbout: ledger.costAbout,
    costUnknown: ledger.costUnknown,
    tokens: ledger.tokens,
    forecast: forecast(pace, left),
    commits: plan.steps.flatMap(({ id }) => ledger.steps[id]?.passed?.commit ?? []),
  };
}
