import type { Halt } from "../model/halt.ts";
import type { LeaseHolder } from "../model/lease.ts";
import { oneLine } from "../model/text.ts";
import type { HaltText } from "./halt-text.ts";
import type { Words } from "./message.ts";
import { shellWord } from "./paste.ts";
import { count, pointInTime } from "./units.ts";

type Reason = "diverged" | "push-refused" | "remote-unreachable" | "leased" | "lease-lost" | "lease-refused";

/** The halts that are about a remote and who works there. */
export const remoteHalts: { [R in Reason]: (halt: Extract<Halt, { reason: R }>, words: Words) => HaltText } = {
  diverged: (halt, { paste }) => ({
    title: `The ${halt.what} ${shortRef(halt.ref)} and its copy on ${halt.remote} have both moved on`,
    next: [
      {
        command: `git log --oneline --left-right ${shellWord(halt.ref)}...FETCH_HEAD`,
        text: `what each side has, after: git fetch ${shellWord(halt.remote)} ${shellWord(halt.ref)}`,
      },
      ...(halt.what === "branch"
        ? [{
          command: `git pull --rebase ${shellWord(halt.remote)} ${shellWord(shortRef(halt.ref))}`,
          text: "join both",
        }]
        : [{
          command: `git fetch ${shellWord(halt.remote)} ${shellWord(`+${halt.ref}:${halt.ref}`)}`,
          text: "take the remote's record; what landed here stays passed through the plan",
        }]),
      { command: paste(), text: "then start the loop again" },
    ],
  }),
  "push-refused": (halt, { paste }) => ({
    title: `${halt.remote} refused the push; everything is committed here`,
    details: [halt.message],
    next: [{ command: paste("--push", halt.remote), text: "tries again, once the reason is removed" }],
  }),
  "remote-unreachable": (halt, { paste }) => ({
    title: halt.begun
      ? `${halt.remote} cannot be reached; everything is committed here`
      : `${halt.remote} cannot be reached; nothing was started`,
    details: [halt.message],
    next: [
      { command: `git ls-remote ${shellWord(halt.remote)}`, text: "shows the same until it can be reached" },
      { command: paste("--push", halt.remote), text: "then start again" },
      { text: "Or leave out --push: what lands is pushed by a later run" },
    ],
  }),
  leased: (halt, { paste, now }) => ({
    mark: "wait",
    title: `Another machine works on this plan: ${holderText(halt.holder, now)}`,
    details: [
      `Last sign of life: ${pointInTime(Date.parse(halt.holder.seen), now)}. ` +
      `Unless it goes on, it counts as gone from ${pointInTime(halt.staleAt, now)} on`,
    ],
    next: [
      { command: paste("--push", halt.remote), text: "after that time takes over; nothing was started now" },
      { command: `kill -INT ${halt.holder.pid}`, text: `stops it cleanly, on ${oneLine(halt.holder.host)}` },
    ],
  }),
  "lease-lost": (halt, { paste, now }) => {
    const { remote, branch, seen, holder, unpushed } = halt;
    const who = holder === null ? "it has ended since, or was taken away" : holderText(holder, now);
    return {
      title: `Another run has taken over this plan on ${remote}; this one stops and pushes nothing more`,
      details: [
        who,
        unpushed === 0
          ? "Everything that landed here is there; the work of the attempt is kept here"
          : `${
            unpushed === null ? "What landed here" : count(unpushed, "commit")
          } of ${branch} stayed here, verified and not pushed; the work of the attempt is kept here, too`,
      ],
      next: [
        ...(unpushed === 0 ? [] : [
          {
            command: `git log --oneline ${shellWord(seen)}..${shellWord(branch)}`,
            text: "what is here and not there",
          },
          {
            command: `git pull --rebase ${shellWord(remote)} ${shellWord(branch)}`,
            text: "joins both, once the other run has ended (git rebase --skip leaves out what it did, too)",
          },
        ]),
        { command: paste("--push", remote), text: "then start the loop again" },
      ],
    };
  },
  "lease-refused": (halt, { paste }) => ({
    title: `${halt.remote} takes no lease, and the plan requires one; nothing was started`,
    details: [halt.message],
    next: [
      { text: `Allow pushes to refs/capstan/ on ${halt.remote}` },
      { text: `Or take "required" out of "lease" in the plan: then one machine at a time is up to you` },
      { command: paste("--push", halt.remote), text: "then start again" },
    ],
  }),
};

/** `Ann <ann@example.com> on build-7, process 4711, since 01:15`. */
export function holderText({ by, host, pid, since }: LeaseHolder, now: number): string {
  return `${oneLine(by)} on ${oneLine(host)}, process ${pid}, since ${pointInTime(Date.parse(since), now)}`;
}

function shortRef(ref: string): string {
  return ref.replace(/^refs\/heads\//, "");
}
