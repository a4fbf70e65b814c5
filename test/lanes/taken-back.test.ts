import { expect, test } from "vitest";
import { createRepo, type TestRepo } from "../support/repo.ts";
import { landing, open, type OpenedRepo, planText } from "../support/repository.ts";

const plan = planText({ "US-001": false, "US-002": false }, { planId: "plan-abc" });

/** A repository on which a step has landed, with the files of the checkout as they were before. */
async function landedUnseen(): Promise<{ repo: TestRepo; run: OpenedRepo; old: string; next: string }> {
  const repo = await createRepo({ files: { "prd.json": plan, "a.txt": "a\n", "mine.txt": "m\n" } });
  const run = await open(repo);
  const seen = await run.see();
  const landed = await run.repository.land(await landing(repo, seen, "US-001", { "a.txt": "A\n", "new.txt": "n\n" }));
  expect(landed.kind).toBe("landed");
  const next = await repo.git("rev-parse", "HEAD");
  await repo.git("read-tree", "-m", "-u", next, seen.tip);
  return { repo, run, old: seen.tip, next };
}

test("a run that died before the checkout followed: the next start finds that a commit took its landing back", async () => {
  const { repo, old, next } = await landedUnseen();
  await using _ = repo;
  await repo.write({ "mine.txt": "edited\n" });
  await repo.git("commit", "-q", "-a", "-m", "fix: by hand");
  const intent = { branch: "main", old, next, root: repo.dir, at: Date.now() };
  await repo.write({ ".git/capstan/landing.json": JSON.stringify(intent) });
  const again = await open(repo);
  const seen = await again.see();
  expect(again.notices).toContainEqual({
    kind: "taken-back",
    step: "US-001",
    commit: await repo.git("log", "-1", "--format=%H", "--grep=by hand"),
    by: "Test Person <person@example.com>",
  });
  expect(again.kinds()).not.toContain("reopened-by-hand");
  const step = seen.ledger.steps["US-001"]!;
  expect(step).toMatchObject({ passed: null, attempts: 0, recent: [{}, { outcome: "superseded", evidence: "step" }] });
  expect(await repo.show(step.carry!.work, "new.txt")).toBe("n\n");
  expect(await repo.show(step.carry!.work, "prd.json")).toBe(await repo.show(old, "prd.json"));
});

test("a checkout that followed after the commit shows a pass that the branch does not hold: it is put right", async () => {
  const { repo, run, old, next } = await landedUnseen();
  await using _ = repo;
  await repo.write({ "mine.txt": "edited\n" });
  await repo.git("commit", "-q", "-a", "-m", "fix: by hand");
  await repo.git("read-tree", "-m", "-u", old, next);
  const seen = await run.see();
  expect(run.kinds()).toContain("taken-back");
  expect(run.kinds()).not.toContain("passed-by-hand");
  expect(seen.plan.steps.map(({ passes }) => passes)).toEqual([false, false]);
  expect(JSON.parse(await repo.read("prd.json"))).toMatchObject({
    userStories: [{ passes: false }, { passes: false }],
  });
  expect((await run.see()).ledger.steps["US-001"]).toMatchObject({ passed: null, carry: { attempt: 2 } });
});

test("a commit on top of a landing, or one that goes on with its files, takes nothing back", async () => {
  const { repo, run, old, next } = await landedUnseen();
  await using _ = repo;
  await repo.git("read-tree", "-m", "-u", old, next);
  await repo.commit("fix: by hand", { "a.txt": "A and more\n", "mine.txt": "edited\n" });
  await run.see();
  expect(run.kinds()).not.toContain("taken-back");
});
