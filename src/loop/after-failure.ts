import { costsAttempt, failureOf, type Failures, type RecordedFailure } from "../model/failure.ts";
import type { AgentEnd, OutcomeKind } from "../model/outcome.ts";

/** What the ledger keeps of a failure: its class, and whether it costs an attempt. `undefined` when it is none. */
export function failureFacts(
  failures: Failures,
  outcome: OutcomeKind,
  end: AgentEnd | null,
): RecordedFailure | undefined {
  const name = failureOf(outcome, end !== null && "fault" in end ? end.fault : null);
  return name === null ? undefined : { class: name, costsAttempt: costsAttempt(failures[name].policy) };
}
