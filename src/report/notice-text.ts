import { anomalyText } from "../model/anomaly.ts";
import type { Notice } from "../model/event.ts";
import { duration } from "../model/text.ts";
import { whoText } from "./agent-text.ts";
import type { Words } from "./message.ts";
import { halfOpenText, tripText } from "./breaker-text.ts";
import { shellWord } from "./paste.ts";
import { holderText } from "./remote-text.ts";
import { networkText, sandboxFix, sandboxMissText, unheld } from "./sandbox-text.ts";
import type { Mark } from "./style.ts";
import { count, pointInTime, shortId } from "./units.ts";

/** A notice as text: one line, and lines below it where there is more to say. */
export interface NoticeText {
  mark: Mark;
  title: string;
  details: string[];
  /** `detail` is left out where space is short: it is about how, not about what. */
  level: "essential" | "detail";
}

type Text = { title: string; mark?: Mark; details?: string[]; level?: NoticeText["level"] };
type Texts = { [K in Notice["kind"]]: (notice: Extract<Notice, { kind: K }>, words: Words) => Text };

const texts: Texts = {
  "plan-converted": (notice) => ({ title: "The plan was read in another format", details: notice.changes }),
  "keys-unused": (notice) => ({
    mark: "warn",
    title: "The plan has keys that are not used yet: they change nothing",
    details: notice.keys.map(({ key, steps }) => steps.length === 0 ? `\`${key}\`` : `\`${key}\` of ${list(steps)}`),
  }),
  "edits-committed": (notice) => ({
    title: `Edits of ${list(notice.paths)} committed as ${shortId(notice.commit)}`,
  }),
  "plan-named": (notice) => ({
    title: `The plan got an id, ${notice.plan}, by which its record is found again (commit ${shortId(notice.commit)})`,
  }),
  "reopened-by-hand": (notice) => ({
    title: `${notice.step} had passed and is open again: ${
      notice.why === "plan" ? 'its "passes" was set to false by hand' : "its commit was taken out of the branch"
    }`,
  }),
  "passed-by-hand": (notice) => ({ title: `${notice.step} counts as passed: its "passes" was set to true by hand` }),
  "pass-restored": (notice, { paste }) => ({
    mark: "warn",
    title: `${notice.step} has passed, but an edit of the plan that did not show it yet took that back: restored`,
    details: [`To open it again: ${paste("reopen", notice.step)}`],
  }),
  "taken-back": (notice) => ({
    mark: "warn",
    title: `Commit ${
      shortId(notice.commit)
    } by ${notice.by} took ${notice.step} back: it was made from files that did not show it yet. The step's work is kept and lands on top, without an agent, once it is verified there`,
    details: [`What it took back: git show ${shortId(notice.commit)}`],
  }),
  "plan-unreadable": (notice, { paste }) => ({
    mark: "warn",
    title: `${notice.file} cannot be read now; going on with the last valid version`,
    details: [notice.message, `To see every problem: ${paste("validate")}`],
  }),
  "plan-unused": (notice) => ({
    mark: "warn",
    title: `The plan in the checkout differs from the one on ${notice.branch}, and is not used: the branch's counts`,
    details: [
      `To see how it differs: git diff ${shellWord(notice.branch)} -- ${shellWord(`:/${notice.file}`)}`,
      `To change the branch's: git switch ${
        shellWord(notice.branch)
      }, then edit it there (git stash and git stash pop take edits along)`,
    ],
  }),
  "identity-missing": (notice) => ({
    title: `git knows no name and address for you; commits are made as ${notice.used}`,
    details: [`To set yours: git config user.name "Your Name" && git config user.email you@example.com`],
  }),
  unsigned: (notice) => ({ title: `Commits are not signed: ${notice.why}` }),
  sandbox: (notice) => {
    if (notice.level === "none") {
      const fix = notice.why === null ? null : sandboxFix(notice.why);
      const why = notice.why === null ? "as asked for" : sandboxMissText(notice.why);
      return {
        mark: "warn",
        title: `No sandbox (${why}): ${unheld}`,
        details: fix === null ? [] : [`To have one: ${fix}`],
      };
    }
    const exceptions = [
      networkText(notice.network),
      notice.alsoWritable.length === 0 ? null : `also writable: ${list(notice.alsoWritable)}`,
    ].filter((part) => part !== null);
    return {
      title: ["Sandbox: agents, validators and setup write only in their lane", ...exceptions].join(" · "),
    };
  },
  "validators-detected": (notice, { paste }) => ({
    title: `No registries/validators.json; using what this repository has (${paste("init")} writes it down)`,
    details: notice.validators.map(({ id, command }) => `${id}: ${command}`),
  }),
  "no-validators": (_notice, { paste }) => ({
    mark: "warn",
    title: "No validators: nothing of this repository can be checked",
    details: [`To look for some and write them down: ${paste("init")}`],
  }),
  setup: (notice) => ({
    title: `Preparing a lane: ${notice.command}${notice.why === "first" ? "" : " (a lock file changed)"}`,
    level: "detail",
  }),
  "setup-failed": (notice) => ({
    mark: "bad",
    title: `The setup command failed: ${notice.command}`,
    details: [notice.output],
  }),
  "branch-created": (notice) => ({ title: `Created branch ${notice.branch} from ${notice.from}` }),
  "branch-moved": (notice) => ({
    title: `Branch ${notice.branch} moved from ${shortId(notice.from)} to ${shortId(notice.to)}; going on from there`,
  }),
  "branch-adopted": (notice) => ({ title: `Going on with branch ${notice.branch} at ${shortId(notice.commit)}` }),
  "checkout-left": (notice) => ({
    mark: "warn",
    title: `The checkout was left alone (${notice.why}); the work is on ${notice.branch}`,
  }),
  recovered: (notice) => ({ title: `Recovered from an earlier run: ${notice.what}` }),
  "records-skipped": (notice) => ({
    mark: "warn",
    title: `${count(notice.count, "record")} of the ledger cannot be read and ${
      notice.count === 1 ? "is" : "are"
    } left out`,
    details: [`They stay where they are: git log ${notice.ref}`],
  }),
  fetched: (notice) => ({
    title: `Fetched ${
      notice.branch && notice.ledger ? "branch and ledger" : notice.branch ? "the branch" : "the ledger"
    } from ${notice.remote}`,
    level: notice.branch || notice.ledger ? "essential" : "detail",
  }),
  "fetch-failed": (notice) => ({
    mark: "warn",
    title: `Could not fetch from ${notice.remote}; going on with what is here`,
    details: [notice.message],
  }),
  pushed: (notice) => ({ title: `Pushed ${list(notice.refs)} to ${notice.remote}` }),
  "lfs-not-sent": (notice) => ({
    mark: "warn",
    title: `The LFS files of ${notice.branch} are not on ${notice.remote}: git-lfs is not installed here`,
    details: [`To send them, once it is: git lfs push ${shellWord(notice.remote)} ${shellWord(notice.branch)}`],
  }),
  deepened: (notice) => ({ title: `This clone was shallow; fetched more history from ${notice.remote}` }),
  "no-lease": (notice) => ({
    mark: "warn",
    title: `No lease on ${notice.remote}: nothing keeps another machine from working on this plan at the same time`,
    details: [notice.message],
  }),
  "lease-watched": (notice, { now }) => ({
    mark: "wait",
    title: `${
      notice.holder === null ? "An unknown run" : holderText(notice.holder, now)
    } seems to be gone: watching its lease on ${notice.remote} for ${duration(notice.forMs)} before taking over`,
  }),
  "lease-taken-over": (notice, { now }) => ({
    mark: "warn",
    title: `Took over on ${notice.remote} from ${
      notice.holder === null ? "an unknown run" : holderText(notice.holder, now)
    }`,
  }),
  "lane-rebuilt": (notice) => ({ title: `A lane was made anew: ${notice.why}`, level: "detail" }),
  "processes-swept": (notice) => ({
    mark: "warn",
    title: `${count(notice.count, "process", "processes")} that an agent had left behind: ended`,
  }),
  stopping: ({ signal, step }) => {
    const what = `Stopping${step === null ? "" : ` ${step}, its work is kept`}`;
    return {
      mark: "warn",
      title: signal === "SIGINT"
        ? `${what}; press Ctrl-C again to ${step === null ? "stop at once" : "kill it now"}`
        : `${what} (${signal})`,
    };
  },
  killing: ({ signal, step }) => ({ mark: "warn", title: `Killing ${step ?? "what still runs"} now (${signal})` }),
  anomaly: ({ step, anomaly, killed }) => ({
    mark: "warn",
    title: killed
      ? `Stopping the agent of ${step}: it ${anomalyText(anomaly)}`
      : `The agent of ${step} may be going in circles: it ${anomalyText(anomaly)}`,
  }),
  breaker: ({ state, step, scope, trip }) => ({
    mark: "warn",
    title: state === "half-open"
      ? `${step}: ${halfOpenText(trip)}`
      : scope === "plan"
      ? `The circuit breaker of the plan opened: ${tripText(trip, scope)}`
      : `The circuit breaker of ${step} opened: it ${tripText(trip, scope)}`,
  }),
  tampering: (notice) => ({
    mark: "bad",
    title: notice.restored
      ? "The agent touched what is not its own; it was undone"
      : "The agent touched what is not its own",
    details: [...notice.what, ...diffLines(notice.diff)],
  }),
  "benign-normalized": (notice) => ({
    title: "The agent did what is not its work; only its changes of files count",
    details: notice.what,
    level: "detail",
  }),
  "agent-chosen": (notice) => ({
    title: `Agent: ${notice.agent}${notice.version === null ? "" : ` ${notice.version}`} (the first that is ready of ${
      list(notice.among)
    })`,
  }),
  withheld: (notice) => ({
    mark: "warn",
    title: `${notice.step}: what looks like a secret was taken out of the work that is kept`,
    details: notice.lines,
  }),
  "red-first": ({ step, found }) => ({
    mark: "warn",
    title: found.kind === "vacuous"
      ? `${step}: ${list(found.validators)} ${
        found.validators.length === 1 ? "is" : "are"
      } green before the work (vacuous)`
      : `${step}: ${list(found.validators)} ${
        found.validators.length === 1 ? "is" : "are"
      } red before the work, but not as the step demands (${found.matches})`,
    details: [
      'That can\'t prove the step. A test that the change adds can; to expect it: "redFirst": false in the step',
    ],
  }),
  "agent-missing": ({ misses }) => ({
    mark: "warn",
    title: `Agent ${list(misses.map(({ agent }) => agent))} cannot be used; the next one of the step's list takes over`,
    details: misses.map(({ why, fix }) => fix === "" ? why : `${why}. ${fix}`),
  }),
  "failure-handled": (notice, { now }) => ({ mark: "wait", title: handledText(notice, now) }),
  replayed: (notice) => ({
    title: `The branch moved meanwhile: ${notice.step} was replayed on ${shortId(notice.onto)} and is verified again`,
  }),
};

/** Enough to see what was done; the journal has all of it. */
const diffCap = 24;

function diffLines(diff: string): string[] {
  const lines = diff.split("\n").slice(0, -1);
  if (lines.length <= diffCap) return lines;
  return [...lines.slice(0, diffCap), `and ${lines.length - diffCap} more lines, in tampering.diff of its journal`];
}

/** The class of a failure and what is done about it, in one sentence. */
function handledText(
  { step, agent, title, action }: Extract<Notice, { kind: "failure-handled" }>,
  now: number,
): string {
  const why = `${title.charAt(0).toUpperCase()}${title.slice(1)}`;
  switch (action.kind) {
    case "retry":
      return `${why}: ${step} gets another attempt`;
    case "shrink":
      return `${why}: the next brief of ${step} is half as long`;
    case "block":
      return `${why}: ${step} waits for a person`;
    case "rest":
      return `${why}: ${whoText(agent, action.model)} rests until ${
        pointInTime(action.until, now)
      }; that costs no attempt`;
    case "give-up": {
      const often = action.times === null ? "" : `, ${action.times} times in a row`;
      return `${why}${often}: ${whoText(agent, action.model)} is not used again in this run; that costs no attempt`;
    }
  }
}

/** The only text of every notice. */
export function noticeText(notice: Notice, words: Words): NoticeText {
  const make = texts[notice.kind] as (notice: Notice, words: Words) => Text;
  return { mark: "info", details: [], level: "essential", ...make(notice, words) };
}

function list(items: readonly string[]): string {
  if (items.length <= 3) return items.join(", ");
  return `${items.slice(0, 3).join(", ")} and ${items.length - 3} more`;
}
