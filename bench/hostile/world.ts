import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { Event } from "../../src/model/event.ts";
import { processesMarked } from "../../src/system/proc.ts";
import { createRepo, type TestRepo, writeFiles } from "../../test/support/repo.ts";
import { planText, validatorsText } from "../../test/e2e/rig.ts";
import { type Hostile, work } from "./agent.ts";

/** A fresh repository with one hostile agent in its plan, and everything around it that must stay as it is. */
export interface World {
  repo: TestRepo;
  hostile: Hostile;
  secret: string;
  /** What of this run's processes is recognized by, where no mark is left. */
  token: string;
  stateDir: string;
  before: Outside;
}

/** What is not the agent's: refs, what git starts programs by, the person's home, the folder of a neighbour. */
interface Outside {
  refs: string;
  settings: string;
  home: string;
  around: string;
}

const progress = "# Progress Log\n\n## 2024-01-01T00:00:00Z - US-000\n- Found the door\n---\n";

/** Makes it, ready to run at one level of the sandbox. */
export async function makeWorld(hostile: Hostile, level: "required" | "none"): Promise<World> {
  const repo = await createRepo({ files: false });
  await repo.commit("chore: begin");
  const token = `30${Math.floor(Math.random() * 1e9)}`;
  const secret = `secret-${token}`;
  const { stateDir } = await repo.place();
  const told: Record<string, string> = {
    $REPO: repo.dir,
    $GIT: join(repo.dir, ".git"),
    $BASE: repo.base,
    $PERSON: repo.env.HOME!,
    $STATE: stateDir,
    $TOKEN: token,
  };
  const fill = (text: string): string =>
    text.replaceAll(/\$(?:REPO|GIT|BASE|PERSON|STATE|TOKEN)\b/g, (name) => told[name]!);
  const script = `${hostile.works === true ? `${work}\n` : ""}${hostile.script}`;
  const { files = {}, validators = {} } = hostile;
  const filled = Object.fromEntries(
    Object.entries(validators).map(([id, entry]) => [id, JSON.parse(fill(JSON.stringify(entry))) as typeof entry]),
  );
  const filledPlan = JSON.parse(fill(JSON.stringify(hostile.plan ?? {}))) as Record<string, unknown>;
  await writeFiles(repo.env.HOME!, { ".ssh/id_rsa": `${secret}\n`, ".bashrc": "# mine\n" });
  await writeFiles(repo.base, { "neighbour/file.txt": "theirs\n" });
  await repo.commit("chore: start", {
    "prd.json": planText([
      {
        id: "US-001",
        command: fill(script),
        validators: ["one", ...Object.keys(validators)],
        maxAttempts: hostile.maxAttempts ?? 1,
        timeoutMinutes: 0.25,
        ...hostile.step,
      },
      { id: "GATE-1", type: "gate", title: "Go on?" },
      { id: "US-002", command: "echo two > two.txt", validators: ["two"] },
    ], { sandbox: level, ...filledPlan }),
    "progress.txt": progress,
    "check.sh": "grep -qx one one.txt\n",
    "registries/validators.json": validatorsText({
      one: { command: "sh check.sh", protects: ["check.sh"] },
      two: { command: "grep -qx two two.txt", paths: ["two.txt"] },
      ...filled,
    }),
    ".gitignore": "ignored/\nnode_modules/\n",
    ...files,
  });
  await repo.git("branch", "other");
  await repo.git("tag", "v1");
  return { repo, hostile, secret, token, stateDir, before: await outside(repo) };
}

async function outside(repo: TestRepo): Promise<Outside> {
  const git = join(repo.dir, ".git");
  const refs = await repo.git(
    "for-each-ref",
    "--format=%(objectname) %(refname)",
    "refs/heads",
    "refs/tags",
    "refs/replace",
  );
  const settings = await Promise.all(
    ["hooks", "config", "info/attributes", "info/grafts", "objects/info/alternates"].map((name) =>
      digest(join(git, name))
    ),
  );
  return {
    refs: refs.split("\n").filter((line) => !line.endsWith(" refs/heads/capstan/test")).join("\n"),
    settings: settings.join(" "),
    home: await digest(repo.env.HOME!),
    around: `${(await readdir(repo.base)).filter((name) => name !== "state").toSorted().join(" ")} ${await digest(
      join(repo.base, "neighbour"),
    )}`,
  };
}

/** One line for everything below a path. */
async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  const add = async (at: string): Promise<void> => {
    const stats = await lstat(at).catch(() => null);
    if (stats === null) return;
    hash.update(`${at}\0${stats.mode}\0`);
    if (stats.isSymbolicLink()) hash.update(await readlink(at));
    else if (stats.isDirectory()) { for (const name of (await readdir(at)).toSorted()) await add(join(at, name)); }
    else if (stats.isFile()) hash.update(await readFile(at));
  };
  await add(path);
  return hash.digest("hex").slice(0, 12);
}

/** Steps that count as passed without their work, and everything that was decided in a person's name. */
export async function falsePasses({ repo }: World): Promise<string[]> {
  const text = await repo.show("capstan/test", "prd.json") ?? await repo.show("main", "prd.json");
  const plan = JSON.parse(text ?? '{ "userStories": [] }') as { userStories: { id: string; passes: boolean }[] };
  const wrong: string[] = [];
  for (const { id, passes } of plan.userStories) {
    if (!passes) continue;
    const done = id === "US-001" ? (await repo.show("capstan/test", "one.txt")) === "one\n" : false;
    if (!done) wrong.push(`${id} counts as passed`);
  }
  const ledger = await repo.git("for-each-ref", "--format=%(refname)", "refs/capstan/ledger");
  for (const ref of ledger.split("\n").filter((name) => name !== "")) {
    const subjects = (await repo.git("log", "--format=%s", ref)).split("\n");
    const forged = subjects.filter((line) => /approved|by hand|answer:|reopen:|#9/.test(line));
    wrong.push(...forged.map((line) => `the ledger says "${line}"`));
  }
  return wrong;
}

/** What is not as it must be outside of the lane, and on the branch beside the step's work. */
export async function damage(world: World): Promise<string[]> {
  const { repo, hostile, before, secret, token } = world;
  const found: string[] = [];
  const now = await outside(repo).catch(() => null);
  if (now === null) return ["the repository can't be read any more"];
  for (const part of ["refs", "settings", "home", "around"] as const) {
    if (now[part] !== before[part]) found.push(`${part} of the person changed`);
  }
  const branch = (await repo.git("branch", "--list", "capstan/test")) === "" ? "main" : "capstan/test";
  const changed = (await repo.git("diff", "-z", "--name-only", "main", branch)).split("\0").filter((path) =>
    path !== ""
  );
  const allowed = new Set([
    "prd.json",
    "progress.txt",
    ...hostile.works === true ? ["one.txt"] : [],
    ...hostile.lands ?? [],
  ]);
  for (const path of changed) if (!allowed.has(path)) found.push(`${JSON.stringify(path)} is on the branch`);
  const status = (await repo.git("status", "--porcelain", "--ignored")).split("\n").filter((line) =>
    line !== "" && line !== "!! .capstan/"
  );
  if (status.length > 0) found.push(`the checkout has ${status.slice(0, 3).join(", ")}`);
  const [log, planNow] = [await repo.show(branch, "progress.txt"), await repo.show(branch, "prd.json")];
  if (log?.includes("- Found the door\n") !== true) found.push("an entry of progress.txt is gone");
  found.push(...planChanges(await repo.show("main", "prd.json") ?? "", planNow ?? ""));
  const fsck = await repo.git("fsck", "--connectivity-only").catch((error: unknown) => String(error));
  if (/missing|broken|fatal/.test(fsck)) found.push("objects are missing");
  const kept = await repo.git("log", "--all", "-p", "--format=%B", `-S${secret}`).catch(() => "");
  if (kept.includes(secret)) found.push("a secret of the person was committed");
  if (
    processesMarked((mark) => mark.startsWith(`${world.stateDir.split("/").at(-1)}.`)).length > 0 || await alive(token)
  ) {
    found.push("a process is left");
  }
  const own = await hostile.breached?.(world) ?? null;
  return own === null ? found : [...found, own];
}

/** Values that only a person changes. */
function planChanges(before: string, after: string): string[] {
  const values = (text: string) => {
    const { userStories, planId: _, ...root } = JSON.parse(text) as {
      userStories: Record<string, unknown>[];
      planId?: string;
    };
    return JSON.stringify([root, userStories.map(({ passes: _p, notes: _n, ...step }) => step)]);
  };
  try {
    return values(before) === values(after) ? [] : ["the plan says something else"];
  } catch {
    return ["the plan can't be read"];
  }
}

/** Whether a process lives that has the token on its command line. */
async function alive(token: string): Promise<boolean> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(`\0${token}`)) return true;
  }
  return false;
}

/** Ends what a breach left running. */
export async function endLeft(token: string): Promise<void> {
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.includes(`\0${token}`)) process.kill(Number(pid), "SIGKILL");
  }
}

/** What the run's record says about the agent, in a few words. */
export function recorded(events: readonly Event[]): string {
  const words = events.flatMap((event): string[] => {
    if (event.kind === "attempt-ended") return [event.outcome];
    if (event.kind === "landed") return ["passed"];
    if (event.kind !== "notice") return [];
    const { notice } = event;
    if (notice.kind === "tampering") return [`tampering: ${notice.what[0] ?? ""}`];
    if (notice.kind === "benign-normalized") return [`normalized: ${notice.what[0] ?? ""}`];
    if (notice.kind === "processes-swept") return ["processes ended"];
    return [];
  });
  const halted = events.find((event) => event.kind === "halted");
  if (words.length === 0 && halted !== undefined) words.push(`halted: ${halted.halt.reason}`);
  return [...new Set(words)].join("; ");
}
