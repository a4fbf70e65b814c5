import { join } from "node:path";
import { pathExists } from "../system/files.ts";
import { which } from "../system/which.ts";
import { type Git, splitNul } from "./git.ts";

/** A tool that installs what a lock file says. `makes` has to be git-ignored, or the lane would fill with its files. */
interface Installer {
  locks: readonly string[];
  tool: string;
  command: string;
  makes: string;
  /** Another command when this file exists beside the lock file. */
  instead?: { file: string; command: string };
  /** Only when the person's own checkout has what it makes. */
  onlyWithOwn?: true;
}

const installers: readonly Installer[] = [
  {
    locks: ["package-lock.json", "npm-shrinkwrap.json"],
    tool: "npm",
    command: "npm ci --no-audit --no-fund",
    makes: "node_modules",
  },
  { locks: ["pnpm-lock.yaml"], tool: "pnpm", command: "pnpm install --frozen-lockfile", makes: "node_modules" },
  {
    locks: ["yarn.lock"],
    tool: "yarn",
    command: "yarn install --frozen-lockfile",
    makes: "node_modules",
    instead: { file: ".yarnrc.yml", command: "yarn install --immutable" },
  },
  { locks: ["bun.lock", "bun.lockb"], tool: "bun", command: "bun install --frozen-lockfile", makes: "node_modules" },
  { locks: ["uv.lock"], tool: "uv", command: "uv sync --frozen", makes: ".venv" },
  { locks: ["poetry.lock"], tool: "poetry", command: "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install", makes: ".venv" },
  { locks: ["Pipfile.lock"], tool: "pipenv", command: "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev", makes: ".venv" },
  {
    locks: ["requirements.txt"],
    tool: "python3",
    command: "python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt",
    makes: ".venv",
    onlyWithOwn: true,
  },
  { locks: ["composer.lock"], tool: "composer", command: "composer install --no-interaction", makes: "vendor" },
];

/** The files whose content decides whether a setup still holds. */
export const lockFiles: readonly string[] = installers.flatMap(({ locks }) => locks);

/**
 * The command that installs what the lock files in the lane say, or `null`: no lock file, no tool on PATH, or a result
 * that git would not ignore. `dir` is the folder in the lane, `checkoutDir` the same folder of the person's checkout.
 */
export async function detectSetup(
  git: Git,
  request: { workTree: string; dir: string; checkoutDir: string; env: Record<string, string> },
): Promise<string | null> {
  const { dir, checkoutDir, env } = request;
  const found: Installer[] = [];
  for (const installer of installers) {
    if (!await anyExists(dir, installer.locks) || await which(installer.tool, env) === null) continue;
    if (installer.onlyWithOwn === true && !await pathExists(join(checkoutDir, installer.makes))) continue;
    // The first lock file wins among those that make the same folder.
    if (!found.some(({ makes }) => makes === installer.makes)) found.push(installer);
  }
  if (found.length === 0) return null;
  const asked = found.map(({ makes }) => `${join(dir, makes, "x")}\0`).join("");
  const options = { workTree: request.workTree, stdin: asked, okCodes: [1] };
  const checked = await git(["check-ignore", "-z", "--stdin", "--no-index"], options);
  const ignored = new Set(splitNul(checked));
  const commands = found.filter(({ makes }) => ignored.has(join(dir, makes, "x"))).map(async (installer) => {
    const { instead } = installer;
    return instead !== undefined && await pathExists(join(dir, instead.file)) ? instead.command : installer.command;
  });
  return commands.length === 0 ? null : (await Promise.all(commands)).join(" && ");
}

async function anyExists(dir: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (await pathExists(join(dir, name))) return true;
  return false;
}
