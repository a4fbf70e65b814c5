import { mkdir, mkdtemp } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Exit } from "../model/process.ts";
import { reachedText } from "../model/limit-text.ts";
import { duration } from "../model/text.ts";
import { removeTree } from "../system/files.ts";
import type { Sandbox } from "../system/sandbox.ts";
import { supervise } from "../system/supervise.ts";
import type { Execution } from "./attribute.ts";
import { createDigest } from "./digest.ts";

/** How commands are run: the same for all of a run. */
export interface CommandSettings {
  /** The environment before HOME and TMPDIR are replaced: cleaned, with what tools need from the real home. */
  env: Record<string, string>;
  /** Where a fresh HOME and TMPDIR are made for every command; created when missing. */
  tempDir: string;
  /** A mark that no other process has: what a command leaves behind is ended by it. */
  nextMark(): string;
  /** `null`: commands run with the person's rights. */
  sandbox: Sandbox | null;
}

export interface CommandRequest {
  command: string;
  /** The root of the lane, and where in it the command starts. */
  lane: string;
  cwd: string;
  timeoutMs: number;
  logPath: string;
  signal: AbortSignal;
}

/** More output than this is a flood: the command is stopped. */
const maxOutputBytes = 64 * 1024 * 1024;
const maxLogBytes = 4 * 1024 * 1024;
const maxLineBytes = 16 * 1024;
const graceMs = 3000;

/** Runs one command to its end. Never rejects for anything that the command does; exit code 0 is `pass`. */
export async function runCommand(settings: CommandSettings, request: CommandRequest): Promise<Execution> {
  const { command, lane, cwd, timeoutMs, logPath, signal } = request;
  await mkdir(settings.tempDir, { recursive: true });
  const fresh = await mkdtemp(join(settings.tempDir, "capstan-check-"));
  const digest = createDigest();
  try {
    const [home, tmp] = [join(fresh, "home"), join(fresh, "tmp")];
    await Promise.all([mkdir(home), mkdir(tmp)]);
    // The journal is nice to have: a log that can't be written must not decide anything.
    const logged = await mkdir(dirname(logPath), { recursive: true }).then(() => true, () => false);
    const fence = await settings.sandbox?.fence({ profile: "validator", lane, cwd, scratch: [fresh], tmp });
    const { exit, durationMs, swept } = await supervise({
      ...fence !== undefined && { fence },
      argv: ["sh", "-c", command],
      cwd,
      env: { CI: "true", ...settings.env, HOME: home, TMPDIR: tmp },
      mark: settings.nextMark(),
      onStdoutLine: digest.line,
      onStderrLine: digest.line,
      maxLineBytes,
      tailBytes: 1024,
      maxOutputBytes,
      ...logged && { rawLog: { path: logPath, maxBytes: maxLogBytes } },
      stop: { signal: "SIGTERM", graceMs },
      timeoutMs,
      signal,
    }).done;
    const explained = explainExit(exit);
    const left = swept === 0 ? null : `It left ${swept} background ${swept === 1 ? "process" : "processes"}; ended`;
    return {
      status: statusOf(exit),
      exit,
      durationMs,
      digest: [explained?.slice(0, 200), left, digest.text()].filter((part) => part).join("\n"),
      log: logged ? logPath : null,
      cached: false,
    };
  } finally {
    await removeTree(fresh);
  }
}

/** A process that the runner had to stop did not finish its check, whatever code it left with. */
function statusOf(exit: Exit): Execution["status"] {
  if (exit.kind !== "code" || exit.why !== undefined) return "error";
  return exit.code === 0 ? "pass" : "fail";
}

/** What an exit means for a person, `null` when its code says it all. */
function explainExit(exit: Exit): string | null {
  if (exit.kind === "spawn-failed") return `Could not start: ${exit.message}`;
  if (exit.why !== undefined) {
    switch (exit.why.kind) {
      case "timeout":
        return `Stopped: it did not end within ${duration(exit.why.limitMs)} (\`timeoutMinutes\` of the validator)`;
      case "output-limit":
        return `Stopped: it printed more than ${exit.why.limitBytes / (1024 * 1024)} MB`;
      case "interrupted":
        return `Stopped: the run was interrupted (${exit.why.signal})`;
      case "idle":
      case "completion":
        return `Stopped after ${duration(exit.why.limitMs)}`;
      case "anomaly":
        return `Stopped: ${exit.why.what}`;
      case "limit":
        return `Stopped at ${reachedText(exit.why.reached)}`;
    }
  }
  if (exit.kind === "signal") {
    const hint = exit.signal === "SIGKILL" ? " (often because memory ran out)" : "";
    return `Ended by ${exit.signal}, which the runner did not send${hint}`;
  }
  if (exit.code === 127) return "Exit code 127: a program was not found";
  // A shell reports the death of its last command in this way.
  if (exit.code > 128 && exit.code < 160) return `Exit code ${exit.code}: ended by signal ${exit.code - 128}`;
  return exit.code === 0 ? null : `Exit code ${exit.code}`;
}
