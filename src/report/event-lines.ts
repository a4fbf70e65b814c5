import type { Event, EventBody } from "../model/event.ts";
import type { Verdict } from "../model/verdict.ts";
import { tokensOf } from "../model/agent-event.ts";
import { clean, duration, oneLine, quantity } from "../model/text.ts";
import { exitText } from "./exit-text.ts";
import { haltMessage } from "./halt-text.ts";
import { messageLines, type Words } from "./message.ts";
import { noticeText } from "./notice-text.ts";
import {
  agentEndText,
  attemptText,
  attributionTexts,
  evidenceTexts,
  outcomeLabels,
  verdictLabels,
} from "./outcome-text.ts";
import { activityOf, type Progress } from "./progress.ts";
import type { Mark, Style } from "./style.ts";
import { summaryLines } from "./summary.ts";
import { bytes, cost, count, pointInTime, shortId } from "./units.ts";
import { textWidth, truncate, wrap } from "./width.ts";

/**
 * One permanent line. `essential`: always shown; `detail`: left out in a live view, which shows it while it happens;
 * `verbose`: only on request.
 */
export interface Line {
  level: "essential" | "detail" | "verbose";
  text: string;
}

export interface LineContext {
  style: Style;
  words: Words;
  /** Titles are cut and sentences wrapped to this width; `Infinity` where lines have no end. */
  columns: number;
  /** Before this event. */
  progress: Progress;
}

type Makers = { [K in EventBody["kind"]]: (event: Extract<Event, { kind: K }>, context: LineContext) => Line[] };

const makers: Makers = {
  "run-started": (event, { style }) => {
    const facts = [
      `branch ${oneLine(event.branch)}`,
      `${event.passed} of ${count(event.steps, "step")} pass`,
      ...(event.resumed ? ["going on from an earlier run"] : []),
    ];
    const name = event.project === "" ? event.plan : event.project;
    return essential(`${style.paint("strong", oneLine(name))}${style.dot}${facts.join(style.dot)}`);
  },
  notice: ({ notice }, { style, words, columns }) => {
    const text = noticeText(notice, words);
    const [title = "", ...more] = wrap(oneLine(text.title), columns - 2);
    const details = text.details.flatMap((part) => clean(part).trimEnd().split("\n"))
      .flatMap((part) => wrap(part, columns - 4));
    return [
      `${style.mark(text.mark)} ${title}`,
      ...more.map((part) => `  ${part}`),
      ...details.map((part) => `    ${style.paint("dim", part)}`),
    ].map((part) => ({ level: text.level, text: part }));
  },
  "iteration-started": (event, { style, columns }) => {
    const carried = event.carry === null ? [] : [`goes on from attempt ${event.carry}`];
    const agent = event.agent === "none" ? "validators only" : oneLine(event.agent);
    const facts = [attemptText(event), agent, ...carried];
    return detail(stepLine("now", event, facts, style, columns));
  },
  brief: (event) => verbose(`    brief: ${bytes(event.bytes)}`),
  agent: ({ event }, { style, columns }) => {
    const activity = activityOf(event);
    if (activity === null || event.kind === "end" || event.kind === "start") return [];
    const text = oneLine(activity);
    return text === ""
      ? []
      : verbose(`    ${style.paint("dim", truncate(text, Math.max(60, columns - 4), style.ellipsis))}`);
  },
  "agent-ended": ({ report }, { style }) => {
    const facts = [
      `agent ${oneLine(agentEndText(report.end))}`,
      duration(report.durationMs),
      ...(report.toolCalls > 0 ? [count(report.toolCalls, "tool call")] : []),
      ...(report.usage === null ? [] : [`${quantity(tokensOf(report.usage))} tokens`]),
      cost(report.costUsd, report.costAbout),
    ];
    return detail(`    ${facts.join(style.dot)}`);
  },
  "validator-started": () => [],
  "validator-finished": ({ verdict }, { style }) => verdictLines(verdict, style),
  landed: (event, { style, columns }) => {
    const facts = [
      evidenceTexts[event.evidence],
      ...(event.attempts > 1 ? [count(event.attempts, "attempt")] : []),
      duration(event.durationMs),
      cost(event.costUsd, event.costAbout),
      shortId(event.commit),
    ];
    return essential(stepLine("ok", event, facts, style, columns));
  },
  "attempt-ended": (event, { style, columns }) => {
    // `landed` has said it.
    if (event.outcome === "passed") return [];
    const { mark, text } = outcomeLabels[event.outcome];
    const head = `${style.mark(mark)} ${style.paint("strong", oneLine(event.step))} attempt ${event.attempt} ${text}`;
    const facts = [head, duration(event.durationMs), cost(event.costUsd, event.costAbout)];
    const summary = oneLine(event.summary) === "" ? [] : wrap(oneLine(event.summary), columns - 4);
    return [facts.join(style.dot), ...summary.map((part) => `    ${part}`)].flatMap(essential);
  },
  waiting: (event, { style, words }) => {
    const until = pointInTime(event.until, words.now);
    return essential(`${style.mark("wait")} Waiting until ${until} for ${oneLine(event.agent)}: ${oneLine(event.why)}`);
  },
  "gate-opened": (event, { style }) =>
    essential(
      `${style.mark("ok")} ${style.paint("strong", oneLine(event.step))} is open: approved${style.dot}${
        shortId(event.commit)
      }`,
    ),
  halted: (event, { style, words, columns }) => {
    const { summary } = event;
    const table = summary.steps.length === 0 ? [] : ["", ...summaryLines(summary, style, columns), ""];
    const message = messageLines(haltMessage(event.halt, words), style, columns);
    return [...table, ...message].map((text) => ({ level: "essential", text }));
  },
};

/** The permanent lines of one event, with their levels. Foreign text in them is safe to print. */
export function eventLines(event: Event, context: LineContext): Line[] {
  return (makers[event.kind] as (event: Event, context: LineContext) => Line[])(event, context);
}

/** `✗ test 1.2s: passed before this change`, and why it blocks or not. */
function verdictLines(verdict: Verdict, style: Style): Line[] {
  const label = verdictLabels[verdict.status];
  const mark: Mark = label.mark === "bad" && !verdict.blocks ? "warn" : label.mark;
  const notes = [
    verdict.attribution === null ? "" : attributionTexts[verdict.attribution],
    verdict.breaks === undefined ? "" : breaksText(verdict.breaks, verdict.validator),
    verdict.status === "error" ? exitText(verdict.exit) : "",
    verdict.status !== "pass" && !verdict.blocks ? "does not stop this step" : "",
    verdict.cached ? "known from an equal tree" : "",
  ].filter((note) => note !== "");
  const facts = [`${oneLine(verdict.validator)} ${label.text}`, duration(verdict.durationMs), ...notes];
  const lines = detail(`    ${style.mark(mark)} ${facts.join(style.dot)}`);
  if (verdict.status === "pass") return lines;
  const output = clean(verdict.digest).trimEnd().split("\n").filter((line) => line.trim() !== "");
  return [...lines, ...output.map((line): Line => ({ level: "verbose", text: `        ${style.paint("dim", line)}` }))];
}

function breaksText(steps: readonly string[], validator: string): string {
  const named = steps.length > 3 ? `${steps.slice(0, 3).join(", ")} and ${steps.length - 3} more` : steps.join(", ");
  return `breaks ${oneLine(named)}, unless the plan says "retires": [${JSON.stringify(oneLine(validator))}]`;
}

/** `✓ US-001 Title · fact · fact`; where room is short, the title gives way. */
function stepLine(
  mark: Mark,
  step: { step: string; title: string },
  facts: readonly string[],
  style: Style,
  columns: number,
): string {
  const id = oneLine(step.step);
  const rest = facts.map((fact) => style.dot + fact).join("");
  const room = Math.max(16, columns - textWidth(`${style.glyph(mark)} ${id} ${rest}`));
  return `${style.mark(mark)} ${style.paint("strong", id)} ${
    truncate(oneLine(step.title), room, style.ellipsis)
  }${rest}`;
}

function essential(text: string): Line[] {
  return [{ level: "essential", text }];
}

function detail(text: string): Line[] {
  return [{ level: "detail", text }];
}

function verbose(text: string): Line[] {
  return [{ level: "verbose", text }];
}
