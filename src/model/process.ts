import type { Reached } from "./limits.ts";

/** Why the runner itself stopped a process. Recorded before the first signal is sent; the first reason wins. */
export type StopReason =
  | { kind: "timeout"; limitMs: number }
  | { kind: "idle"; limitMs: number }
  | { kind: "completion"; limitMs: number }
  | { kind: "interrupted"; signal: string }
  | { kind: "limit"; reached: Reached }
  | { kind: "anomaly"; what: string }
  | { kind: "output-limit"; limitBytes: number };

/**
 * How a process ended. There is no numeric default anywhere: a process that died by a signal has no exit code,
 * and one that never started has neither.
 */
export type Exit =
  | { kind: "code"; code: number; why?: StopReason }
  | { kind: "signal"; signal: string; sentBy: "us" | "other"; why?: StopReason }
  | { kind: "spawn-failed"; errno: string; message: string };
