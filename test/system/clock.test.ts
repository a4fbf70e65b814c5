import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/system/clock.ts";

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
