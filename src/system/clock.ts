import type { Calendar } from "../loop/ports.ts";

/** Timers stand still while a laptop sleeps, so a long wait looks at the wall clock this often. */
const longestPauseMs = 30_000;

/** Where the time comes from: `wall` may jump in both directions, `steady` may stand still while the machine sleeps. */
export interface TimeSources {
  wall: () => number;
  steady: () => number;
}

/**
 * A clock: `now` is epoch milliseconds; `sleep` ends early, without an error, when its signal aborts. It lasts until
 * either source says that the time is over: a wall clock that is set back makes no wait longer.
 */
export function createClock({ wall, steady }: TimeSources): Calendar {
  return {
    now: wall,
    dayOf: (at) => {
      const date = new Date(at);
      const midnight = (days: number) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
      return { startsAt: midnight(0), endsAt: midnight(1) };
    },
    sleep: async (ms, signal) => {
      const [wallStart, steadyStart] = [wall(), steady()];
      const left = () => ms - Math.max(wall() - wallStart, steady() - steadyStart);
      for (let rest = left(); rest > 0 && !signal.aborted; rest = left()) await pause(rest, signal);
    },
  };
}

/** The real time. */
export const systemClock: Calendar = createClock({ wall: () => Date.now(), steady: () => performance.now() });

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
