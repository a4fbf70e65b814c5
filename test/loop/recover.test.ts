import { expect, test } from "vitest";
import type { RunContext } from "../../src/loop/context.ts";
import { recoverLeftover } from "../../src/loop/recover.ts";
import type { AttemptRecord } from "../../src/model/ledger.ts";
import { planSchema } from "../../src/model/plan.ts";

const minute = 60_000;

/** The attempt that is recorded when a run starts so long after an iteration began whose runner died. */
async function recovered(afterMs: number, step: Record<string, unknown>): Promise<Partial<AttemptRecord>> {
  const kept: Partial<AttemptRecord>[] = [];
  const lane = { dir: "/lane", base: "b", home: "/home", planText: "", progressText: "" };
  const left = { step: "A", title: "A", stepHash: "h", attempt: 1, agent: "claude", mark: "m", lane };
  const plan = planSchema.parse({ steps: [{ id: "A", title: "A", ...step }] });
  const ports = {
    clock: { now: () => afterMs },
    repository: {
      leftover: () => Promise.resolve({ ...left, startedAt: new Date(0).toISOString() }),
      observe: () => Promise.resolve({ ok: true, value: { plan, validators: [], ledger: { steps: {} } } }),
      keep: (record: Partial<AttemptRecord>) => {
        kept.push(record);
        return Promise.resolve(null);
      },
      clearInflight: () => Promise.resolve(),
    },
    lanes: {
      collect: () => Promise.resolve({ ok: true, work: { changed: [], progressText: "" } }),
      release: () => Promise.resolve(),
    },
    validators: {
      frozen: () => [],
      withhold: ({ work }: { work: unknown }) => Promise.resolve({ work, lines: [] }),
    },
    hide: (value: unknown) => value,
    notice: () => undefined,
  };
  expect(await recoverLeftover({ ports } as unknown as RunContext)).toBeNull();
  return kept[0]!;
}

test("what a dead runner's iteration took is never more than it might have taken, and its cost is unknown", async () => {
  expect(await recovered(5 * minute, {})).toMatchObject({ durationMs: 5 * minute, costUsd: null });
  expect(await recovered(600 * minute, { timeoutMinutes: 20 })).toMatchObject({ durationMs: 20 * minute });
});
