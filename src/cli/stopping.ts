import type { Event, EventBody } from "../model/event.ts";
import type { StopReason } from "../model/process.ts";
import { killSupervised } from "../system/live.ts";
import { dieBy, onSignals, type StopSignal } from "../system/signals.ts";

/**
 * How long after the first signal others count as the same one. One Ctrl-C in a terminal arrives twice under `npm run`:
 * from the terminal, and passed on by npm.
 */
const sameMs = 1000;
/** How long a run that was told to stop at once may take to record the attempt. */
const recordMs = 1500;

/** What the signals of a run have asked for. */
export interface Stopping {
  /** Aborts at the first signal, with a `StopReason`. */
  signal: AbortSignal;
  /** The first signal: the run ends with its exit code. */
  interrupted: () => StopSignal | null;
  /** To be told about every event: messages name the step at work. */
  watch: (event: Event) => void;
  /** From here on signals end this process as usual. */
  unlisten: () => void;
}

/**
 * Listens for signals. The first stops the run cleanly. A later one kills what runs, without any grace; when the attempt
 * is not recorded soon after, this process dies by the signal, and the next start takes the work over.
 */
export function listenForStop(emit: (body: EventBody) => void): Stopping {
  const abort = new AbortController();
  let first: { signal: StopSignal; at: number } | null = null;
  let isKilling = false;
  let step: string | null = null;
  let deadline: NodeJS.Timeout | undefined;

  const unlisten = onSignals((signal) => {
    const reason: StopReason = { kind: "interrupted", signal };
    if (first === null) {
      first = { signal, at: performance.now() };
      emit({ kind: "notice", notice: { kind: "stopping", signal, step } });
      abort.abort(reason);
    } else if (!isKilling && performance.now() - first.at > sameMs) {
      isKilling = true;
      emit({ kind: "notice", notice: { kind: "killing", signal, step } });
      killSupervised(reason);
      const died = first.signal;
      deadline = setTimeout(() => dieBy(died), recordMs);
    }
  });
  return {
    signal: abort.signal,
    interrupted: () => first?.signal ?? null,
    watch: (event) => {
      if (event.kind === "iteration-started") step = event.step;
      else if (event.kind === "landed" || event.kind === "attempt-ended") step = null;
    },
    unlisten: () => {
      clearTimeout(deadline);
      unlisten();
    },
  };
}
