import type { AgentEvent } from "../model/agent-event.ts";

/** Watches the transient failures of one agent process. Pure state, no I/O. */
export interface RetryWatch {
  /** Whether the agent should be ended; `at` is the time of the event in milliseconds. */
  see(event: AgentEvent, at: number): boolean;
}

/**
 * An agent that does nothing but ask its provider again is not alive, however often it says so: it may do that for as long
 * as it may be silent. One that announces a longer pause than that need not be waited for.
 */
export function watchRetries(patienceMs: number): RetryWatch {
  let since: number | null = null;
  return {
    see(event, at) {
      if (event.kind === "unknown") return false;
      if (event.kind !== "retry") {
        since = null;
        return false;
      }
      since ??= at;
      return at - since >= patienceMs || (event.delayMs ?? 0) >= patienceMs;
    },
  };
}
