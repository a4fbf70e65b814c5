import type { Oid } from "../loop/ports.ts";
import type { GitResult } from "./git.ts";
import { parseRefs, refNames } from "./refs.ts";
import type { Repo } from "./repo.ts";

/** A transfer that does not move is given up after a minute instead of holding up the night. */
export const patience = ["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60"] as const;
/** A remote that does not even list its refs in this time is not there. */
export const answerMs = 60_000;

const never = new AbortController().signal;

export type RemoteAsked = { ok: true; refs: Map<string, Oid> } | { ok: false; message: string };

/** Branch, ledgers, leases and kept attempts as the remote has them now. */
export async function askRemote(repo: Repo, remote: string, signal = never): Promise<RemoteAsked> {
  const patterns = [
    refNames.branch(repo.branch!),
    "refs/capstan/ledger/*",
    "refs/capstan/attempts/*",
    "refs/capstan/lease/*",
  ];
  return await listRefs(repo, remote, patterns, signal);
}

/** One ref as the remote has it now; `null` when it is not there. */
export async function askRef(repo: Repo, remote: string, ref: string, signal = never): Promise<RefAsked> {
  const asked = await listRefs(repo, remote, [ref], signal);
  return asked.ok ? { ok: true, oid: asked.refs.get(ref) ?? null } : asked;
}

export type RefAsked = { ok: true; oid: Oid | null } | { ok: false; message: string };

async function listRefs(
  repo: Repo,
  remote: string,
  patterns: readonly string[],
  signal: AbortSignal,
): Promise<RemoteAsked> {
  const timed = AbortSignal.any([signal, AbortSignal.timeout(answerMs)]);
  const asked = await repo.git([...patience, "ls-remote", "--quiet", remote, ...patterns], { signal: timed });
  return asked.ok ? { ok: true, refs: parseRefs(asked.stdout) } : { ok: false, message: messageOf(asked) };
}

/** Fetches the named refs; each is `+from:to`. `null` when it worked. */
export async function fetchRefs(
  repo: Repo,
  remote: string,
  specs: readonly string[],
  signal = never,
): Promise<string | null> {
  const args = [
    ...patience,
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--stdin",
  ];
  const fetched = await repo.git([...args, remote], { stdin: specs.map((spec) => `${spec}\n`).join(""), signal });
  return fetched.ok ? null : messageOf(fetched);
}

/** Whether the remote was reached and said no: it says for each ref what became of it. */
export function isRefused(result: GitResult): boolean {
  return result.stdout.split("\n").some((line) => line.startsWith("!"));
}

export function messageOf(result: GitResult): string {
  const refused = result.stdout.split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(2));
  return [result.stderr, ...refused].join("\n").trim() || `git ended with ${result.code ?? "a signal"}`;
}
