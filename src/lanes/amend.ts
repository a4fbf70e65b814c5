import type { NewRecord } from "../loop/ports.ts";
import type { Notice } from "../model/event.ts";
import type { LedgerState } from "../model/ledger.ts";
import type { Plan } from "../model/plan.ts";

/** A plan imported half done would fill the screen otherwise; the records say it all. */
const noticesAtOnce = 20;

export interface AmendFacts {
  plan: Plan;
  ledger: LedgerState;
  /** The first look of a run: whatever changed since, a person changed between runs. */
  first: boolean;
  /** Steps whose landed commit a person took out of the branch since the last look. */
  removed: ReadonlySet<string>;
  /** Steps that passed after the person's edit began. */
  unseen: ReadonlySet<string>;
  by: string;
}

export interface Amendment {
  /** Steps whose pass is put back into the plan. */
  restore: string[];
  records: NewRecord[];
  notices: Notice[];
}

/**
 * What the plan's pass flags mean against what is recorded (design 3.1). Pure.
 *
 * | plan  | recorded | when                                    | meaning                                            |
 * |-------|----------|-----------------------------------------|----------------------------------------------------|
 * | true  | no       | ever                                    | a person set it: evidence `by-hand`                |
 * | false | yes      | between runs, or its commit was removed | a person reopened the step                         |
 * | false | yes      | during a run, or not seen by the person | an old editor buffer or `git stash pop`: restored  |
 */
export function amend(facts: AmendFacts): Amendment {
  const { plan, ledger, removed, by } = facts;
  const result: Amendment = { restore: [], records: [], notices: [] };
  for (const { id, passes } of plan.steps) {
    const recorded = ledger.steps[id]?.passed ?? null;
    if (passes && recorded === null) {
      result.records.push({ kind: "passed-by-hand", step: id, by });
      result.notices.push({ kind: "passed-by-hand", step: id });
    } else if (!passes && recorded !== null && (removed.has(id) || (facts.first && !facts.unseen.has(id)))) {
      const why = removed.has(id) ? "its commit was taken out of the branch" : "set back to false in the plan";
      result.records.push({ kind: "reopened", step: id, by, why });
      result.notices.push({ kind: "reopened-by-hand", step: id, why: removed.has(id) ? "commit" : "plan" });
    } else if (!passes && recorded !== null) {
      result.restore.push(id);
      result.notices.push({ kind: "pass-restored", step: id });
    }
  }
  return { ...result, notices: result.notices.slice(0, noticesAtOnce) };
}
