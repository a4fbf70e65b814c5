import { duration, oneLine, quantity } from "../model/text.ts";
import { forecast } from "../model/forecast.ts";
import { shortForecast } from "./forecast-text.ts";
import { attemptText, verdictLabels } from "./outcome-text.ts";
import type { CurrentIteration, Progress, RunningValidator } from "./progress.ts";
import type { Style, Tone } from "./style.ts";
import { cost, count, pointInTime, totalCost } from "./units.ts";
import { textWidth, truncate } from "./width.ts";

export interface FrameContext {
  style: Style;
  columns: number;
  now: number;
  /** Counts up; turns the spinner. */
  tick: number;
}

/** A piece of a line with one tone. */
interface Span {
  tone: Tone;
  text: string;
}

/** The lines that a live view rewrites in place; none of them is wider than the terminal. Pure. */
export function frame(progress: Progress, context: FrameContext): string[] {
  if (progress.startedAt === 0) return [];
  const { current, waiting } = progress;
  return [
    "",
    ...(current === null ? [] : currentLines(current, context)),
    ...(current === null && waiting !== null ? waitingLines(waiting, context) : []),
    planLine(progress, context),
  ];
}

function currentLines(current: CurrentIteration, context: FrameContext): string[] {
  const { style, columns, now } = context;
  const spinner = style.spinner[context.tick % style.spinner.length]!;
  const facts = [attemptText(current), oneLine(current.agent)].join(style.dot);
  const id = oneLine(current.step);
  const room = columns - textWidth(`${spinner} ${id} ${style.dot}${facts}`);
  const title = truncate(oneLine(current.title), Math.max(0, room), style.ellipsis);
  const spent = [
    duration(now - current.startedAt),
    ...(current.tokens === null ? [] : [`${quantity(current.tokens)} tokens`]),
    ...(current.costUnknown
      ? [cost(null)]
      : current.costUsd === null
      ? []
      : [cost(current.costUsd, current.costAbout)]),
  ].join(style.dot);
  return [
    fit([
      { tone: "accent", text: spinner },
      { tone: "strong", text: ` ${id} ` },
      { tone: "plain", text: title },
      { tone: "dim", text: `${style.dot}${facts}` },
    ], context),
    ...(current.phase === "agent" ? [activityLine(current, context)] : []),
    ...validatorLines(current.validators, context),
    fit([{ tone: "dim", text: `  ${spent}` }], context),
  ];
}

function activityLine(current: CurrentIteration, context: FrameContext): string {
  const { style, columns, now } = context;
  const silent = now - current.activityAt;
  // A short silence is ordinary, and a number that changes all the time distracts.
  const ago = silent < 10_000 ? "" : `  ${duration(silent)} ago`;
  const text = truncate(oneLine(current.activity), Math.max(0, columns - 2 - textWidth(ago)), style.ellipsis);
  return fit([
    { tone: "plain", text: `  ${text}` },
    { tone: silent < 120_000 ? "dim" : "warn", text: ago },
  ], context);
}

/** Validators side by side, wrapped to at most three lines. */
function validatorLines(validators: readonly RunningValidator[], context: FrameContext): string[] {
  const lines: Span[][] = [];
  let width = Infinity;
  for (const validator of validators) {
    const cell = validatorCell(validator, context);
    const cellWidth = textWidth(cell.text) + 4;
    if (width + cellWidth > context.columns) {
      lines.push([{ tone: "plain", text: "  " }]);
      width = 2;
    }
    lines.at(-1)!.push(cell, { tone: "plain", text: "  " });
    width += cellWidth;
  }
  const shown = lines.slice(0, 3).map((spans) => fit(spans, context));
  if (lines.length > 3) {
    const open = validators.filter((validator) => validator.verdict === null).length;
    shown.push(
      fit([{ tone: "dim", text: `  ${count(validators.length, "validator")}, ${open} still running` }], context),
    );
  }
  return shown;
}

function validatorCell({ id, on, startedAt, verdict }: RunningValidator, { style, now, tick }: FrameContext): Span {
  const where = on === "result" ? "" : on === "base" ? " (before the change)" : " (evidence)";
  if (verdict === null) {
    const spinner = style.spinner[tick % style.spinner.length]!;
    return {
      tone: "plain",
      text: `${spinner} ${oneLine(id)}${where} ${duration(Math.floor((now - startedAt) / 1000) * 1000)}`,
    };
  }
  const { mark } = verdictLabels[verdict.status];
  const tone = mark === "bad" && !verdict.blocks ? "warn" : mark === "ok" || mark === "bad" ? mark : "warn";
  return { tone, text: `${style.glyph(tone)} ${oneLine(id)} ${duration(verdict.durationMs)}` };
}

function waitingLines(waiting: NonNullable<Progress["waiting"]>, context: FrameContext): string[] {
  const left = Math.max(0, waiting.until - context.now);
  const text = `Waiting for ${oneLine(waiting.agent)} until ${pointInTime(waiting.until, context.now)}, ${
    duration(left)
  } left`;
  return [
    fit([{ tone: "warn", text }], context),
    fit([{ tone: "dim", text: `  ${oneLine(waiting.why)}` }], context),
  ];
}

function planLine(progress: Progress, context: FrameContext): string {
  const { style, columns, now } = context;
  const cells = Math.min(24, Math.max(8, Math.floor(columns / 5)));
  const filled = progress.steps === 0 ? 0 : Math.floor((progress.passed / progress.steps) * cells);
  const ahead = forecast(progress.pace, progress.left);
  const facts = [
    `${progress.passed} of ${count(progress.steps, "step")}`,
    duration(now - progress.startedAt),
    ...(progress.iterations === 0 ? [] : [count(progress.iterations, "iteration")]),
    ...(progress.costUsd === 0 && progress.costUnknown === 0
      ? []
      : [totalCost(progress.costUsd, progress.costUnknown, progress.costAbout)]),
    ...(ahead === null ? [] : [shortForecast(ahead)]),
  ].join(style.dot);
  return fit([
    { tone: "ok", text: style.bar.full.repeat(filled) },
    { tone: "dim", text: style.bar.empty.repeat(cells - filled) },
    { tone: "plain", text: `  ${facts}` },
  ], context);
}

/** Spans as one line that is never wider than the terminal. */
function fit(spans: readonly Span[], { style, columns }: FrameContext): string {
  let room = columns;
  let text = "";
  for (const span of spans) {
    const piece = truncate(span.text, room, style.ellipsis);
    text += style.paint(span.tone, piece);
    room -= textWidth(piece);
    if (piece !== span.text) break;
  }
  return text;
}
