import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { locate } from "../../src/lanes/locate.ts";
import { type AtRepo, landing, open } from "../support/repository.ts";

/** Lands US-001 in the repository given by its base folder. The `git` on PATH may kill it, once it is armed. */
const base = process.argv[2]!;
const env = process.env as Record<string, string>;
const repo: AtRepo = {
  base,
  dir: join(base, "repo"),
  env,
  place: async () => {
    const located = await locate({ dir: join(base, "repo"), env });
    if (!located.ok) throw new Error(JSON.stringify(located.problem));
    return located.place;
  },
};
const run = await open(repo);
const request = await landing(repo, await run.see(), "US-001", {
  "a.txt": "A\n",
  "new/n.txt": "n\n",
  "gone.txt": null,
});
await writeFile(env.ARMED!, `${process.pid} ${env.KILL}\n`);
const landed = await run.repository.land(request);
await writeFile(join(base, "landed"), landed.kind);
