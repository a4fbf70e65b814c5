import type { Clock } from "../loop/ports.ts";

/** Timers stand still while a laptop sleeps, so a long wait looks at the wall clock this often. */
const longestPauseMs = 30_000;

/** The real time. `now` is epoch milliseconds; `sleep` ends early, without an error, when its signal aborts. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    const until = Date.now() + ms;
    for (let left = ms; left > 0 && !signal.aborted; left = until - Date.now()) await pause(left, signal);
  },
};

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, longestPauseMs));
    signal.addEventListener("abort", done, { once: true });
  });
}
