import { howToGoOnHeading } from "../model/gate.ts";
import type { GateRejection, Halt } from "../model/halt.ts";
import { oneLine, shortLine } from "../model/text.ts";
import type { Mark } from "./style.ts";
import type { NextStep, Words } from "./message.ts";
import type { Paste } from "./paste.ts";
import { count } from "./units.ts";

/** A gate that nobody decided about yet, or that somebody rejected. */
export function gateMessage(
  halt: Extract<Halt, { reason: "gate" }>,
  { paste }: Words,
): { mark: Mark; title: string; details: string[]; next: NextStep[] } {
  const { rejected } = halt;
  return {
    mark: "ask",
    title: rejected === undefined ? `${halt.step} needs your decision` : `${halt.step} was ${rejectedBy(rejected)}`,
    details: page(halt.handoff),
    next: rejected === undefined
      ? [
        { command: paste("approve", halt.step), text: "go on" },
        { command: paste("reject", halt.step, "--note", "say why"), text: "send it back" },
        { command: paste(), text: "then start the loop again" },
      ]
      : [
        ...reopenSteps(rejected, paste),
        { command: paste("approve", halt.step), text: "go on after all" },
        { command: paste(), text: "then start the loop again" },
      ],
  };
}

/** A handoff without its last part, which is what stands below it here. */
export function page(handoff: string): string[] {
  const [shown = ""] = handoff.split(`\n## ${howToGoOnHeading}\n`);
  return shown.trim() === "" ? [] : ["", shown.trimEnd()];
}

/** `rejected by Ann: wrong color`. */
export function rejectedBy({ by, note }: Pick<GateRejection, "by" | "note">): string {
  return `rejected by ${oneLine(by)}${note.trim() === "" ? "" : `: ${shortLine(note, 300)}`}`;
}

/** How to have a step of a rejected gate worked on again; of many, the last ones. */
export function reopenSteps({ redo, note }: Pick<GateRejection, "redo" | "note">, paste: Paste): NextStep[] {
  const why = note.trim() === "" ? "say why" : shortLine(note, 100);
  const shown = redo.slice(-5);
  const more = redo.length - shown.length;
  return [
    ...shown.map((id) => ({ command: paste("reopen", id, "--note", why), text: `have ${id} worked on again` })),
    ...(more === 0
      ? []
      : [{ text: `Or reopen one of the ${count(more, "step")} before: ${paste("status")} lists them` }]),
  ];
}
