import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { createClock, systemClock } from "../../src/system/clock.ts";

describe("systemClock.sleep", () => {
  it("ends at its time and leaves no listener behind", async () => {
    const { signal } = new AbortController();
    const started = performance.now();
    await systemClock.sleep(40, signal);
    expect(performance.now() - started).toBeGreaterThanOrEqual(35);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("ends at once when its signal aborts, even in the middle of a month", async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(31 * 24 * 3600 * 1000, controller.signal);
    controller.abort();
    await sleeping;
    await systemClock.sleep(60_000, controller.signal);
  });

  it("is made no longer by a clock that is set back, and is over when it is set past its end", async () => {
    const started = performance.now();
    let jump = 0;
    const clock = createClock({ wall: () => Date.now() + jump, steady: () => performance.now() });
    const never = new AbortController().signal;
    const back = clock.sleep(60, never);
    jump = -3_600_000;
    await back;
    expect(performance.now() - started).toBeLessThan(30_000);

    // As when a laptop slept through it: timers stood still meanwhile.
    const sources = { wall: 0, steady: 0 };
    const slept = createClock({ wall: () => sources.wall, steady: () => sources.steady });
    const over = slept.sleep(50, never);
    sources.wall = 3_600_000;
    await over;
  });

  it("does not end early because the time is too long for one timer", async () => {
    const controller = new AbortController();
    let ended = false;
    const sleeping = systemClock.sleep(2 ** 40, controller.signal).then(() => ended = true);
    await systemClock.sleep(30, new AbortController().signal);
    expect(ended).toBe(false);
    controller.abort();
    await sleeping;
  });
});
