import { mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Event } from "../../src/model/event.ts";
import { openJournal } from "../../src/report/journal.ts";
import { journalLimits } from "../../src/report/journal-prune.ts";
import { tempDir } from "../support/tmp.ts";

const current = "mwpz0000-000000";

function event(seq: number, text = ""): Event {
  const body = { kind: "agent", step: "US-001", event: { kind: "text", text } } as const;
  return { v: 1, seq, at: "2026-11-20T00:00:00.000Z", run: current, ...body };
}

/** An earlier run with this many bytes in an iteration's folder. */
async function earlier(root: string, run: string, bytes: number, daysAgo = 0): Promise<void> {
  const dir = join(root, ".capstan", "runs", run);
  await mkdir(join(dir, "0001-US-001-1", "validators"), { recursive: true });
  await writeFile(join(dir, "0001-US-001-1", "validators", "test.log"), "x".repeat(bytes));
  await writeFile(join(dir, "events.jsonl"), "");
  const at = new Date(Date.now() - daysAgo * 24 * 3_600_000);
  await utimes(join(dir, "events.jsonl"), at, at);
}

async function runs(root: string): Promise<string[]> {
  return (await readdir(join(root, ".capstan", "runs"))).toSorted();
}

describe("the journal", () => {
  it("drops runs by age, and leaves alone what is not a run of its own", async () => {
    await using dir = await tempDir();
    await earlier(dir.path, "mwpa0000-00000a", 10, 31);
    await earlier(dir.path, "mwpb0000-00000b", 10, 29);
    await earlier(dir.path, "notes", 10, 400);
    await symlink(dir.path, join(dir.path, ".capstan", "runs", "mwp00000-00000c"));
    await (openJournal(dir.path, current)).close();
    expect(await runs(dir.path)).toEqual(["mwp00000-00000c", "mwpb0000-00000b", current, "notes"].toSorted());
  });

  it("drops the oldest runs when all are too large together", async () => {
    await using dir = await tempDir();
    for (const name of ["a", "b", "c", "d"]) await earlier(dir.path, `mwp${name}0000-000000`, 1000);
    await (openJournal(dir.path, current, { ...journalLimits, maxBytes: 2500 })).close();
    expect(await runs(dir.path)).toEqual([current, "mwpc0000-000000", "mwpd0000-000000"].toSorted());
  });

  it("stays within its size during a run too, and never drops the iteration under way", async () => {
    await using dir = await tempDir();
    await earlier(dir.path, "mwpa0000-000000", 1000);
    const journal = openJournal(dir.path, current, { ...journalLimits, maxBytes: 2500 });
    for (let iteration = 1; iteration <= 6; iteration++) {
      await journal.write(await journal.begin(iteration, "US-001", iteration), "output.log", "x".repeat(1000));
    }
    await journal.write(await journal.begin(7, "US-001", 7), "output.log", "x".repeat(9000));
    await journal.close();
    expect(await runs(dir.path)).toEqual([current]);
    const folders = (await readdir(journal.dir)).filter((name) => name.startsWith("00")).toSorted();
    expect(folders).toEqual(["0005-US-001-5", "0006-US-001-6", "0007-US-001-7"]);
  });

  it("believes what an earlier run noted about its size, and looks itself where none is noted", async () => {
    await using dir = await tempDir();
    const limits = { ...journalLimits, maxBytes: 2500 };
    const journal = openJournal(dir.path, "mwpa0000-000000", limits);
    await journal.write(await journal.begin(1, "US-001", 1), "output.log", "x".repeat(1000));
    await journal.close();
    expect(Number(await readFile(join(journal.dir, "size"), "utf8"))).toBe(1000);
    await writeFile(join(journal.dir, "size"), "2000\n");
    await earlier(dir.path, "mwpb0000-000000", 1000);
    await (openJournal(dir.path, current, limits)).close();
    expect(await runs(dir.path)).toEqual(["mwpb0000-000000", current]);
  });

  it("keeps the newest events, in two files at most", async () => {
    await using dir = await tempDir();
    const journal = openJournal(dir.path, current, { ...journalLimits, maxEventBytes: 10_000 });
    for (let seq = 1; seq <= 500; seq++) journal.record(event(seq, "x".repeat(100)));
    await journal.close();
    const files = ["events.1.jsonl", "events.jsonl"].map((name) => join(journal.dir, name));
    expect((await readdir(journal.dir)).filter((name) => name.startsWith("events")).toSorted()).toEqual([
      "events.1.jsonl",
      "events.jsonl",
    ]);
    const seqs = (await Promise.all(files.map((file) => readFile(file, "utf8")))).join("").trimEnd().split("\n")
      .map((line) => (JSON.parse(line) as Event).seq);
    expect(seqs).toEqual(seqs.map((_seq, index) => 500 - seqs.length + index + 1));
    for (const file of files) expect((await stat(file)).size).toBeLessThanOrEqual(10_000);
  });

  it("that can't be written stops nothing", async () => {
    await using dir = await tempDir();
    await writeFile(join(dir.path, ".capstan"), "a file in the way");
    const journal = openJournal(dir.path, current);
    journal.record(event(1));
    await journal.write(await journal.begin(1, "US-001", 1), "brief.md", "text");
    await journal.close();
  });
});
