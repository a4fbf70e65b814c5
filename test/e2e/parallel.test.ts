import { expect, test } from "vitest";
import { createRepo } from "../support/repo.ts";
import { loop, planText, validatorsText } from "./rig.ts";

test("validators that run side by side do not end each other", async () => {
  await using repo = await createRepo({
    files: {
      "prd.json": planText([{ id: "US-001", command: "echo one > one.txt", validators: ["quick", "slow"] }]),
      // The quick one ends while the slow one is at work: that one waits for its file, and then some.
      "registries/validators.json": validatorsText({
        quick: "test -f one.txt && touch ../quick-was-here",
        slow: "for i in $(seq 50); do [ -f ../quick-was-here ] && break; sleep 0.02; done; sleep 0.5; test -f one.txt",
      }),
    },
  });
  const run = await loop(repo);
  expect(run.code).toBe(0);
  const verdicts = run.events.flatMap((event) => event.kind === "validator-finished" ? [event.verdict] : []);
  expect(verdicts.filter(({ named }) => named).map(({ validator, status }) => `${validator} ${status}`).toSorted())
    .toEqual(["quick pass", "slow pass"]);
});
