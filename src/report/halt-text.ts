import type { Halt } from "../model/halt.ts";
import { duration } from "../model/text.ts";
import { missNext, unusableNext } from "./agent-text.ts";
import { breakerMessage } from "./breaker-text.ts";
import { gateMessage, page } from "./gate-text.ts";
import type { Message, NextStep, Words } from "./message.ts";
import { type Paste, shellWord } from "./paste.ts";
import { problemText } from "./problem-text.ts";
import { remoteHalts } from "./remote-text.ts";
import { repositoryMessage } from "./repository-text.ts";
import { sandboxFix, sandboxMissText, unheld } from "./sandbox-text.ts";
import { limitText, outOfBudgetText, unenforceableText } from "./limit-halts.ts";
import type { Mark } from "./style.ts";
import { count, pointInTime, shortId } from "./units.ts";

/** What the text of a halt consists of. */
export interface HaltText {
  title: string;
  mark?: Mark;
  details?: string[];
  next: NextStep[];
}

type Texts = { [R in Halt["reason"]]: (halt: Extract<Halt, { reason: R }>, words: Words) => HaltText };

const texts: Texts = {
  complete: ({ step, left = 0 }, { paste }) => ({
    mark: "ok",
    title: step === undefined || left === 0 ? "Every step passes" : `${step} passes`,
    next: left === 0
      ? []
      : [{ command: paste(), text: `works on the ${count(left, "step")} that ${left === 1 ? "is" : "are"} left` }],
  }),
  invalid: (halt, { paste }) => ({
    title: halt.problems.length === 1 ? "One thing is wrong" : `${halt.problems.length} things are wrong`,
    details: halt.problems.map((problem) => problemText(problem, paste)),
    next: [{ command: paste("validate"), text: "checks again, once they are fixed; nothing was started or changed" }],
  }),
  repository: (halt, words) => repositoryMessage(halt.problem, words),
  sandbox: ({ why }, { paste }) => {
    const fix = sandboxFix(why);
    return {
      title: `The plan requires a sandbox, and there is none: ${sandboxMissText(why)}`,
      next: [
        ...fix === null ? [] : [{ command: fix, text: "then start again; nothing was started or changed" }],
        { command: paste("doctor"), text: "tries it and says what holds here" },
        { command: paste("--sandbox", "none"), text: `runs without: ${unheld}` },
      ],
    };
  },
  gate: gateMessage,
  question: (halt, { paste }) => ({
    mark: "ask",
    title: `${halt.step} needs your answer`,
    details: halt.handoff === "" ? ["", halt.question.trim()] : page(halt.handoff),
    next: [
      { command: paste("answer", halt.step, "your answer"), text: "goes into the next brief" },
      { command: paste(), text: "then start the loop again" },
    ],
  }),
  "out-of-attempts": (halt, { paste }) => ({
    title: `${halt.step} is out of attempts: ${count(halt.attempts, "attempt")} did not pass`,
    details: halt.summary === "" ? [] : [halt.summary],
    next: [
      { command: paste("explain", halt.step), text: "what was tried and what failed" },
      { command: paste("reopen", halt.step, "--note", "what to do differently"), text: "give it new attempts" },
      { text: "Or make the step smaller, or its criteria clearer, in the plan" },
    ],
  }),
  breaker: breakerMessage,
  "out-of-budget": outOfBudgetText,
  unverifiable: (halt, { paste }) => ({
    title: `Nothing can verify ${halt.step}: no validator runs for it`,
    next: [
      { command: paste("init"), text: "looks for checks of this repository and writes registries/validators.json" },
      { text: `Or name validators on the step ("validators": ["test"])` },
      { text: `Or take the agent's word for this step ("trust": "agent")` },
    ],
  }),
  stuck: (halt, { paste }) => ({
    title: "No step can be worked on: every one that is left waits for another",
    details: halt.steps.map(({ step, waitsFor }) => `${step} waits for ${waitsFor.join(", ")}`),
    next: [{ command: paste("status"), text: "where every step stands" }],
  }),
  limit: limitText,
  "limit-unenforceable": unenforceableText,
  "no-agent": (halt, { paste }) => ({
    title: "No agent can be used",
    details: halt.misses.map((miss) => `${miss.agent}: ${miss.why}${miss.fix === "" ? "" : `. ${miss.fix}`}`),
    next: missNext(halt.misses, paste),
  }),
  "agent-limited": (halt, { paste, now }) => ({
    mark: "wait",
    title: `${halt.agent} rests until ${pointInTime(halt.until, now)}${
      halt.maxWaitMs === 0 ? "" : `, longer than the ${duration(halt.maxWaitMs)} that this run may wait`
    }`,
    details: halt.why === "" ? [] : [halt.why],
    next: [
      { command: paste(), text: "goes on, any time after that" },
      { command: paste("--max-wait", waitFor(halt.until - now)), text: "waits for it" },
      { command: paste("retry", halt.step), text: "has it asked at once, where you know that it can work again" },
    ],
  }),
  "agent-unusable": (halt, { paste }) => ({
    title: halt.times === null
      ? `${halt.agent} cannot be used: ${halt.message}`
      : `${halt.agent} failed ${halt.times} times in a row: ${halt.message}`,
    next: [
      unusableNext(halt.class, paste),
      { command: paste(), text: "then start the loop again: no attempt was lost" },
    ],
  }),
  blocked: (halt, { paste }) => ({
    title: `${halt.step} is blocked: ${halt.why}`,
    next: [
      { command: paste("explain", halt.step), text: "what was tried" },
      { command: paste("reopen", halt.step), text: "gives it another try" },
    ],
  }),
  ...remoteHalts,
  parked: (halt, { paste }) =>
    halt.by !== "edits" ? held(halt, paste) : ({
      title: `${halt.step} is verified but could not land: uncommitted changes in the checkout are in the way`,
      details: [...halt.paths, `The verified commit ${shortId(halt.commit)} is kept at ${halt.ref}`],
      next: [
        {
          command: ["git stash push --include-untracked --", ...halt.paths.map((path) => shellWord(`:/${path}`))].join(
            " ",
          ),
          text: "put the changes aside (git stash pop brings them back)",
        },
        { command: paste(), text: "then start the loop again: it lands the kept work, without an agent" },
      ],
    }),
  locked: (halt, { paste }) => ({
    mark: "wait",
    title: halt.holder === null
      ? "Another run is working on this repository"
      : `Another run is working on this repository: process ${halt.holder.pid} on ${halt.holder.host}, since ${halt.holder.since}`,
    next: [
      { command: paste("status"), text: "where it stands" },
      ...(halt.holder === null
        ? []
        : [{ command: `kill -INT ${halt.holder.pid}`, text: "stops it cleanly, if it is on this machine" }]),
    ],
  }),
  interrupted: (halt, { paste }) => ({
    mark: "warn",
    title: `Stopped by ${halt.signal}; what was done is kept`,
    next: [{ command: paste(), text: "goes on from there" }],
  }),
  internal: (halt, { paste }) => ({
    title: `Internal error: ${halt.message}`,
    details: halt.stack === "" ? [] : [halt.stack],
    next: [
      { command: paste("doctor"), text: "its output and the lines above belong into the report of this bug" },
      { command: paste(), text: "is safe to try again: what has landed is kept" },
    ],
  }),
};

/** Why a run ended and what to do next. The only text of every halt. */
export function haltMessage(halt: Halt, words: Words): Message {
  const make = texts[halt.reason] as (halt: Halt, words: Words) => HaltText;
  return { mark: "bad", details: [], ...make(halt, words) };
}

/** What a person is doing with git in the checkout. */
function held({ step, commit, ref, by, paths }: Extract<Halt, { reason: "parked" }>, paste: Paste): HaltText {
  const isRebase = by === "rebase";
  const why = isRebase
    ? "you are rebasing the branch, and that could not end if it moved"
    : "another git holds the index of the checkout (a commit whose editor is open?)";
  return {
    title: `${step} is verified but could not land: ${why}`,
    details: [...paths, `The verified commit ${shortId(commit)} is kept at ${ref}`],
    next: [
      isRebase
        ? { command: "git rebase --continue", text: "end the rebase (or git rebase --abort)" }
        : { command: "git status", text: "works again once that git has ended" },
      { command: paste(), text: "then start the loop again: it lands the kept work, without an agent" },
    ],
  };
}

/** A `--max-wait` that is long enough. */
function waitFor(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000) + 1);
  return minutes < 120 ? `${minutes}m` : `${Math.ceil(minutes / 60)}h`;
}
