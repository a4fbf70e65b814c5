import type { Problem } from "../model/plan.ts";
import type { Paste } from "./paste.ts";

/**
 * `prd.json:12 userStories[1].needs[0]: no step "US-009"`, with its hint behind it. Commands that a hint names in their
 * short form (`capstan validate`) are shown as the person would type them.
 */
export function problemText(problem: Problem, paste: Paste): string {
  const place = [
    problem.line === null ? problem.file : `${problem.file}:${problem.line}`,
    problem.path,
  ].filter((part) => part !== "").join(" ");
  const hint = problem.hint === undefined
    ? ""
    : ` (${
      problem.hint.replaceAll(/`capstan ([^`]+)`/g, (_all, words: string) => `\`${paste(...words.split(" "))}\``)
    })`;
  return `${place}: ${problem.message}${hint}`;
}
