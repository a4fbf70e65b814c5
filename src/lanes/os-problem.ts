import type { RepositoryProblem } from "../model/halt.ts";

const diskCodes: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE"]);
const deniedCodes: ReadonlySet<string> = new Set(["EACCES", "EPERM"]);

/**
 * Runs something that works with the files of a lane: what the operating system refuses (a full disk, no permission)
 * becomes `refused`'s value. Anything else is a bug and is thrown on.
 */
export async function withoutSurprise<T>(
  dir: string,
  work: () => Promise<T>,
  refused: (problem: RepositoryProblem) => T,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (diskCodes.has(code)) return refused({ kind: "disk", message });
    if (deniedCodes.has(code)) return refused({ kind: "state-folder", dir, message });
    throw error;
  }
}
