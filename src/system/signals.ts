export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

/**
 * Calls back for every signal that asks this process to stop, in place of dying from it, until the returned function
 * is called. A signal while nobody listens ends the process as usual.
 */
export function onSignals(callback: (signal: StopSignal) => void): () => void {
  const signals: StopSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  const listeners = signals.map((signal) => [signal, () => callback(signal)] as const);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
}

/** Ends this process by a signal, whoever listens for it. What must be undone is undone by the kernel or the next start. */
export function dieBy(signal: StopSignal): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

/**
 * Whether this process may signal others. Deno withholds it as long as `--allow-run` names programs: nothing that is
 * started could be stopped then.
 */
export function maySignal(): boolean {
  try {
    // Only asking: signal 0 is none. Signaling oneself is always allowed.
    process.kill(process.ppid, 0);
    return true;
  } catch (error) {
    return (error as Error).name !== "NotCapable";
  }
}
