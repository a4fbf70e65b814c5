import type { Exit, StopReason } from "../model/process.ts";
import { reachedText } from "../model/limit-text.ts";
import { duration } from "../model/text.ts";
import { bytes } from "./units.ts";

type StopTexts = { [K in StopReason["kind"]]: (why: Extract<StopReason, { kind: K }>) => string };
type ExitTexts = { [K in Exit["kind"]]: (exit: Extract<Exit, { kind: K }>) => string };

const stopTexts: StopTexts = {
  timeout: (why) => `stopped after its limit of ${duration(why.limitMs)}`,
  idle: (why) => `stopped after ${duration(why.limitMs)} without a sign of life`,
  completion: (why) => `stopped ${duration(why.limitMs)} after it had reported its end`,
  interrupted: (why) => `stopped because the run got ${why.signal}`,
  limit: (why) => `stopped at ${reachedText(why.reached)}`,
  anomaly: (why) => `stopped: ${why.what}`,
  "output-limit": (why) => `stopped after more than ${bytes(why.limitBytes)} of output`,
};

const exitTexts: ExitTexts = {
  code: (exit) => because(exit.why) ?? `ended with exit code ${exit.code}`,
  signal: (exit) =>
    because(exit.why) ?? `ended by ${exit.signal}${exit.sentBy === "us" ? " from the runner" : " from outside"}`,
  "spawn-failed": (exit) => `could not be started: ${exit.message}`,
};

/** Why the runner stopped a process. */
export function stopText(why: StopReason): string {
  return (stopTexts[why.kind] as (why: StopReason) => string)(why);
}

/** How a process ended; the runner's own reason comes before the code or signal that it led to. */
export function exitText(exit: Exit): string {
  return (exitTexts[exit.kind] as (exit: Exit) => string)(exit);
}

function because(why: StopReason | undefined): string | null {
  return why === undefined ? null : stopText(why);
}
