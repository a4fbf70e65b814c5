import type { Oid } from "../loop/ports.ts";
import type { Notice } from "../model/event.ts";
import type { RepositoryProblem } from "../model/halt.ts";
import { exec } from "../system/exec.ts";
import { type Git, gitProblem, splitNul } from "./git.ts";

export interface CommitRequest {
  tree: Oid;
  parents: readonly Oid[];
  message: string;
  /** For commits that people get to see on their branch; records are never signed. */
  sign?: boolean;
}

export type Committed = { ok: true; oid: Oid } | { ok: false; problem: RepositoryProblem };

/** Makes commits by plumbing: no hooks, no editor, no question. Tells once about a missing identity or signature. */
export interface Committer {
  commit(request: CommitRequest): Promise<Committed>;
  /** `Name <email>` of who commits: the configured identity or the runner's own. */
  identity(): Promise<string>;
}

const ownIdentity = { name: "Capstan", email: "capstan@localhost" } as const;
const ownEnv: Record<string, string> = {
  GIT_AUTHOR_NAME: ownIdentity.name,
  GIT_AUTHOR_EMAIL: ownIdentity.email,
  GIT_COMMITTER_NAME: ownIdentity.name,
  GIT_COMMITTER_EMAIL: ownIdentity.email,
};

export function createCommitter(git: Git, env: Record<string, string>, notice: (notice: Notice) => void): Committer {
  const identity = once(async () => {
    // Git would make up an identity from the machine's name otherwise.
    const known = await git(["-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"]);
    if (known.ok) return { text: known.stdout.trim().replace(/ \d+ [+-]\d{4}$/, ""), env: {} };
    const text = `${ownIdentity.name} <${ownIdentity.email}>`;
    notice({ kind: "identity-missing", used: text });
    return { text, env: ownEnv };
  });
  const signs = once(async () => {
    const wanted = await signingConfig(git);
    if (wanted === null) return false;
    const why = wanted.format === "openpgp" ? await openpgpProblem(wanted, env, (await identity()).text) : null;
    if (why !== null) notice({ kind: "unsigned", why });
    return why === null;
  });
  let signingFailed = false;

  return {
    identity: async () => (await identity()).text,
    commit: async ({ tree, parents, message, sign = false }) => {
      const args = ["-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, ...parents.flatMap((oid) => ["-p", oid])];
      const asking = { SSH_ASKPASS_REQUIRE: "never", GPG_TTY: "", DISPLAY: "", WAYLAND_DISPLAY: "" };
      const options = { stdin: message, env: { ...(await identity()).env, ...sign && asking } };
      if (sign && !signingFailed && await signs()) {
        const signed = await git([...args, "-S"], options);
        if (signed.ok) return { ok: true, oid: signed.stdout.trim() };
        signingFailed = true;
        notice({ kind: "unsigned", why: signed.stderr });
      }
      const result = await git(args, options);
      return result.ok ? { ok: true, oid: result.stdout.trim() } : { ok: false, problem: gitProblem(args, result) };
    },
  };
}

interface SigningConfig {
  format: string;
  program: string;
  key: string | null;
}

async function signingConfig(git: Git): Promise<SigningConfig | null> {
  const read = await git(["config", "-z", "--get-regexp", "^(commit\\.gpgsign|gpg\\..*|user\\.signingkey)$"], {
    okCodes: [1],
  });
  const config = new Map(
    splitNul(read).map((entry): [string, string] => {
      const [name = "", ...value] = entry.split("\n");
      return [name, value.length === 0 ? "true" : value.join("\n")];
    }),
  );
  if (!["true", "yes", "on", "1"].includes((config.get("commit.gpgsign") ?? "").toLowerCase())) return null;
  return {
    format: config.get("gpg.format") ?? "openpgp",
    program: config.get("gpg.openpgp.program") ?? config.get("gpg.program") ?? "gpg",
    key: config.get("user.signingkey") ?? null,
  };
}

/** Signs nothing to see whether gpg would ask for a passphrase: it must not open a window in the middle of the night. */
async function openpgpProblem(config: SigningConfig, env: Record<string, string>, who: string): Promise<string | null> {
  const argv = [config.program, "--batch", "--no-tty", "--pinentry-mode", "error", "-bsau", config.key ?? who];
  const { exit, stderr } = await exec(argv, { env, stdin: "", timeoutMs: 20_000 });
  if (exit.kind === "code" && exit.code === 0) return null;
  if (exit.kind === "spawn-failed") return exit.message;
  return stderr.trim() || "gpg could not sign without a question";
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => made ??= make();
}
