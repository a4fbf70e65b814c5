import type { AgentFault } from "../model/agent-event.ts";

/** How long a limited agent rests when it did not say until when. */
const defaultRestMs = 5 * 60_000;
/** Added to a stated reset time: the clocks of two machines differ, and a request a second early is refused again. */
const slackMs = 5_000;

/** When a limited agent may be asked again, in epoch milliseconds. Never in the past. */
export function resumeAtAfter(fault: AgentFault, now: number): number {
  if (fault.resumeAt === undefined) return now + defaultRestMs;
  return Math.max(fault.resumeAt, now) + slackMs;
}
