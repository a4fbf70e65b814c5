import type { AgentEvent } from "../model/agent-event.ts";
import { type Anomaly, type AnomalyKind, anomalyThresholds, patience } from "../model/anomaly.ts";
import { masked } from "../model/mask.ts";
import { caps } from "./formats/json.ts";

/** What was seen in one event, and what follows: a line for people, or the end of the agent. */
export interface Alarm {
  level: "warn" | "kill";
  anomaly: Anomaly;
}

/** Watches the events of one agent process. Pure state, no I/O; each kind warns once, and after a kill nothing follows. */
export interface AnomalyWatch {
  /** `at` is the time of the event in milliseconds. */
  see(event: AgentEvent, at: number): Alarm | null;
}

/** What is remembered at most: of open calls, of what succeeded lately, of what sub-agents were asked. */
const most = 200;
/** Errors are compared by this much of their text, in characters. */
const errorLength = 120;
/** Shorter pieces of output begin alike for many reasons. */
const growingLength = 200;
/** How much of the piece before must come again. Not all of it: JSON closes its braces behind what grows. */
const growingShare = 0.9;
const subagents = /^(?:task|agent|sub-?agent|spawn_agent|delegate_to_agent)$/i;

interface Call {
  /** Equal for equal calls. */
  key: string;
  /** Whether `key` stands for all of the arguments. */
  isExact: boolean;
  isSubagent: boolean;
  at: number;
}

export function watchAnomalies(): AnomalyWatch {
  const open = new Map<string, Call>();
  const succeeded = new Set<string>();
  const asked = new Set<string>();
  const warned = new Set<AnomalyKind>();
  let wasted = 0;
  let same = { key: "", count: 0, isPatient: false, answer: null as string | null };
  let failures = { count: 0, sameCount: 0, fingerprint: "" };
  let piece = "";
  let repeatedChars = 0;
  let isOver = false;

  function started(event: Extract<AgentEvent, { kind: "tool-start" }>, at: number): Alarm | null {
    const { id, name, detail, input } = event;
    const key = `${name}\0${input ?? detail}`;
    const call: Call = { key, isExact: input !== undefined, isSubagent: subagents.test(name), at };
    if (call.key !== same.key) same = { key: call.key, count: 0, isPatient: false, answer: null };
    same.count += 1;
    same.isPatient ||= !call.isExact || [...open.values()].some(({ isSubagent }) => isSubagent);
    remember(open, id, call);
    if (call.isSubagent && call.isExact && asked.has(key)) wasted += 1;
    if (call.isSubagent) note(asked, key);
    const factor = same.isPatient ? patience.factor : 1;
    return alarm({ kind: "same-call", tool: name, detail, count: same.count }, same.count / factor) ??
      alarm({ kind: "subagent-waste", count: wasted }, wasted);
  }

  function ended(event: Extract<AgentEvent, { kind: "tool-end" }>, at: number): Alarm | null {
    const call = open.get(event.id);
    open.delete(event.id);
    if (call?.key === same.key) {
      const answer = `${event.ok} ${event.detail}`;
      const isNew = same.answer !== null && same.answer !== answer && masked(same.answer) !== masked(answer);
      same.isPatient ||= at - call.at >= patience.slowCallMs || isNew;
      same.answer = answer;
    }
    return event.ok ? succeed(call, event.detail) : fail(call, event.detail);
  }

  /** Only what was not done just before, with the same answer, is a step on. */
  function succeed(call: Call | undefined, detail: string): null {
    const done = call?.isExact === true ? `${call.key}\0${detail}` : null;
    if (done !== null && succeeded.has(done)) return null;
    if (done !== null) note(succeeded, done);
    failures = { count: 0, sameCount: 0, fingerprint: "" };
    return null;
  }

  function fail(call: Call | undefined, error: string): Alarm | null {
    const fingerprint = masked(error).slice(0, errorLength) || call?.key || "";
    failures = {
      count: failures.count + 1,
      sameCount: fingerprint === failures.fingerprint ? failures.sameCount + 1 : 1,
      fingerprint,
    };
    if (call?.isSubagent === true) wasted += 1;
    return alarm({ kind: "same-error", error, count: failures.sameCount }, failures.sameCount) ??
      alarm({ kind: "failing-calls", error, count: failures.count }, failures.count) ??
      alarm({ kind: "subagent-waste", count: wasted }, wasted);
  }

  function said(text: string, cap: number): Alarm | null {
    const isGrowing = piece.length >= growingLength && (text.length > piece.length || text.length > cap) &&
      text.startsWith(piece.slice(0, Math.floor(piece.length * growingShare)));
    if (isGrowing) repeatedChars += piece.length;
    piece = text;
    return isGrowing ? alarm({ kind: "growing-output", chars: repeatedChars }, repeatedChars) : null;
  }

  /** `size` is what is held against the thresholds. */
  function alarm(anomaly: Anomaly, size: number): Alarm | null {
    const { warn, kill } = anomalyThresholds[anomaly.kind];
    if (size >= kill) {
      isOver = true;
      return { level: "kill", anomaly };
    }
    if (size < warn || warned.has(anomaly.kind)) return null;
    warned.add(anomaly.kind);
    return { level: "warn", anomaly };
  }

  return {
    see(event, at) {
      if (isOver) return null;
      switch (event.kind) {
        case "tool-start":
          return started(event, at);
        case "tool-end":
          return ended(event, at);
        case "text":
          return said(event.text, caps.text);
        case "unknown":
          return said(event.line, caps.unknown);
        case "end":
          isOver = event.ok;
          return null;
        case "start":
        case "usage":
        case "cost":
        case "retry":
        case "error":
          return null;
      }
    },
  };
}

function remember(calls: Map<string, Call>, id: string, call: Call): void {
  if (calls.size >= most) calls.delete(calls.keys().next().value!);
  calls.set(id, call);
}

function note(seen: Set<string>, key: string): void {
  if (seen.size >= most) seen.delete(seen.keys().next().value!);
  seen.add(key);
}
