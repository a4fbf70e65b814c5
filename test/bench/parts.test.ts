import { describe, expect, it } from "vitest";
import { gitOfOneIteration, runCapstan, runMinimal, sharedSettings, tracing } from "../../bench/loops.ts";
import { median, ratioRow } from "../../bench/measure.ts";
import { differenceOf, tolerance } from "../../bench/overhead.ts";
import { benchRepo } from "../../bench/repositories.ts";

describe("the bench", () => {
  it("compares with a script that runs the same git commands and lands the same files", async () => {
    await using repo = await benchRepo({ steps: 4 });
    await using other = await benchRepo({ steps: 4 });
    expect(await runCapstan(repo, 4, tracing(repo))).toHaveLength(2);
    const ours = await gitOfOneIteration(repo);
    const request = { like: repo, first: 1, last: 4, settings: sharedSettings(ours) };
    expect(await runMinimal(other, request, tracing(other))).toHaveLength(2);
    const theirs = await gitOfOneIteration(other);

    expect(theirs.length).toBeGreaterThan(15);
    expect(differenceOf(ours, theirs)).toBeLessThanOrEqual(tolerance);
    expect(await other.git("rev-parse", "capstan/bench^{tree}")).toBe(
      await repo.git("rev-parse", "capstan/bench^{tree}"),
    );
    expect(await other.git("status", "--porcelain")).toBe("");
  });

  it("takes the ratio of each repetition before it takes the middle one", () => {
    expect(median([3, 1, 2, 10])).toBe(2.5);
    const busy = { measured: [100, 120, 110], baseline: [100, 110, 105] };
    const quiet = [{ measured: [15], baseline: [10] }, { measured: [16], baseline: [10] }];
    expect(ratioRow("any", [busy, ...quiet], 1.5)).toMatchObject({ ratio: 1.5, ok: true });
  });
});
