import { join } from "node:path";
import { isInside } from "./paths.ts";

/** Where the gits of an agent with this home write down what they do. */
export function traceFile(home: string): string {
  return join(home, "git-trace.jsonl");
}

/** The variables that make them (git's Trace2 format). */
export function traceEnv(home: string): Record<string, string> {
  return { GIT_TRACE2_EVENT: traceFile(home), GIT_TRACE2_EVENT_BRIEF: "1", GIT_TRACE2_ENV_VARS: "GIT_DIR" };
}

/** Commands that leave refs and configuration alone. */
const readers = new Set([
  "blame",
  "cat-file",
  "check-ignore",
  "describe",
  "diff",
  "diff-index",
  "diff-tree",
  "for-each-ref",
  "grep",
  "log",
  "ls-files",
  "ls-tree",
  "merge-base",
  "name-rev",
  "rev-list",
  "rev-parse",
  "shortlog",
  "show",
  "show-ref",
  "status",
  "upload-pack",
  "version",
]);

/**
 * Whether a git that the agent started worked on the person's repository and may have moved something there. The trace
 * is the agent's own: one that hides its git from it is not found by it.
 */
export function wroteTo({ root, commonDir }: { root: string; commonDir: string }, trace: string): boolean {
  const processes = new Map<string, { here: boolean; name: string | null }>();
  const isHere = (path: unknown): boolean =>
    typeof path === "string" && (isInside(path, root) || isInside(path, commonDir));
  for (const line of trace.split("\n")) {
    const event = parse(line);
    if (event === null) continue;
    const known = processes.get(event.sid) ?? { here: false, name: null };
    processes.set(event.sid, known);
    if (event.event === "def_repo") known.here ||= isHere(event["worktree"]);
    if (event.event === "def_param") known.here ||= event["param"] === "GIT_DIR" && isHere(event["value"]);
    if (event.event === "start" && Array.isArray(event["argv"])) {
      known.here ||= (event["argv"] as unknown[]).some((word) =>
        typeof word === "string" && (word.includes(root) || word.includes(commonDir))
      );
    }
    if (event.event === "cmd_name" && typeof event["name"] === "string") known.name = event["name"];
  }
  return [...processes.values()].some(({ here, name }) => here && (name === null || !readers.has(name)));
}

function parse(line: string): (Record<string, unknown> & { sid: string; event: string }) | null {
  try {
    const event: unknown = JSON.parse(line);
    if (typeof event !== "object" || event === null) return null;
    const { sid, event: kind } = event as Record<string, unknown>;
    return typeof sid === "string" && typeof kind === "string"
      ? { ...event as Record<string, unknown>, sid, event: kind }
      : null;
  } catch {
    return null;
  }
}
