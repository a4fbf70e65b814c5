import { createHash } from "node:crypto";
import type { Brief } from "../loop/ports.ts";
import { type PlanPartInput, planSections } from "./plan-part.ts";
import { rules } from "./rules.ts";
import { fitSections } from "./sections.ts";
import { type StepPartInput, stepSections } from "./step-part.ts";

export type BriefInput = PlanPartInput & StepPartInput & {
  /** The most that a brief may take, in bytes. @default 48 KiB */
  maxBytes?: number;
  /** Takes secrets out of what others wrote. @default {nothing is taken out} */
  hide?: (text: string) => string;
};

export const defaultMaxBytes = 48 * 1024;

/**
 * Composes the exact prompt of one iteration: the rules, then the plan's part, then the step's part, so that what changes
 * least comes first. Pure; no times, no random parts. The plan's part has a share of its own, so that no step changes it.
 */
export function composeBrief(input: BriefInput): Brief {
  const room = (input.maxBytes ?? defaultMaxBytes) - Buffer.byteLength(rules);
  const share = Math.floor(room / 2);
  const plan = fitSections(planSections(input), share);
  const step = fitSections(stepSections(input), room - share);
  const { hide = (part) => part } = input;
  const others = [...plan, ...step].map(({ name, text }) => ({ name, text: hide(text) }));
  const parts = [{ name: "rules", text: rules.trimEnd() }, ...others];
  const text = `${parts.map((part) => part.text).join("\n\n")}\n`;
  return {
    text,
    bytes: Buffer.byteLength(text),
    sha256: createHash("sha256").update(text).digest("hex"),
    // Each with the line breaks after it, so that the sum is the whole.
    sections: parts.map((part, index) => ({
      name: part.name,
      bytes: Buffer.byteLength(part.text) + (index === parts.length - 1 ? 1 : 2),
    })),
  };
}
