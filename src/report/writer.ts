/** The part of a stream that a writer needs. */
export interface TextSink {
  write(text: string): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/**
 * Writes text to a stream for as long as somebody reads it.
 *
 * A reader that went away (`| head`, a closed terminal) neither throws nor stops anything: what follows is dropped.
 */
export function createWriter(sink: TextSink): (text: string) => void {
  let open = true;
  // Node reports EPIPE as an `error` event, some time after the write; without a listener it would end the process.
  sink.on("error", () => {
    open = false;
  });
  return (text) => {
    if (!open || text === "") return;
    try {
      sink.write(text);
    } catch {
      // Deno and destroyed streams throw instead.
      open = false;
    }
  };
}
