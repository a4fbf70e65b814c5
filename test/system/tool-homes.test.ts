import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { toolHomes } from "../../src/system/tool-homes.ts";

test("tools below the real home are named when they exist and nobody has named them", async () => {
  const home = await mkdtemp(join(tmpdir(), "capstan-homes-"));
  try {
    for (const dir of [".rustup", ".cargo", "go/pkg/mod"]) await mkdir(join(home, dir), { recursive: true });
    expect(toolHomes({ HOME: home, CARGO_HOME: "/elsewhere" })).toEqual({
      RUSTUP_HOME: join(home, ".rustup"),
      GOMODCACHE: join(home, "go/pkg/mod"),
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
