import type { Hostile } from "./agent.ts";
import { memory } from "./checks.ts";

const agents = new URL("../../test/agents/", import.meta.url).pathname;
const remembers = (where: string): string =>
  `[ -e ${where} ] && echo memory > found.txt; mkdir -p "$(dirname ${where})"; echo note > ${where}`;

/** Agents that stay in their lane and are out of order: they don't end, leave processes, flood, remember. */
export const broken: readonly Hostile[] = [
  { name: "forever", attempts: "never end", step: { timeoutMinutes: 0.02 }, script: `exec ${agents}forever.sh` },
  {
    name: "ignores-sigterm",
    attempts: "outlive being asked to stop",
    step: { timeoutMinutes: 0.02 },
    script: `exec ${agents}ignores-sigterm.sh`,
  },
  { name: "silent", attempts: "hold the run up without a word", step: { idleMinutes: 0.01 }, script: "exec sleep 600" },
  { name: "dies-by-signal", attempts: "end without an exit code", script: `exec ${agents}dies-by-signal.sh SEGV` },
  {
    name: "floods-stdout",
    attempts: "fill memory and disk by its output",
    script: `exec ${agents}floods-stdout.sh 100000000`,
  },
  { name: "half-line", attempts: "break the parser by half a line", script: `exec ${agents}half-line.sh` },
  {
    name: "invalid-utf8",
    attempts: "break the parser by bytes that are no text",
    script: `exec ${agents}invalid-utf8.sh`,
  },
  { name: "one-long-line", attempts: "fill memory by one line", script: "head -c 100000000 /dev/zero | tr '\\0' x" },
  {
    name: "leaves-a-child",
    attempts: "leave a process in its group",
    works: true,
    script: "sleep $TOKEN > /dev/null 2>&1 &",
  },
  {
    name: "leaves-a-daemon",
    attempts: "leave a process in a session of its own",
    works: true,
    script: "setsid sleep $TOKEN > /dev/null 2>&1 &",
  },
  {
    name: "leaves-a-holder",
    attempts: "keep the output open after its end",
    works: true,
    script: "setsid sleep $TOKEN &",
  },
  {
    name: "hides-a-daemon",
    attempts: "leave a process without a mark",
    works: true,
    leaves: true,
    script: 'env -i PATH="$PATH" setsid sleep $TOKEN > /dev/null 2>&1 &',
  },
  {
    name: "writes-on",
    attempts: "change its work after it was judged",
    works: true,
    script: "(sleep 0.4; echo evil > one.txt; echo true > check.sh) > /dev/null 2>&1 &",
  },
  {
    name: "many-processes",
    attempts: "leave 200 processes",
    works: true,
    script: "i=0; while [ $i -lt 200 ]; do sleep $TOKEN > /dev/null 2>&1 & i=$((i+1)); done",
  },
  {
    name: "many-files",
    attempts: "slow the runner down by 20,000 files",
    works: true,
    script: "mkdir ignored; cd ignored; seq 20000 | xargs touch",
  },
  {
    name: "deep-folders",
    attempts: "break the runner by depth",
    works: true,
    script: "i=0; while [ $i -lt 300 ]; do mkdir dddddddd; cd dddddddd; i=$((i+1)); done",
  },
  {
    name: "sparse-giant",
    attempts: "fill the disk by a file of 200 GB",
    works: true,
    script: "mkdir -p ignored; truncate -s 200G ignored/giant || true",
  },
  {
    name: "note-in-ignored",
    attempts: "remember by an ignored file",
    maxAttempts: 2,
    script: remembers("ignored/note"),
    breached: memory,
  },
  {
    name: "note-in-git",
    attempts: "remember by its own git folder",
    maxAttempts: 2,
    script:
      "git rev-parse -q --verify refs/heads/note > /dev/null && echo memory > found.txt; git branch note; git stash -q; git config x.y z",
    breached: memory,
  },
  {
    name: "note-in-home",
    attempts: "remember by its home",
    maxAttempts: 2,
    script: remembers('"$HOME/.note"'),
    step: { agent: "fresh" },
    files: { "registries/agents.json": '{"fresh":{"extends":"command","agentHome":"fresh"}}\n' },
    breached: memory,
  },
  {
    name: "note-in-tmp",
    attempts: "remember by its temporary folder",
    maxAttempts: 2,
    script: remembers('"$TMPDIR/note"'),
    breached: memory,
  },
  {
    name: "asks-for-ever",
    attempts: "stop the run by a question instead of work",
    script: "echo '<gate>May I?</gate>'",
  },
];
