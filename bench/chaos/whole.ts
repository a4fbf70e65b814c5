import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { LedgerRecord } from "../../src/model/ledger.ts";
import { capstan } from "../../test/e2e/rig.ts";
import type { TestRepo } from "../../test/support/repo.ts";
import { commandOf, type Places, processesOf } from "./kill.ts";
import type { Person } from "./person.ts";
import { branch, mine, type Scenario } from "./scenario.ts";

interface Facts {
  repo: TestRepo;
  scenario: Scenario;
  places: Places;
  person: Person;
  /** The bare repository of `--push`. */
  remote: string | null;
  args: readonly string[];
}

/** Everything that is wrong after a run that said it was complete, one sentence each. */
export async function violations(facts: Facts): Promise<string[]> {
  const history = await historyOf(facts);
  return [
    ...await branchProblems(facts, history),
    ...ledgerProblems(facts, history),
    ...await planProblems(facts),
    ...await progressProblems(facts, history),
    ...await checkoutProblems(facts),
    ...await litter(facts),
    ...await remoteProblems(facts),
    ...await orphans(facts),
  ];
}

async function historyOf({ repo, args }: Facts): Promise<LedgerRecord[]> {
  const { stdout, stderr, code } = await capstan(repo, ["log", "--json", ...args]);
  if (code !== 0) throw new Error(`log ended with ${code}: ${stdout}${stderr}`);
  return stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as LedgerRecord);
}

/** Every step is on the branch exactly once, and the person's own commits are still there. */
async function branchProblems({ repo, scenario, person }: Facts, history: LedgerRecord[]): Promise<string[]> {
  const wrong: string[] = [];
  const log = (await repo.git("log", "--format=%H %s", branch)).split("\n");
  const commitsOf = (subject: RegExp): string[] =>
    log.filter((line) => subject.test(line)).map((line) => line.split(" ")[0]!);
  for (const id of scenario.steps) {
    const commits = commitsOf(new RegExp(`^\\S+ feat: ${id} - `));
    if (commits.length !== 1) wrong.push(`${id} has ${commits.length} commits on the branch`);
    const passed = history.flatMap((record) =>
      record.kind === "attempt" && record.step === id && record.outcome === "passed" ? [record.commit] : []
    );
    if (passed.length !== 1) wrong.push(`${id} has ${passed.length} passed records`);
    else if (passed[0] !== commits[0]) wrong.push(`the record of ${id} names ${passed[0]}, not its commit`);
    const text = await repo.show(branch, `out/${id}.txt`);
    if (text === null || text.trim().split("\n").length !== 1) {
      wrong.push(`out/${id}.txt holds ${JSON.stringify(text)}`);
    }
  }
  for (const id of scenario.gates) {
    const commits = commitsOf(new RegExp(`^\\S+ chore\\(gate\\): open ${id} - `));
    if (commits.length !== 1) wrong.push(`${id} was opened by ${commits.length} commits`);
    const opened = history.filter((record) => record.kind === "gate-opened" && record.step === id);
    if (opened.length !== 1) wrong.push(`${id} has ${opened.length} records of being opened`);
  }
  for (const path of person.committed) {
    if (await repo.show(branch, path) === null) wrong.push(`the person's ${path} is not on the branch`);
  }
  const ids = new Set(scenario.steps.map((id) => `feat: ${id} - `));
  const foreign = log.filter((line) => {
    const subject = line.slice(line.indexOf(" ") + 1);
    return ![...ids, "chore(gate): open", "chore(plan): ", "chore: start", "docs: person", "chore: old branch"]
      .some((known) => subject.startsWith(known));
  });
  if (foreign.length > 0) wrong.push(`unknown commits: ${foreign.join("; ")}`);
  return wrong;
}

function ledgerProblems(_facts: Facts, history: LedgerRecord[]): string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  for (const record of history) {
    if (record.kind === "passed-by-hand" || record.kind === "reopened") wrong.push(`${record.kind}: ${record.step}`);
    if (record.kind !== "attempt") continue;
    const attempt = `attempt ${record.attempt} of ${record.step}`;
    if (seen.has(attempt)) wrong.push(`${attempt} is recorded twice`);
    seen.add(attempt);
  }
  return wrong;
}

/** All steps pass, and nothing but the values that the runner owns differs from what the person wrote. */
async function planProblems({ repo, scenario, person }: Facts): Promise<string[]> {
  const text = await repo.show(branch, scenario.plan) ?? "";
  const plan = JSON.parse(text) as { userStories: { id: string; passes: boolean }[] };
  const open = plan.userStories.filter(({ passes }) => !passes).map(({ id }) => `${id} does not pass in the plan`);
  const own = text.replace(/\s*"planId": "[^"]*",?/, "").replaceAll('"passes": true', '"passes": false');
  const theirs = person.planText.replaceAll('"passes": true', '"passes": false');
  return own === theirs ? open : [...open, `the plan differs in more than its own values:\n${text}`];
}

/** What an agent that was done wrote is there, once. */
async function progressProblems({ repo, scenario, places }: Facts, history: LedgerRecord[]): Promise<string[]> {
  const text = await repo.show(branch, scenario.progress) ?? "";
  const lines = text.split("\n");
  const count = (line: string): number => lines.filter((found) => found === line).length;
  const wrong: string[] = [];
  const done = new Set(await readdir(join(places.witnesses, "done")));
  const patterned = await readdir(join(places.witnesses, "patterns"));
  for (const nonce of await readdir(join(places.witnesses, "began"))) {
    const entries = [count(`- Did ${nonce}`), count(`  - Learned from ${nonce}`)];
    if (entries.some((times) => times > 1)) wrong.push(`the entry of ${nonce} is there ${entries.join(" and ")} times`);
    if (done.has(nonce) && entries.includes(0)) wrong.push(`the entry of ${nonce} is lost`);
    const patterns = count(`- Pattern of ${nonce}`) + count(`- Pattern: Pattern of ${nonce}`);
    if (patterns > 1) wrong.push(`the pattern of ${nonce} is there ${patterns} times`);
    if (done.has(nonce) && patterned.includes(nonce) && patterns === 0) wrong.push(`the pattern of ${nonce} is lost`);
  }
  for (const id of scenario.steps) {
    const nonce = (await repo.show(branch, `out/${id}.txt`) ?? "").trim();
    if (!done.has(nonce)) wrong.push(`${id} landed the work of ${nonce}, which was not done`);
  }
  const headings = lines.filter((line) => line.startsWith("# ")).length;
  if (headings > 1) wrong.push(`progress.txt has ${headings} headers`);
  const own = lines.filter((line) => /^- Attempt \d+: /.test(line)).length;
  const failed = history.filter((record) => record.kind === "attempt" && record.progress.includes("- Attempt ")).length;
  if (own !== failed) wrong.push(`progress.txt has ${own} entries of the runner's own, the ledger ${failed}`);
  return wrong;
}

/** The checkout is on its branch and clean; with `--no-checkout` it is where it was. */
async function checkoutProblems({ repo, scenario, person }: Facts): Promise<string[]> {
  const head = await repo.git("symbolic-ref", "--short", "HEAD");
  const status = await repo.git("status", "--porcelain", "--untracked-files=all");
  const expected = scenario.dirty ? ` M ${mine}` : "";
  const wrong: string[] = [];
  if (head !== (scenario.checkout ? branch : "main")) wrong.push(`HEAD is ${head}`);
  if (status !== expected) wrong.push(`the checkout is not clean: ${JSON.stringify(status)}`);
  if (scenario.dirty && await repo.read(mine) !== person.mineText) wrong.push(`${mine} lost the person's edit`);
  const fsck = await repo.git("fsck", "--no-dangling", "--no-progress").then(() => "", (error: Error) => error.message);
  return fsck === "" ? wrong : [...wrong, `git fsck: ${fsck}`];
}

const ownFiles = /^(lock|lock\.json|lock-journal)$/;
const stateFiles = /^(homes|kept|verdicts\.json|verify\.scratch|(lane|verify)(\.(index|json|setup|tmp|tools))?)$/;

/** Files that nobody takes away any more: locks, notes, temporary files, homes, refs of kept attempts. */
async function litter({ repo, places }: Facts): Promise<string[]> {
  const wrong: string[] = [];
  const inGit = await readdir(places.git, { recursive: true });
  const locks = inGit.filter((name) => name.endsWith(".lock"));
  if (locks.length > 0) wrong.push(`lock files are left: ${locks.join(", ")}`);
  const own = (await readdir(places.own)).filter((name) => !ownFiles.test(name));
  if (own.length > 0) wrong.push(`files are left in the git folder: ${own.join(", ")}`);
  const state = await readdir(places.state);
  const unknown = state.filter((name) => !stateFiles.test(name));
  if (unknown.length > 0) wrong.push(`files are left in the state folder: ${unknown.join(", ")}`);
  const homes = await readdir(join(places.state, "homes")).catch(() => []);
  if (homes.length > 1) wrong.push(`${homes.length} homes are left`);
  const temporary = (await readdir(repo.dir, { recursive: true })).filter((name) =>
    !name.startsWith(".git/") && !name.startsWith(".capstan") && /\.\d{6,}$|\.tmp/.test(name)
  );
  if (temporary.length > 0) wrong.push(`temporary files are left: ${temporary.join(", ")}`);
  const refs = await repo.git("for-each-ref", "--format=%(refname)", "refs/capstan/attempts", "refs/capstan/parked");
  if (refs !== "") wrong.push(`refs are left: ${refs.replaceAll("\n", ", ")}`);
  const exclude = await readFile(join(places.git, "info/exclude"), "utf8");
  if (exclude.split(".capstan/").length > 2) wrong.push("the exclude file names .capstan more than once");
  return wrong;
}

async function remoteProblems({ repo, remote }: Facts): Promise<string[]> {
  if (remote === null) return [];
  const refs = async (dir: string) =>
    await repo.gitIn(
      dir,
      "for-each-ref",
      "--format=%(objectname) %(refname)",
      `refs/heads/${branch}`,
      "refs/capstan/ledger",
      "refs/capstan/attempts",
    );
  const [here, there] = await Promise.all([refs(repo.dir), refs(remote)]);
  return here === there ? [] : [`the remote has\n${there}\nnot\n${here}`];
}

/** Processes may take a moment to be gone. */
async function orphans({ repo }: Facts): Promise<string[]> {
  const until = performance.now() + 2000;
  let left = processesOf(repo.base);
  while (left.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = processesOf(repo.base);
  }
  return left.map((pid) => `process ${pid} is left: ${commandOf(pid)}`);
}
