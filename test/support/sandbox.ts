import { execFileSync } from "node:child_process";

/** Why tests of the sandbox are skipped, or `null`. */
export const noSandbox: string | null = whyNot();

/** A title that says why its tests are skipped. */
export function titled(title: string): string {
  return noSandbox === null ? title : `${title} (skipped: ${noSandbox})`;
}

function whyNot(): string | null {
  try {
    execFileSync("bwrap", ["--unshare-pid", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return null;
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    return code === "ENOENT"
      ? "bubblewrap is not installed"
      : `bubblewrap does not work here: ${String(stderr).trim()}`;
  }
}
