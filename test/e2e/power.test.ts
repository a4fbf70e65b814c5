import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { exec } from "../../src/system/exec.ts";
import { onThisRuntime } from "../support/processes.ts";
import { createRepo } from "../support/repo.ts";
import { planText, validatorsText } from "./rig.ts";

const program = fileURLToPath(new URL("../../loop.ts", import.meta.url));
const probe = await exec(["strace", "-f", "true"], { env: { PATH: process.env.PATH ?? "" } });
const canTrace = probe.exit.kind === "code" && probe.exit.code === 0;

/** A file that came to where it belongs. Both times count system calls; `onDisk` is when it was there with its content. */
interface Arrival {
  path: string;
  at: number;
  onDisk: number;
}

/** What `strace` saw, in order: `fsync(12</a/b>)`, `rename("/a/b", "/a/c")`, `link("/a/b", "/a/c")`. */
function arrivals(trace: string, dir: string): Arrival[] {
  const synced = new Set<string>();
  const found: Arrival[] = [];
  // A call that another process interrupts is printed in two parts.
  const open = new Map<string, string>();
  for (const [at, line] of trace.split("\n").entries()) {
    const [, pid = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (text.endsWith("<unfinished ...>")) {
      open.set(pid, text.slice(0, -"<unfinished ...>".length));
      continue;
    }
    const [, rest] = /^<\.\.\. \w+ resumed>(.*)$/.exec(text) ?? [];
    const call = rest === undefined ? text : `${open.get(pid) ?? ""}${rest}`;
    if (!call.endsWith(" = 0")) continue;
    const [, flushed] = /^f(?:data)?sync\(\d+<([^>]*)>/.exec(call) ?? [];
    if (flushed !== undefined) {
      synced.add(flushed);
      for (const late of found.filter(({ path, onDisk }) => path === flushed && onDisk === Infinity)) late.onDisk = at;
    }
    if (!/^(rename|link)/.test(call)) continue;
    const [from = "", to = ""] = [...call.matchAll(/"([^"]*)"/g)].map(([, path]) => join(dir, path!.replace(dir, "")));
    found.push({ path: to, at, onDisk: synced.has(from) ? at : Infinity });
  }
  return found;
}

test.skipIf(!canTrace)(
  "a power cut finds objects before refs, the note about a landing before both, and the checkout last (needs strace)",
  async () => {
    await using repo = await createRepo({ files: false });
    await repo.commit("chore: start", {
      "prd.json": planText([{
        id: "US-001",
        command: "mkdir new; echo a > a.txt; echo b > new/b.txt",
        validators: ["a"],
      }], {
        planId: "plan-abc",
        branchName: "main",
      }),
      "a.txt": "before\n",
      "registries/validators.json": validatorsText({ a: "grep a a.txt" }),
    });
    const trace = join(repo.base, "trace");
    const calls = "fsync,fdatasync,rename,renameat,renameat2,link,linkat";
    const ended = await exec(
      [
        "strace",
        "-f",
        "-y",
        "-s",
        "4096",
        "-e",
        `trace=${calls}`,
        "-o",
        trace,
        ...onThisRuntime(program),
        "-C",
        repo.dir,
      ],
      { cwd: repo.dir, env: repo.env },
    );
    expect(ended.exit).toEqual({ kind: "code", code: 0 });
    const seen = arrivals(await readFile(trace, "utf8"), repo.dir);
    const git = join(repo.dir, ".git");
    const last = (path: string) => seen.findLast((arrival) => arrival.path === join(git, path));
    const refs = [last("refs/heads/main")!, last("refs/capstan/ledger/plan-abc")!];
    const moved = Math.min(...refs.map(({ at }) => at));

    const commits = ["main", "^main~1", "refs/capstan/ledger/plan-abc"];
    const oids = (await repo.git("rev-list", "--objects", "--no-object-names", ...commits)).split("\n");
    const objects = oids.flatMap((oid) => last(`objects/${oid.slice(0, 2)}/${oid.slice(2)}`) ?? []);
    expect(objects.length).toBeGreaterThanOrEqual(8);
    expect(objects.filter(({ onDisk }) => onDisk > moved)).toEqual([]);
    expect(last("capstan/landing.json")!.onDisk).toBeLessThan(moved);
    expect(refs.map(({ at, onDisk }) => onDisk - at)).toEqual([0, 0]);
    expect(last("index")!.at).toBeGreaterThan(Math.max(...refs.map(({ at }) => at)));
  },
  60_000,
);
