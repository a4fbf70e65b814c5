import type { AgentEvent, AgentFault, Usage } from "../model/agent-event.ts";
import { caps, clipStart } from "./formats/json.ts";

/** What the events of one agent process came to so far. Bounded, however long the process talks. */
export interface Tally {
  model: string | null;
  version: string | null;
  usage: Usage | null;
  costUsd: number | null;
  toolCalls: number;
  /** Tool calls that were started and not ended. */
  open: Set<string>;
  /** The newest fatal error; gone when the agent later says that it ended well. */
  fault: AgentFault | null;
  /** The newest transient failure; gone when the agent gets on. */
  retrying: Extract<AgentEvent, { kind: "retry" }> | null;
  end: { ok: boolean; finalText: string } | null;
  /** The end of everything said, for agents without a closing statement. */
  said: string;
  events: number;
}

export function emptyTally(): Tally {
  return {
    model: null,
    version: null,
    usage: null,
    costUsd: null,
    toolCalls: 0,
    open: new Set(),
    fault: null,
    retrying: null,
    end: null,
    said: "",
    events: 0,
  };
}

/** Adds one event, in place. */
export function addEvent(tally: Tally, event: AgentEvent): void {
  tally.events += 1;
  switch (event.kind) {
    case "start":
      tally.model = event.model ?? tally.model;
      tally.version = event.version ?? tally.version;
      break;
    case "text":
      tally.retrying = null;
      tally.said = tally.said === "" ? event.text : `${tally.said}\n${event.text}`;
      // Cut seldom: copying what is kept with every line would make a flood of lines cost as much as its square.
      if (tally.said.length > 2 * caps.finalText) tally.said = clipStart(tally.said, caps.finalText);
      break;
    case "tool-start":
      tally.retrying = null;
      tally.toolCalls += 1;
      tally.open.add(event.id);
      break;
    case "tool-end":
      tally.open.delete(event.id);
      break;
    case "usage":
      tally.usage = event.usage;
      break;
    case "cost":
      tally.costUsd = event.usd;
      break;
    case "error":
      tally.fault = event.fault;
      break;
    case "end":
      tally.end = { ok: event.ok, finalText: event.finalText };
      if (event.ok) tally.fault = null;
      break;
    case "retry":
      tally.retrying = event;
      break;
    case "unknown":
      break;
  }
}
