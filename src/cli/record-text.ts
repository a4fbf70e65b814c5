import type { AttemptRecord, LedgerRecord } from "../model/ledger.ts";
import { duration, oneLine } from "../model/text.ts";
import { evidenceTexts, outcomeLabels } from "../report/outcome-text.ts";
import type { Mark, Style } from "../report/style.ts";
import { cost, shortId } from "../report/units.ts";

type Texts = {
  [K in LedgerRecord["kind"]]: (record: Extract<LedgerRecord, { kind: K }>) => { mark: Mark; text: string };
};

const note = (text: string) => oneLine(text) === "" ? "" : `: ${oneLine(text)}`;

const texts: Texts = {
  attempt: (record) => ({ mark: outcomeLabels[record.outcome].mark, text: `${record.step} ${attemptText(record)}` }),
  "gate-closed": (record) => ({ mark: "ask", text: `${record.step} waits for a decision: ${record.title}` }),
  "gate-decided": (record) => ({
    mark: record.decision === "approved" ? "ok" : "bad",
    text: `${record.step} ${record.decision} by ${record.by}${note(record.note)}`,
  }),
  "gate-opened": (record) => ({ mark: "ok", text: `${record.step} is open (${shortId(record.commit)})` }),
  answered: (record) => ({ mark: "ok", text: `${record.step} answered by ${record.by}${note(record.answer)}` }),
  reopened: (record) => ({ mark: "info", text: `${record.step} reopened by ${record.by}${note(record.why)}` }),
  retried: (record) => ({
    mark: "info",
    text: `${record.step} let be tried again by ${record.by}${note(record.note)}`,
  }),
  "passed-by-hand": (record) => ({ mark: "ok", text: `${record.step} set to passed by hand, by ${record.by}` }),
  "progress-landed": (record) => ({
    mark: "info",
    text: `progress.txt brought up to date (${shortId(record.commit)})`,
  }),
  "landed-edits": (record) => ({ mark: "info", text: `edits of the plan committed (${shortId(record.commit)})` }),
  unseen: (record) => ({
    mark: "info",
    text: record.steps.length === 0
      ? "the plan in the checkout shows every pass again"
      : `the plan in the checkout is being edited and does not show that ${record.steps.join(", ")} passed`,
  }),
  snapshot: () => ({ mark: "info", text: "snapshot" }),
};

/** `attempt 2 failed · claude · 1m 03s · $0.042: test fails`. */
export function attemptText(record: AttemptRecord): string {
  const facts = [
    `attempt ${record.attempt} ${outcomeLabels[record.outcome].text}`,
    ...(record.evidence === null || record.outcome !== "passed" ? [] : [evidenceTexts[record.evidence]]),
    record.model === null || record.model === record.agent ? record.agent : `${record.agent} (${record.model})`,
    duration(record.durationMs),
    cost(record.costUsd, record.costAbout),
    ...(record.commit === null || record.commit === "" ? [] : [shortId(record.commit)]),
  ];
  return `${facts.map(oneLine).join(", ")}${record.outcome === "passed" ? "" : note(record.summary)}`;
}

/** One line about a record of the ledger, without its time. */
export function recordLine(record: LedgerRecord, style: Style): string {
  const { mark, text } = (texts[record.kind] as (record: LedgerRecord) => { mark: Mark; text: string })(record);
  return `${style.mark(mark)} ${oneLine(text)}`;
}
