import type { RunSummary } from "../model/event.ts";
import { duration, oneLine, quantity } from "../model/text.ts";
import { forecastText } from "./forecast-text.ts";
import { evidenceTexts, statusLabels } from "./outcome-text.ts";
import type { Style, Tone } from "./style.ts";
import { count, shortCost, shortId, totalCost } from "./units.ts";
import { joinFacts, pad, textWidth, truncate } from "./width.ts";

type Row = RunSummary["steps"][number];

/** More steps than this are shown as those that matter now. */
const maxRows = 40;
const keptPassed = 10;
const keptWaiting = 10;

/** The table of steps and the totals below it. `columns` is the width to keep to. */
export function summaryLines(summary: RunSummary, style: Style, columns: number): string[] {
  return [...stepLines(summary.steps, style, columns), "", ...totalLines(summary, style, columns)];
}

/** One line per step: where it stands, on what evidence, attempts, time and cost. */
export function stepLines(steps: readonly Row[], style: Style, columns: number): string[] {
  const shown = interesting(steps);
  const rows = shown.filter((row) => typeof row !== "string");
  const idWidth = width(rows, (row) => oneLine(row.id));
  // Agents without any cost (tapes, commands) need no column of zeros.
  const priced = rows.some((row) => row.costUsd > 0 || row.costUnknown > 0);
  const factWidths = [0, 1, 2, 3].map((column) =>
    column === 3 && !priced ? 0 : width(rows, (row) => factCells(row)[column]!)
  );
  const factsWidth = factWidths.filter((fact) => fact > 0).reduce((sum, fact) => sum + fact + 2, 0);
  const wanted = width(rows, (row) => oneLine(row.title));
  const titleWidth = Math.max(12, Math.min(wanted, columns - 4 - idWidth - 2 - factsWidth));
  return shown.map((row) => {
    if (typeof row === "string") return `  ${style.paint("dim", row)}`;
    const label = statusLabels[row.state];
    const title = pad(truncate(oneLine(row.title), titleWidth, style.ellipsis), titleWidth);
    const cells = factCells(row).map((fact, column) => {
      if (factWidths[column] === 0) return "";
      const padded = pad(fact, factWidths[column]!, column === 0 ? "right" : "left");
      return `  ${style.paint(column === 0 ? factTone(row) : "dim", padded)}`;
    });
    return `  ${style.mark(label.mark)} ${pad(oneLine(row.id), idWidth)}  ${title}${cells.join("")}`.trimEnd();
  });
}

/** How far the plan is, and what it took. */
function totalLines(summary: RunSummary, style: Style, columns: number): string[] {
  const done = summary.steps.filter((step) => step.state === "passed" || step.state === "skipped").length;
  const facts = [
    `${done} of ${count(summary.steps.length, "step")} pass${summary.steps.length === 1 ? "es" : ""}`,
    count(summary.iterations, "iteration"),
    duration(summary.durationMs),
    totalCost(summary.costUsd, summary.costUnknown, summary.costAbout),
    ...(summary.tokens > 0 ? [`${quantity(summary.tokens)} tokens`] : []),
  ];
  const lines = joinFacts(facts, style.dot, columns - 2).map((line) => `  ${line}`);
  if (summary.forecast !== null) lines.push(`  ${forecastText(summary.forecast)}`);
  if (summary.commits.length > 0) {
    const ids = summary.commits.map(shortId);
    const named = ids.length > 6 ? `${ids.slice(-5).join(" ")} and ${ids.length - 5} before` : ids.join(" ");
    lines.push(`  ${count(ids.length, "commit")} on ${oneLine(summary.branch)}: ${named}`);
  }
  return lines;
}

function factCells(row: Row): [string, string, string, string] {
  const state = row.state !== "passed"
    ? statusLabels[row.state].text
    : row.type === "gate"
    ? "approved"
    : row.evidence === null
    ? "passed"
    : evidenceTexts[row.evidence];
  const tried = row.attempts > 0;
  return [
    state,
    tried ? count(row.attempts, "attempt") : "",
    tried ? duration(row.durationMs) : "",
    tried ? shortCost(row.costUsd, row.costUnknown, row.costAbout) : "",
  ];
}

/** `step` evidence is green; weaker evidence is not. */
function factTone(row: Row): Tone {
  const { mark } = statusLabels[row.state];
  if (row.state === "passed") return row.evidence === "step" || row.evidence === "review" ? "ok" : "plain";
  return mark === "bad" ? "bad" : mark === "ask" ? "ask" : "dim";
}

/** Every step of a small plan; of a large one the newest passes, everything that needs somebody, and what comes next. */
function interesting(steps: readonly Row[]): (Row | string)[] {
  if (steps.length <= maxRows) return [...steps];
  const quiet = (row: Row) => row.state === "ready" || row.state === "waiting";
  const done = (row: Row) => row.state === "passed" || row.state === "skipped";
  const passed = steps.filter(done);
  const waiting = steps.filter(quiet);
  const loud = steps.filter((row) => !quiet(row) && !done(row));
  const rows: (Row | string)[] = [];
  const cut = (all: readonly Row[], kept: readonly Row[], what: string, first: boolean) => {
    const more = all.length - kept.length;
    const line = more > 0 ? [`and ${count(more, "more step")} that ${what}`] : [];
    rows.push(...(first ? [...line, ...kept] : [...kept, ...line]));
  };
  cut(passed, passed.slice(-keptPassed), passed.length - keptPassed === 1 ? "passes" : "pass", true);
  cut(loud, loud.slice(0, maxRows), "need somebody", false);
  cut(waiting, waiting.slice(0, keptWaiting), waiting.length - keptWaiting === 1 ? "waits" : "wait", false);
  return rows;
}

function width(rows: readonly Row[], text: (row: Row) => string): number {
  return Math.max(0, ...rows.map((row) => textWidth(text(row))));
}
