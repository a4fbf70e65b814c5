import type { StopReason } from "../model/process.ts";
import { signalGroup, signalProcess, type Stopped } from "./exit.ts";
import { processesOfGroup } from "./proc.ts";

/** How an adapter wants its agent stopped: this signal to the whole group, then SIGKILL after `graceMs`. */
export interface StopPolicy {
  signal: NodeJS.Signals;
  graceMs: number;
}

export interface Stopper {
  readonly stopped: Stopped;
  /** Records the reason, then signals. Only the first call counts; after `ended` none does. */
  stop: (reason: StopReason) => void;
  /** SIGKILL now. The reason counts when there was none before. */
  kill: (reason: StopReason) => void;
  /** Whether `kill` was called: nothing of the process gets any grace then. */
  isHurried: () => boolean;
  /** The process is gone: no signal may follow, its id may belong to somebody else. */
  ended: () => void;
}

/** Stops the process group that `pid` leads. */
export function createStopper(pid: number, policy: StopPolicy, { fenced = false } = {}): Stopper {
  const stopped: Stopped = { why: null, sent: new Set() };
  let isOver = false;
  let isHurried = false;
  let escalation: NodeJS.Timeout | undefined;
  const kill = (signal: NodeJS.Signals) => {
    const members = fenced && signal !== "SIGKILL" ? insideOf(pid) : null;
    const sent = members?.length === 0 ? "SIGKILL" : signal;
    stopped.sent.add(sent);
    if (members === null || sent === "SIGKILL") signalGroup(pid, sent);
    else for (const member of members) signalProcess(member, sent);
  };
  return {
    stopped,
    stop: (reason) => {
      if (isOver || stopped.why !== null) return;
      stopped.why = reason;
      kill(policy.signal);
      escalation = setTimeout(() => kill("SIGKILL"), policy.graceMs);
    },
    kill: (reason) => {
      isHurried = true;
      if (isOver) return;
      stopped.why ??= reason;
      clearTimeout(escalation);
      kill("SIGKILL");
    },
    isHurried: () => isHurried,
    ended: () => {
      isOver = true;
      clearTimeout(escalation);
    },
  };
}

/**
 * Whom a signal that leaves a grace is for. The leader of the group is bubblewrap, whose death would kill everything
 * inside at once; its child, the first process inside, hears no signal. Nobody: what could need a grace has not started.
 */
function insideOf(leader: number): number[] {
  const members = processesOfGroup(leader).filter((pid) => pid !== leader);
  return members.length < 2 ? [] : members;
}
